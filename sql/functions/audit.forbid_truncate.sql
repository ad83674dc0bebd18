-- TRUNCATE fires no row trigger and would leave no trail, so nobody may, superusers included.
create or replace function audit.forbid_truncate()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception '%.% is audited: TRUNCATE would leave no trail.', tg_table_schema, tg_table_name
        using errcode = '42501',
        hint = 'Delete the rows instead.';
end;
$function$;

revoke all on function audit.forbid_truncate() from public;

comment on function audit.forbid_truncate() is
'Refuses to truncate an audited table.';
