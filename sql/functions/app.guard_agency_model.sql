-- An agency changes to another model in one statement, and only when nothing is lost by it: each text that
-- its present model finds has a vector of the new one. Two models' vectors are never compared, so a text
-- without one would not be found any more. A text whose edit waits for its vector in either model is no
-- obstacle. An agency without a model has nothing to lose.
--
-- Runs after the row, and so after its foreign key: the key has locked the model, which cannot be retired
-- until the end (app.guard_model_status).
--
-- SECURITY DEFINER: whether an agency has all vectors does not depend on what the writer may read.
set local role gardenos_publisher;

create or replace function app.guard_agency_model()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    model ai.embedding_models;
    present uuid := case when tg_op = 'UPDATE' then old.embedding_model_id end;
    lacking bigint;
    dead bigint;
begin
    if new.embedding_model_id is null or new.embedding_model_id = present then
        return null;
    end if;
    select *
      into strict model
      from ai.embedding_models as m
     where m.id = new.embedding_model_id;
    if model.status = 'retired' then
        raise exception 'Model % is retired: no agency can change to it.', model.key
            using errcode = '55000';
    end if;
    if present is null then
        return null;
    end if;
    select
        count(*),
        count(*) filter (
            where exists (
                select 1
                  from ai.embedding_jobs as j
                 where j.agency_id = new.id
                   and coalesce(j.chunk_id, j.memory_id) = coalesce(l.chunk_id, l.memory_id)
                   and j.model_id = model.id
                   and j.dead_at is not null
            )
        )
      into lacking, dead
      from (
          select n.chunk_id, n.memory_id
            from app.lacking_vectors(new.id, model.id) as n
          except
          select p.chunk_id, p.memory_id
            from app.lacking_vectors(new.id, present) as p
      ) as l;
    if lacking > 0 then
        raise exception 'The agency cannot change to model %: % of its texts have no vector of it, of which % were given up.',
            model.key, lacking, dead
            using errcode = '55000',
            hint = 'As the worker, bound to the agency: app.queue_embeddings queues what lacks, app.requeue_embeddings '
                'what was given up, app.embedding_progress says how far it is.';
    end if;
    return null;
end;
$function$;

revoke all on function app.guard_agency_model() from public;
grant execute on function app.guard_agency_model() to
    gardenos_owner;

comment on function app.guard_agency_model() is
'Refuses another embedding model of an agency before all vectors are there.';

set local role gardenos_owner;
