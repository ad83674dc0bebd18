-- Memberships are never deleted: created_by and updated_by of every table point to them, and history must
-- keep pointing to someone. Who leaves gets the status removed.
create or replace function app.forbid_delete()
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
        hint = 'Set status = removed instead.';
end;
$function$;

revoke all on function app.forbid_delete() from public;

comment on function app.forbid_delete() is
'Refuses to delete a row.';
