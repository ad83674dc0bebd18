-- The chunks and memories whose vectors are nearest to that of a question, nearest first: so many, when the
-- caller may read so many that the filters keep. chunk_ids and memory_ids, when they are given, are all there
-- is to compare.
--
-- SECURITY INVOKER: the access columns of a vector are those of its text, so the policies answer without
-- looking at it.
--
-- Agency and tier are literals in the text that is run, so that the partitions of everybody else are left out
-- when it is planned; (select …) would leave them out only when it runs. In tier small the vectors of the
-- agency are compared one by one. In large its own index is asked, and asked on until enough rows are within
-- the policies and the filters; if that takes too long the few that are within them are compared as well, so
-- that an index never hides a row.
--
-- The planner knows neither what a distance costs nor that an index can be asked on, and would compare all
-- rows of any agency: without sorts there is only the index. "offset 0" is for the opposite. What is not
-- planned anew for each question is kept as a plan.

-- Who is no superuser may name the settings of pgvector once it is loaded.
select '[1]'::extensions.vector;

create or replace function app.vector_candidates(
    query_embedding real[],
    page_limit integer,
    filters jsonb default '{}',
    chunk_ids uuid[] default null,
    memory_ids uuid[] default null
)
returns table (chunk_id uuid, memory_id uuid, distance double precision)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
set enable_sort = off
set "hnsw.ef_search" = 200
set "hnsw.iterative_scan" = relaxed_order
set "hnsw.max_scan_tuples" = 5000
as $function$
#variable_conflict use_column
declare
    agency uuid := app.agency_id();
    filter record := app.search_filters(filters);
    model record;
    tier text;
    scan text;
    has_memory_filter boolean := num_nonnulls(filter.memory_kinds, filter.since, filter.until) > 0;
    is_narrowed boolean := has_memory_filter or num_nonnulls(filter.source_kinds, filter.owner_id) > 0;
    wanted integer;
    chunks uuid[];
    memories uuid[];
    distances double precision[];
    found integer;
    live uuid[];
begin
    if query_embedding is null or agency is null then
        return;
    end if;
    model := app.search_model();
    if model.id is null then
        raise exception 'The agency has no embedding model, so nothing is found by a vector.'
            using errcode = '22023',
            hint = 'Search by words, with query alone.';
    end if;
    if cardinality(query_embedding) <> model.dims or array_ndims(query_embedding) <> 1 then
        raise exception 'The query_embedding has % numbers, and those of % have %.',
            cardinality(query_embedding), model.key, model.dims
            using errcode = '22023';
    end if;
    if array_position(query_embedding, null) is not null
        or 'NaN' = any(query_embedding)
        or 'Infinity' = any(query_embedding)
        or '-Infinity' = any(query_embedding)
        or (0 = all(query_embedding) and model.distance = 'cosine')
    then
        raise exception 'The query_embedding is no vector: its numbers are finite, and not all of them 0.'
            using errcode = '22023';
    end if;

    scan := format(
        'select e.chunk_id, e.memory_id, e.embedding operator(extensions.%s) $1::extensions.%I(%s) as distance'
        || ' from ai.%I as e where e.agency_id = %L and e.model_id = %L',
        case model.distance when 'l2' then '<->' when 'inner_product' then '<#>' else '<=>' end,
        model.vector_type,
        model.dims,
        'embeddings_' || model.storage,
        agency,
        model.id
    );
    if chunk_ids is not null then
        scan := scan || ' and (e.chunk_id = any($3) or e.memory_id = any($4))';
    else
        if filter.owner_id is not null then
            scan := scan || ' and e.owner_id = $5';
        end if;
        scan := scan || case
            when filter.memory_kinds = '{}' then ' and e.memory_id is null'
            when not has_memory_filter then ''
            else concat(
                ' and (e.memory_id is null or exists (select 1 from ai.memories as m',
                format(' where m.agency_id = %L and m.id = e.memory_id', agency),
                ' and m.superseded_by_id is null and (m.expires_at is null or m.expires_at > now())',
                case when filter.memory_kinds is not null then ' and m.kind = any($6)' end,
                case when filter.since is not null then ' and m.created_at >= $8' end,
                case when filter.until is not null then ' and m.created_at < $9' end,
                ' offset 0))'
            )
        end;
        scan := scan || case
            when filter.source_kinds = '{}' then ' and e.chunk_id is null'
            when filter.source_kinds is not null or filter.since is not null or filter.until is not null then
                concat(
                    ' and (e.chunk_id is null or exists (select 1 from ai.chunks as c join ai.documents as d',
                    format(' on d.agency_id = %L and d.id = c.document_id', agency),
                    format(' where c.agency_id = %L and c.id = e.chunk_id', agency),
                    case when filter.source_kinds is not null then ' and d.source_kind = any($7)' end,
                    case when filter.since is not null then ' and d.created_at >= $8' end,
                    case when filter.until is not null then ' and d.created_at < $9' end,
                    ' offset 0))'
                )
            else ''
        end;
    end if;

    foreach tier in array app.search_tiers(model.storage)
    loop
        -- behind a filter the nearest are further apart in the graph: more of them, to miss none
        wanted := page_limit * case when is_narrowed then 3 else 1 end;
        loop
            distances := null;
            if tier = 'large' and chunk_ids is null then
                execute format(
                    'select array_agg(n.chunk_id), array_agg(n.memory_id), array_agg(n.distance)'
                    || ' from (%s and e.tier = %L order by distance limit $2) as n',
                    scan,
                    tier
                )
                   into chunks, memories, distances
                  using query_embedding, wanted, chunk_ids, memory_ids, filter.owner_id,
                        filter.memory_kinds, filter.source_kinds, filter.since, filter.until;
            end if;
            if distances is null or cardinality(distances) < wanted then
                execute format(
                    'select array_agg(n.chunk_id), array_agg(n.memory_id), array_agg(n.distance)'
                    || ' from (select n.* from (%s and e.tier = %L offset 0) as n'
                    || ' order by n.distance limit $2) as n',
                    scan,
                    tier
                )
                   into chunks, memories, distances
                  using query_embedding, wanted, chunk_ids, memory_ids, filter.owner_id,
                        filter.memory_kinds, filter.source_kinds, filter.since, filter.until;
            end if;
            -- Which of the memories are to be found at all. To ask it of each vector would take longer to
            -- plan than the search takes; those that are not are few, and then more are asked for.
            live := memories;
            if array_remove(memories, null) <> '{}' and not has_memory_filter then
                live := array(
                    select m.id
                      from ai.memories as m
                     where m.agency_id = agency
                       and m.id = any(memories)
                       and m.superseded_by_id is null
                       and (m.expires_at is null or m.expires_at > now())
                );
            end if;
            found := (
                select count(*)
                  from unnest(memories) as n (memory_id)
                 where n.memory_id is null
                    or n.memory_id = any(live)
            );
            exit when found >= page_limit or coalesce(cardinality(distances), 0) < wanted;
            wanted := 4 * wanted;
        end loop;
        return query
            select n.chunk_id, n.memory_id, n.distance
              from unnest(chunks, memories, distances) with ordinality
                as n (chunk_id, memory_id, distance, place)
             where n.memory_id is null
                or n.memory_id = any(live)
             order by n.distance, n.place
             limit page_limit;
    end loop;
end;
$function$;

revoke all on function app.vector_candidates(real[], integer, jsonb, uuid[], uuid[]) from public;
grant execute on function app.vector_candidates(real[], integer, jsonb, uuid[], uuid[]) to
    authenticated;

comment on function app.vector_candidates(real[], integer, jsonb, uuid[], uuid[]) is
'The chunks and memories that the caller may read and that are nearest to a vector; use ai.search.';
