-- Set "global" of columns, of the tables that belong to no agency: times and optimistic locking as in
-- app.stamp_row, but no member to name.
create or replace function app.stamp_global()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if tg_op = 'INSERT' then
        new.created_at := now();
        new.updated_at := new.created_at;
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
    return new;
end;
$function$;

revoke all on function app.stamp_global() from public;

comment on function app.stamp_global() is
'Stamps the times and row_version of a row that belongs to no agency.';
