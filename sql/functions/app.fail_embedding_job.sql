-- Notes that a text could not be embedded, and why. It is tried again after a minute, then twice as long
-- each time; after eight attempts, some two hours, it is given up, and an alarm counts it
-- (app.embedding_health). Answers failed or dead; null when the worker has the job no more, because the
-- text changed or its lease ended.
create or replace function app.fail_embedding_job(worker text, job_id uuid, error text)
returns text
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    max_attempts constant integer := 8;
    is_dead boolean;
begin
    update ai.embedding_jobs as j
       set run_after = clock_timestamp() + interval '30 seconds' * power(2, j.attempts),
           dead_at = case when j.attempts >= max_attempts then clock_timestamp() end,
           last_error = left(fail_embedding_job.error, 1000),
           locked_by = null,
           locked_until = null
     where j.agency_id = app.agency_id()
       and j.id = fail_embedding_job.job_id
       and j.locked_by = fail_embedding_job.worker
    returning j.dead_at is not null into is_dead;
    return case when is_dead then 'dead' when not is_dead then 'failed' end;
end;
$function$;

revoke all on function app.fail_embedding_job(text, uuid, text) from public;
grant execute on function app.fail_embedding_job(text, uuid, text) to
    gardenos_worker;

comment on function app.fail_embedding_job(text, uuid, text) is
'Notes that a text could not be embedded: failed (tried again) or dead; null when the job is another''s.';
