-- An event that was published keeps no path of an object: the object is gone, and its path may be a name.
create or replace function app.forget_path()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    new.payload := new.payload - 'object_path';
    return new;
end;
$function$;

revoke all on function app.forget_path() from public;

comment on function app.forget_path() is
'Takes the path of the object out of an event that was published.';
