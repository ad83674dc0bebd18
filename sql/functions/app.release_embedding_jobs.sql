-- Gives back what a worker leased in the bound agency and did not try: when it stops, or when whoever
-- embeds for it cannot be reached, which is no fault of the texts. The attempt is not counted. A job that
-- somebody is changing is left alone; its lease ends by itself. Answers how many were given back.
create or replace function app.release_embedding_jobs(worker text, pause interval default '0')
returns integer
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    released integer;
begin
    if pause is null or pause not between interval '0' and interval '1 day' then
        raise exception 'The pause is between 0 and 1 day, not %.', coalesce(pause::text, 'null')
            using errcode = '22023';
    end if;
    update ai.embedding_jobs as j
       set locked_by = null,
           locked_until = null,
           attempts = greatest(j.attempts - 1, 0),
           run_after = greatest(j.run_after, now() + pause)
     where j.agency_id = app.agency_id()
       and j.id in (
           select h.id
             from ai.embedding_jobs as h
            where h.agency_id = app.agency_id()
              and h.locked_by = release_embedding_jobs.worker
              and h.dead_at is null
              for update skip locked
       );
    get diagnostics released = row_count;
    return released;
end;
$function$;

revoke all on function app.release_embedding_jobs(text, interval) from public;
grant execute on function app.release_embedding_jobs(text, interval) to
    gardenos_worker;

comment on function app.release_embedding_jobs(text, interval) is
'Gives back what a worker leased in the bound agency and did not try; returns how many.';
