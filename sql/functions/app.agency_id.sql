-- The tenant. The floor of every tenant table compares with it, and it is the default of every agency_id.
create or replace function app.agency_id()
returns uuid
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    return proof.agency_id;
end;
$function$;

revoke all on function app.agency_id() from public;
grant execute on function app.agency_id() to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_membership_reader,
    gardenos_tenancy_writer,
    gardenos_eraser;

comment on function app.agency_id() is
'The agency of the claim, proved against a live membership; null when there is none.';
