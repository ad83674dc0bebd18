-- What somebody typed, as full text search: every word must begin a word of the record, in any order. Never
-- an error: the words come from the parser that made the index, so quotes and operators are no syntax. Null
-- without a word.
create or replace function app.search_words(query text)
returns tsquery
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    -- refuses a text that is too long
    perform app.search_text(query);
    return (
        select string_agg(
            '''' || replace(replace(w.lexeme, '\', '\\'), '''', '''''') || ''':*',
            ' & '
        )::tsquery
          from unnest(to_tsvector('pg_catalog.simple', query)) as w
    );
end;
$function$;

revoke all on function app.search_words(text) from public;
grant execute on function app.search_words(text) to
    authenticated,
    gardenos_search;

comment on function app.search_words(text) is
'Full text search for records in which each word of a text begins a word; null without a word.';
