-- An upsert takes a record as JSON. A key that it does not know is a mistake of the client, and silence would
-- lose what was sent; so is the lack of a natural key.
create or replace function app.check_keys(record_table text, data jsonb, known text[], required text[])
returns void
language plpgsql
immutable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    named text;
begin
    if jsonb_typeof(data) is distinct from 'object' then
        raise exception 'A row of % is sent as an object of its columns.', record_table
            using errcode = '22023';
    end if;
    select k.key
      into named
      from jsonb_object_keys(data) as k (key)
     where k.key <> all(known)
     order by 1
     limit 1;
    if named is not null then
        raise exception '"%" is not written by an upsert of %.', named, record_table
            using errcode = '22023',
            hint = 'It takes ' || array_to_string(known, ', ') || '.';
    end if;
    select r.key
      into named
      from unnest(required) as r (key)
     where data ->> r.key is null
     limit 1;
    if named is not null then
        raise exception 'An upsert of % finds the row by %, and that is missing.', record_table, named
            using errcode = '22023';
    end if;
end;
$function$;

revoke all on function app.check_keys(text, jsonb, text[], text[]) from public;
grant execute on function app.check_keys(text, jsonb, text[], text[]) to
    authenticated,
    service_role;

comment on function app.check_keys(text, jsonb, text[], text[]) is
'Refuses an upsert with an unknown key, or without what it finds the row by: 22023.';
