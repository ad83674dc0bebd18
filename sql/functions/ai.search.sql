-- What the agency knows about a question: chunks of documents and memories, the best first. By its meaning
-- (query_embedding, made with the model that app.search_model names), by its words (query), or by both; the
-- filters are those of app.search_filters. Always k rows when k are there to be found.
--
-- SECURITY INVOKER: each row is read under the policies of the caller. It writes nothing, so it works on a
-- replica; app.touch_memories notes which memories were used.
--
-- Two lists, of the nearest vectors and of the best hits of the words, become one by reciprocal rank. A
-- memory fades with the time since it was last used, which changes its place and never hides it.
create or replace function ai.search(
    query text default null,
    query_embedding real[] default null,
    k integer default 10,
    filters jsonb default '{}'
)
returns table (
    kind text,
    id uuid,
    document_id uuid,
    content text,
    score double precision,
    distance double precision,
    vector_place bigint,
    text_place bigint
)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $function$
#variable_conflict use_column
declare
    agency uuid := app.agency_id();
    page_limit integer := greatest(3 * k, 50);
    chunk_ids uuid[];
    memory_ids uuid[];
begin
    if k is null or k not between 1 and 100 then
        raise exception 'k is from 1 to 100, not %.', coalesce(k::text, 'null')
            using errcode = '22023';
    end if;
    if query is null and query_embedding is null then
        raise exception 'A search needs a query, a query_embedding, or both.'
            using errcode = '22023';
    end if;
    if (app.search_filters(filters)).records is not null then
        select a.chunk_ids, a.memory_ids
          into chunk_ids, memory_ids
          from app.texts_about(filters) as a;
    end if;
    return query
    with
    nearest as (
        select
            coalesce(v.chunk_id, v.memory_id) as id,
            v.memory_id is not null as is_memory,
            v.distance,
            row_number() over (order by v.distance, v.chunk_id, v.memory_id) as place
          from app.vector_candidates(query_embedding, page_limit, filters, chunk_ids, memory_ids) as v
         where query_embedding is not null
         order by place
         limit page_limit
    ),
    worded as (
        select
            coalesce(t.chunk_id, t.memory_id) as id,
            t.memory_id is not null as is_memory,
            t.place
          from app.text_candidates(search.query, page_limit, filters, chunk_ids, memory_ids) as t
         where search.query is not null
    ),
    -- materialized, for the look-ups below: a coalesce might tell of a row, and waits for the policies
    fused as materialized (
        select
            id,
            is_memory,
            n.distance,
            n.place as vector_place,
            w.place as text_place,
            coalesce(1.0::double precision / (60 + n.place), 0)
            + coalesce(1.0::double precision / (60 + w.place), 0) as score
          from nearest as n
          full join worded as w
         using (id, is_memory)
    ),
    weighed as materialized (
        select f.*, m.content, f.score * coalesce(m.weight, 1) as weighed_score
          from fused as f
          left join lateral (
              select
                  m.content::text,
                  greatest(0.3, least(1.5, 0.3 + 1.2 * exp(greatest(
                      -700,
                      -ln(2)
                      * greatest(extract(epoch from now() - coalesce(m.last_accessed_at, m.created_at)), 0)
                      / greatest(extract(epoch from coalesce(
                          m.half_life,
                          case m.kind
                              when 'episodic' then interval '30 days'
                              when 'semantic' then interval '180 days'
                              when 'procedural' then interval '3650 days'
                          end
                      )), 1)
                  )::double precision))) * (0.5 + m.importance / 2) as weight
                from ai.memories as m
               where m.agency_id = agency
                 and m.id = f.id
                 and f.is_memory
              offset 0
          ) as m
            on true
    )
    select
        case when w.is_memory then 'memory' else 'chunk' end,
        w.id,
        c.document_id,
        coalesce(c.content, w.content),
        w.weighed_score,
        w.distance,
        w.vector_place,
        w.text_place
      from (
          select *
            from weighed
           order by weighed_score desc, id
          offset 0
      ) as w
      -- offset 0: only the chunks that are returned are looked up
      left join lateral (
          select c.document_id, c.content::text
            from ai.chunks as c
           where c.agency_id = agency
             and c.id = w.id
             and not w.is_memory
          offset 0
      ) as c
        on true
     where coalesce(c.content, w.content) is not null
     order by w.weighed_score desc, w.id
     limit k;
end;
$function$;

revoke all on function ai.search(text, real[], integer, jsonb) from public;
grant execute on function ai.search(text, real[], integer, jsonb) to
    authenticated;

comment on function ai.search(text, real[], integer, jsonb) is
'The k chunks and memories that answer a question best, by vector, by words or by both.';
