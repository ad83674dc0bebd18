-- A text to look for anywhere in another one, as a pattern of LIKE: %, _ and \ are what they are. Null under
-- three characters: every record has them somewhere, and no index does.
create or replace function app.search_pattern(wanted text)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if length(wanted) < 3 then
        return null;
    end if;
    return '%' || regexp_replace(wanted, '([\\%_])', '\\\1', 'g') || '%';
end;
$function$;

revoke all on function app.search_pattern(text) from public;
grant execute on function app.search_pattern(text) to
    authenticated,
    gardenos_search;

comment on function app.search_pattern(text) is
'The LIKE pattern for a text anywhere in another one; null under three characters.';
