-- What other rows rely on is settled when the row is made. The trigger's WHEN clause finds the change and
-- its arguments name the columns, so the function only has to refuse it.
create or replace function app.forbid_redefinition()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception 'A row of %.% keeps its % for life.',
        tg_table_schema, tg_table_name, array_to_string(tg_argv, ', ')
        using errcode = 'PT403',
        hint = 'Make another row instead.';
end;
$function$;

revoke all on function app.forbid_redefinition() from public;

comment on function app.forbid_redefinition() is
'Refuses to change what other rows rely on.';
