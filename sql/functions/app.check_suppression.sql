-- An address that was erased does not come back by a machine: an agent, a key, a service, an import. A
-- person who types it in has asked. It looks at the row as it was written, because the normalised form is
-- made by the database. SECURITY DEFINER: nobody who writes an address may look into the list.
set local role gardenos_crm_writer;

create or replace function app.check_suppression()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if session_user <> 'gardenos_worker'
        and (select p.is_person and p.api_key_id is null from app.proof() as p) then
        return null;
    end if;
    if exists (
        select 1
          from governance.suppressions as s
         where s.agency_id = new.agency_id
           and s.kind = new.kind
           and s.value_hash = app.suppression_hash(new.agency_id, new.kind, new.value_norm)
    ) then
        raise exception 'This % was erased at the wish of its owner, and is only added by a person.',
            new.kind
            using errcode = '23514',
            schema = tg_table_schema,
            table = tg_table_name,
            column = 'value';
    end if;
    return null;
end;
$function$;

revoke all on function app.check_suppression() from public;
grant execute on function app.check_suppression() to
    gardenos_owner;

comment on function app.check_suppression() is
'Refuses that a machine brings an erased address back.';

set local role gardenos_owner;
