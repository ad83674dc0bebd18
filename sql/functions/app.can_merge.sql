-- A member needs the capability "merge"; from managers up the role includes it. A key needs the scope
-- crm.merge_records:insert, and agents never merge. Which records is asked apart from this: both must be
-- within reach of an update.
create or replace function app.can_merge()
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
    return app.may('crm.merge_records:insert', 'owner', 'admin', 'manager', 'member')
        and (proof.agency_role <> 'member' or 'merge' = any(proof.capabilities));
end;
$function$;

revoke all on function app.can_merge() from public;
grant execute on function app.can_merge() to
    authenticated,
    service_role,
    gardenos_merger;

comment on function app.can_merge() is
'May I merge records and undo merges, as far as role and capabilities go? False when nothing is proved.';
