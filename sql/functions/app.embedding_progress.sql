-- How far a model is in the bound agency: its texts, those without a current vector, and of the queue what
-- waits and what was given up. An agency that lacks nothing can change to the model.
create or replace function app.embedding_progress(
    model_key text,
    out texts bigint,
    out lacking bigint,
    out waiting bigint,
    out dead bigint
)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency constant uuid := app.agency_id();
    model uuid;
begin
    select m.id
      into model
      from ai.embedding_models as m
     where m.key = embedding_progress.model_key;
    if not found then
        raise exception 'There is no embedding model %.', coalesce(quote_literal(model_key), 'null')
            using errcode = 'P0002';
    end if;
    texts := (
        select count(*)
          from ai.chunks as c
         where c.agency_id = agency
    ) + (
        select count(*)
          from ai.memories as c
         where c.agency_id = agency
           and c.deleted_at is null
    );
    lacking := (
        select count(*)
          from app.lacking_vectors(agency, model) as l
    );
    select count(*) filter (where j.dead_at is null), count(*) filter (where j.dead_at is not null)
      into waiting, dead
      from ai.embedding_jobs as j
     where j.agency_id = agency
       and j.model_id = model;
end;
$function$;

revoke all on function app.embedding_progress(text) from public;
grant execute on function app.embedding_progress(text) to
    gardenos_worker;

comment on function app.embedding_progress(text) is
'Of the bound agency: its texts, those that lack a vector of a model, jobs that wait and that were given up.';
