-- A member needs the capability "import"; from managers up the role includes it.
create or replace function app.can_import()
returns boolean
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    return coalesce(
        proof.agency_role in ('owner', 'admin', 'manager')
        or 'import' = any(proof.capabilities),
        false
    );
end;
$function$;

revoke all on function app.can_import() from public;
grant execute on function app.can_import() to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_crm_writer;

comment on function app.can_import() is
'May I start and change imports, as far as capabilities go? False when nothing is proved.';
