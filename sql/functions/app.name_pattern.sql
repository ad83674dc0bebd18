-- A pattern that finds names in texts, whole words only, whatever stands between them. A loose one finds the
-- longest word of each name anywhere: what it finds is looked at again.
create or replace function app.name_pattern(names text[], loose boolean default false)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    words text[];
    found text[] := '{}';
    name text;
begin
    foreach name in array coalesce(names, '{}') loop
        words := app.name_words(name);
        continue when words = '{}';
        if loose then
            found := found || (select w.word from unnest(words) as w (word) order by length(w.word) desc limit 1);
        else
            found := found || (
                '(?<![[:alnum:]])' || array_to_string(words, '[^[:alnum:]]+') || '(?![[:alnum:]])'
            );
        end if;
    end loop;
    return nullif(array_to_string(array(select distinct f from unnest(found) as f order by f desc), '|'), '');
end;
$function$;

revoke all on function app.name_pattern(text[], boolean) from public;
grant execute on function app.name_pattern(text[], boolean) to
    gardenos_eraser;

comment on function app.name_pattern(text[], boolean) is
'A regular expression that finds these names in a text; null when there is none.';
