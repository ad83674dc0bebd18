-- A name that PostgreSQL does not know would make every later conversion fail.
create or replace function app.check_timezone()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if new.timezone is not null then
        perform now() at time zone new.timezone;
    end if;
    return new;
exception
    when invalid_parameter_value then
        raise exception 'PostgreSQL knows no time zone %.', quote_literal(new.timezone)
            using errcode = '22023',
            hint = 'Use a name such as Europe/Berlin or UTC.';
end;
$function$;

revoke all on function app.check_timezone() from public;

comment on function app.check_timezone() is
'Refuses a time zone that PostgreSQL does not know.';
