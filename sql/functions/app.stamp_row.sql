-- Set "full" of columns: who made and who last changed the row, taken from the proven claim whatever the
-- client sent, and optimistic locking. A client that sends the row_version it read is refused when somebody
-- was faster (PT409: HTTP 409 from PostgREST); one that does not send it overwrites. A link that an undone
-- merge brings back has its stamps already.
create or replace function app.stamp_row()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if tg_op = 'INSERT' and current_user = 'gardenos_merger' then
        return new;
    end if;
    if tg_op = 'INSERT' then
        new.created_at := now();
        new.created_by := app.membership_id();
        new.updated_at := new.created_at;
        new.updated_by := new.created_by;
        return new;
    end if;
    if new.row_version <> old.row_version then
        raise exception 'This row of %.% was changed by somebody else: its row_version is %, not %.',
            tg_table_schema, tg_table_name, old.row_version, new.row_version
            using errcode = 'PT409',
            hint = 'Read the row again and repeat the change.';
    end if;
    new.row_version := old.row_version + 1;
    new.updated_at := now();
    new.updated_by := app.membership_id();
    return new;
end;
$function$;

revoke all on function app.stamp_row() from public;

comment on function app.stamp_row() is
'Stamps created_*, updated_* and row_version of a row.';
