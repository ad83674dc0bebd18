-- The live role. The claim agency_role is for the convenience of the client and is never read here.
create or replace function app.agency_role()
returns app.agency_role
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    return proof.agency_role;
end;
$function$;

revoke all on function app.agency_role() from public;
grant execute on function app.agency_role() to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_membership_reader,
    gardenos_tenancy_writer;

comment on function app.agency_role() is
'My role in the agency now, not when the token was signed; null when there is none.';
