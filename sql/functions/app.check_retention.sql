-- A policy that nothing keeps to would be a promise that is broken in silence: only tables and actions that
-- retention knows.
create or replace function app.check_retention()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if app.due_rows(new.entity) is null then
        raise exception 'Nothing is known about keeping %.', new.entity
            using errcode = '23514',
            hint = 'Name a table of records, imports, deliveries, runs or threads, as schema.table.';
    end if;
    if new.entity <> 'integration.import_rows'
        and (new.action = 'anonymise') <> (new.entity = 'crm.contacts') then
        raise exception 'Rows of % are not kept with the action %.', new.entity, new.action
            using errcode = '23514',
            hint = 'Contacts are anonymised, because consents point to them; other rows are deleted.';
    end if;
    return new;
end;
$function$;

revoke all on function app.check_retention() from public;

comment on function app.check_retention() is
'Refuses a retention policy that nothing would keep to.';
