-- Rows that history or other rows point to are archived: they leave the lists, and what they mean stays
-- known.
create or replace function app.forbid_removal()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception 'Rows of %.% are never deleted.', tg_table_schema, tg_table_name
        using errcode = '42501',
        hint = 'Set archived_at instead.';
end;
$function$;

revoke all on function app.forbid_removal() from public;

comment on function app.forbid_removal() is
'Refuses to delete a row that is to be archived.';
