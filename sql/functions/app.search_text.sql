-- What somebody typed, as names are compared: lower case, without accents and vowel points, blanks as one.
-- "muller" and "MÜLLER" are the same name, and so they are in Greek, Hebrew and Arabic. A letter of its own
-- (ø, ß, ł) stays one. The search indexes of names hold this same expression.
--
-- Empty is null, which matches nothing: a search is not the list. A longer text is refused, not cut: it
-- would find something else than was asked.
create or replace function app.search_text(query text)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if length(query) > 200 then
        raise exception 'The search text has % characters; 200 are the most.', length(query)
            using errcode = '22023';
    end if;
    return nullif(btrim(regexp_replace(
        lower(regexp_replace(
            normalize(query, nfd),
            '[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]',
            '',
            'g'
        )),
        '\s+',
        ' ',
        'g'
    )), '');
end;
$function$;

revoke all on function app.search_text(text) from public;
grant execute on function app.search_text(text) to
    authenticated,
    gardenos_search;

comment on function app.search_text(text) is
'A search text as names are compared: lower case, no accents, single blanks; null when empty.';
