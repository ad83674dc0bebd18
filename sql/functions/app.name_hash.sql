-- How the name of an erased person is kept until somebody has looked at each mention of it: salted with the
-- request, not to be read, only to be found again.
create or replace function app.name_hash(request uuid, name text)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return encode(sha256(convert_to(request || '|' || array_to_string(app.name_words(name), ' '), 'UTF8')), 'hex');
end;
$function$;

revoke all on function app.name_hash(uuid, text) from public;
grant execute on function app.name_hash(uuid, text) to
    gardenos_eraser;

comment on function app.name_hash(uuid, text) is
'The hash of a name, as the report of an erasure keeps it while mentions are open.';
