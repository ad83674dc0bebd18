-- Queues texts of the bound agency that lack a vector of a model, or have a stale one, and no job: for a
-- model that is being built, and for whatever the triggers did not see (a restored dump). At most so many
-- at a time. Answers how many: call it, each time in a transaction of its own, until that is 0. They come
-- after what people write meanwhile.
--
-- A text is locked while its job is made, and skipped when somebody has it: their own trigger queues it.
create or replace function app.queue_embeddings(model_key text, batch integer default 10000)
returns integer
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    backfill constant integer := 200;
    agency constant uuid := app.agency_id();
    model ai.embedding_models;
    queued integer;
begin
    if agency is null then
        raise exception 'No agency is bound: a text belongs to one.'
            using errcode = '42501',
            hint = 'Begin with: select app.bind_worker(agency).';
    end if;
    if batch is null or batch not between 1 and 100000 then
        raise exception 'A batch has between 1 and 100000 texts, not %.', coalesce(batch::text, 'null')
            using errcode = '22023';
    end if;
    select *
      into model
      from ai.embedding_models as m
     where m.key = queue_embeddings.model_key;
    if not found then
        raise exception 'There is no embedding model %.', coalesce(quote_literal(model_key), 'null')
            using errcode = 'P0002';
    end if;
    if model.status = 'retired' then
        raise exception 'Model % is retired: nothing is embedded with it any more.', model.key
            using errcode = '55000';
    end if;
    insert into ai.embedding_jobs (agency_id, chunk_id, memory_id, model_id, content_sha256, priority)
    with lacking as materialized (
        select l.chunk_id, l.memory_id
          from app.lacking_vectors(agency, model.id) as l
         where not exists (
             select 1
               from ai.embedding_jobs as j
              where j.agency_id = agency
                and j.chunk_id = l.chunk_id
                and j.model_id = model.id
         )
           and not exists (
             select 1
               from ai.embedding_jobs as j
              where j.agency_id = agency
                and j.memory_id = l.memory_id
                and j.model_id = model.id
         )
         limit batch
    ),
    chunk as (
        select c.id, c.content_sha256
          from ai.chunks as c
         where c.agency_id = agency
           and c.id in (
               select l.chunk_id
                 from lacking as l
           )
           for no key update skip locked
    ),
    memory as (
        select c.id, c.content_sha256
          from ai.memories as c
         where c.agency_id = agency
           and c.deleted_at is null
           and c.id in (
               select l.memory_id
                 from lacking as l
           )
           for no key update skip locked
    )
    select agency, c.id, null::uuid, model.id, c.content_sha256, backfill
      from chunk as c
    union all
    select agency, null::uuid, c.id, model.id, c.content_sha256, backfill
      from memory as c
    on conflict do nothing;
    get diagnostics queued = row_count;
    return queued;
end;
$function$;

revoke all on function app.queue_embeddings(text, integer) from public;
grant execute on function app.queue_embeddings(text, integer) to
    gardenos_worker;

comment on function app.queue_embeddings(text, integer) is
'Queues texts of the bound agency that lack a current vector of a model; returns how many.';
