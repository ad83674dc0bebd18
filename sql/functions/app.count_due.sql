-- How many rows are kept for too long, as the caller sees them. SECURITY INVOKER on purpose: the job counts
-- as the worker and removes as another role, so that a policy that hides rows from one of the two is noticed.
create or replace function app.count_due(entity text, keep interval)
returns bigint
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    due bigint;
begin
    execute 'select count(*) ' || app.due_rows(entity) into due using app.agency_id(), keep;
    return due;
end;
$function$;

revoke all on function app.count_due(text, interval) from public;
grant execute on function app.count_due(text, interval) to
    gardenos_worker;

comment on function app.count_due(text, interval) is
'How many rows of a table are kept for longer than this, as the caller sees them.';
