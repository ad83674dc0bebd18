-- "Me" of the permission matrix: owners, assignees, authors are memberships, never users.
create or replace function app.membership_id()
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
    return proof.membership_id;
end;
$function$;

revoke all on function app.membership_id() from public;
grant execute on function app.membership_id() to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_membership_reader,
    gardenos_tenancy_writer,
    gardenos_crm_writer,
    gardenos_ai_writer,
    gardenos_merger,
    gardenos_publisher,
    gardenos_eraser;

comment on function app.membership_id() is
'My membership in the agency of the claim, proved live; null when there is none.';
