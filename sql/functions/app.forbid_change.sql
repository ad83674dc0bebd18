-- What was written stays: no row is deleted and only the columns that the trigger names may change. With
-- 'cascade' first, rows go when the row that they belong to goes: a foreign key deletes from inside a
-- trigger.
create or replace function app.forbid_change()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if tg_op = 'DELETE' then
        if tg_argv [0] = 'cascade' and pg_trigger_depth() > 1 then
            return old;
        end if;
    elsif to_jsonb(new) - tg_argv = to_jsonb(old) - tg_argv then
        return new;
    end if;
    raise exception '%.% is append-only: % is refused.', tg_table_schema, tg_table_name, tg_op
        using errcode = '42501';
end;
$function$;

revoke all on function app.forbid_change() from public;

comment on function app.forbid_change() is
'Refuses to change or delete what was written.';
