-- The texts of an agency without a vector of a model, or with one that is stale: of another hash. What is
-- to be queued for a new model, and what keeps an agency from changing to it. The reader's policies decide
-- which texts there are. Dynamic, so that the agency is a constant and its partitions are known at once.
create or replace function app.lacking_vectors(agency_id uuid, model_id uuid)
returns table (chunk_id uuid, memory_id uuid, content_sha256 bytea)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    storage constant text := (
        select m.storage
          from ai.embedding_models as m
         where m.id = lacking_vectors.model_id
    );
begin
    if storage is null or to_regclass('ai.embeddings_' || storage) is null then
        raise exception 'There is no table for vectors of the kind %.', coalesce(storage, 'null')
            using errcode = '0A000',
            hint = 'A revision makes one from the template of the others.';
    end if;
    return query execute format(
        'select c.id, null::uuid, c.content_sha256::bytea from ai.chunks as c'
        ' where c.agency_id = $1 and not exists ('
        ' select from ai.%1$I as e where e.agency_id = $1 and e.chunk_id = c.id'
        ' and e.model_id = $2 and e.content_sha256 = c.content_sha256)'
        ' union all'
        ' select null::uuid, c.id, c.content_sha256::bytea from ai.memories as c'
        ' where c.agency_id = $1 and c.deleted_at is null and not exists ('
        ' select from ai.%1$I as e where e.agency_id = $1 and e.memory_id = c.id'
        ' and e.model_id = $2 and e.content_sha256 = c.content_sha256)',
        'embeddings_' || storage
    )
        using lacking_vectors.agency_id, lacking_vectors.model_id;
end;
$function$;

revoke all on function app.lacking_vectors(uuid, uuid) from public;
grant execute on function app.lacking_vectors(uuid, uuid) to
    gardenos_worker,
    gardenos_publisher;

comment on function app.lacking_vectors(uuid, uuid) is
'The texts of an agency that have no vector of a model, or a stale one.';
