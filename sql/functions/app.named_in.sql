-- The names in a text whose hashes are those of the report: {"words": 2, "hash": "…"} each.
create or replace function app.named_in(value text, request uuid, hashes jsonb)
returns text[]
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    words constant text[] := app.name_words(value);
begin
    return array(
        select distinct array_to_string(words [place:place + size - 1], ' ')
          from (select distinct (h ->> 'words')::integer as size from jsonb_array_elements(hashes) as h) as s
         cross join lateral generate_series(1, cardinality(words) - size + 1) as p (place)
         where hashes @> jsonb_build_array(
             jsonb_build_object(
                 'hash', app.name_hash(request, array_to_string(words [place:place + size - 1], ' '))
             )
         )
    );
end;
$function$;

revoke all on function app.named_in(text, uuid, jsonb) from public;
grant execute on function app.named_in(text, uuid, jsonb) to
    gardenos_eraser;

comment on function app.named_in(text, uuid, jsonb) is
'The names in a text that an erasure knows by their hashes.';
