-- A JSON value in which what the pattern matches is replaced, keys included. Numbers stay numbers.
create or replace function app.scrubbed(value jsonb, pattern text, mark text)
returns jsonb
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return case jsonb_typeof(value)
        when 'string' then to_jsonb(regexp_replace(value #>> '{}', pattern, mark, 'gi'))
        when 'array' then (
            select coalesce(jsonb_agg(app.scrubbed(e.item, pattern, mark) order by e.place), '[]')
              from jsonb_array_elements(value) with ordinality as e (item, place)
        )
        when 'object' then (
            select coalesce(
                jsonb_object_agg(regexp_replace(e.key, pattern, mark, 'gi'), app.scrubbed(e.value, pattern, mark)),
                '{}'
            )
              from jsonb_each(value) as e
        )
        else value
    end;
end;
$function$;

revoke all on function app.scrubbed(jsonb, text, text) from public;
grant execute on function app.scrubbed(jsonb, text, text) to
    gardenos_eraser;

comment on function app.scrubbed(jsonb, text, text) is
'A JSON value in which what a pattern matches is replaced.';
