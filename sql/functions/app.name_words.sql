-- The words of a text as names are compared: letters and digits, lower case.
create or replace function app.name_words(value text)
returns text[]
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return array(select lower(m.word [1]) from regexp_matches(value, '[[:alnum:]]+', 'g') as m (word));
end;
$function$;

revoke all on function app.name_words(text) from public;
grant execute on function app.name_words(text) to
    gardenos_eraser;

comment on function app.name_words(text) is
'The words of a text: letters and digits, lower case.';
