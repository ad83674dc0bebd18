-- Gives texts of the bound agency that were given up another eight attempts, at most so many at a time.
-- Answers how many: call it until that is 0, after what made them fail was mended.
create or replace function app.requeue_embeddings(batch integer default 1000)
returns integer
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    requeued integer;
begin
    if batch is null or batch not between 1 and 100000 then
        raise exception 'A batch has between 1 and 100000 texts, not %.', coalesce(batch::text, 'null')
            using errcode = '22023';
    end if;
    update ai.embedding_jobs as j
       set dead_at = null,
           attempts = 0,
           run_after = now(),
           locked_by = null,
           locked_until = null
     where j.agency_id = app.agency_id()
       and j.id in (
           select d.id
             from ai.embedding_jobs as d
            where d.agency_id = app.agency_id()
              and d.dead_at is not null
            limit batch
              for update skip locked
       );
    get diagnostics requeued = row_count;
    return requeued;
end;
$function$;

revoke all on function app.requeue_embeddings(integer) from public;
grant execute on function app.requeue_embeddings(integer) to
    gardenos_worker;

comment on function app.requeue_embeddings(integer) is
'Gives texts of the bound agency that were given up new attempts; returns how many.';
