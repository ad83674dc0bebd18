-- A table by its name, schema.table, or one sentence that it has no trail. A misspelt name must not look
-- like a record without a history. A table that was dropped, or is audited no more, keeps the history it
-- had.
create or replace function audit.audited_table(
    agency uuid,
    name text,
    out schema_name text,
    out table_name text
)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    schema_name := split_part(name, '.', 1);
    table_name := substr(name, length(schema_name) + 2);
    if exists (
        select 1
          from pg_namespace as n
          join pg_class as c on c.relnamespace = n.oid
          join pg_trigger as t on t.tgrelid = c.oid
          join pg_proc as p on p.oid = t.tgfoid
          join pg_namespace as h on h.oid = p.pronamespace
         where n.nspname = audited_table.schema_name
           and c.relname = audited_table.table_name
           and h.nspname = 'audit'
           and starts_with(p.proname, 'record_')
    ) or exists (
        select 1
          from audit.log as l
         where l.agency_id = agency
           and l.table_name = audited_table.table_name
           and l.schema_name = audited_table.schema_name
    ) then
        return;
    end if;
    raise exception 'There is no audited table %: give its name as schema.table.',
        coalesce(quote_literal(name), 'null')
        using errcode = '42P01';
end;
$function$;

revoke all on function audit.audited_table(uuid, text) from public;
grant execute on function audit.audited_table(uuid, text) to
    authenticated,
    service_role,
    gardenos_auditor;

comment on function audit.audited_table(uuid, text) is
'Schema and name of an audited table given as schema.table; 42P01 when there is none of that name.';
