-- The person or agent behind the token, for the rows that belong to a user and to no agency.
create or replace function app.user_id()
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
    return proof.user_id;
end;
$function$;

revoke all on function app.user_id() from public;
grant execute on function app.user_id() to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_membership_reader,
    gardenos_tenancy_writer;

comment on function app.user_id() is
'The user who is asking, proved live; null when nobody is.';
