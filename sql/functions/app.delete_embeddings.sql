-- Removes vectors and jobs of a retired model from the bound agency, at most so many of each at a time.
-- Answers how many: call it, each time in a transaction of its own, until that is 0.
create or replace function app.delete_embeddings(model_key text, batch integer default 1000)
returns integer
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency constant uuid := app.agency_id();
    model ai.embedding_models;
    vectors integer;
    jobs integer;
begin
    if agency is null then
        raise exception 'No agency is bound: a vector belongs to one.'
            using errcode = '42501',
            hint = 'Begin with: select app.bind_worker(agency).';
    end if;
    if batch is null or batch not between 1 and 100000 then
        raise exception 'A batch has between 1 and 100000 vectors, not %.', coalesce(batch::text, 'null')
            using errcode = '22023';
    end if;
    select *
      into model
      from ai.embedding_models as m
     where m.key = delete_embeddings.model_key;
    if not found then
        raise exception 'There is no embedding model %.', coalesce(quote_literal(model_key), 'null')
            using errcode = 'P0002';
    end if;
    if model.status <> 'retired' then
        raise exception 'Model % is %: only vectors of a retired model are removed.', model.key, model.status
            using errcode = '55000';
    end if;
    delete from ai.embedding_jobs as j
     where j.agency_id = agency
       and j.id in (
           select o.id
             from ai.embedding_jobs as o
            where o.agency_id = agency
              and o.model_id = model.id
            limit batch
              for update skip locked
       );
    get diagnostics jobs = row_count;
    -- dynamic, so that the agency is a constant and its partitions are known at once
    execute format(
        'delete from ai.%1$I as e where e.agency_id = $1 and e.id in ('
        ' select o.id from ai.%1$I as o where o.agency_id = $1 and o.model_id = $2'
        ' limit $3 for update skip locked)',
        'embeddings_' || model.storage
    )
        using agency, model.id, batch;
    get diagnostics vectors = row_count;
    return vectors + jobs;
end;
$function$;

revoke all on function app.delete_embeddings(text, integer) from public;
grant execute on function app.delete_embeddings(text, integer) to
    gardenos_worker;

comment on function app.delete_embeddings(text, integer) is
'Removes vectors and jobs of a retired model from the bound agency; returns how many.';
