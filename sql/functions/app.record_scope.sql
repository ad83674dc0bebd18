-- The reach of the matrix value "scope".
create or replace function app.record_scope()
returns app.record_scope
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    return proof.record_scope;
end;
$function$;

revoke all on function app.record_scope() from public;
grant execute on function app.record_scope() to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_membership_reader,
    gardenos_tenancy_writer;

comment on function app.record_scope() is
'How far "scope" of the matrix reaches for me; the narrower of both for an agent acting for a user.';
