-- Set "light" of columns: who made the row, taken from the proven claim whatever the client sent. A link
-- that an undone merge brings back has its stamps already.
create or replace function app.stamp_link()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if current_user = 'gardenos_merger' then
        return new;
    end if;
    new.created_at := now();
    new.created_by := app.membership_id();
    return new;
end;
$function$;

revoke all on function app.stamp_link() from public;

comment on function app.stamp_link() is
'Stamps created_* of a row that has no version.';
