-- A name as a request to be forgotten shows it: the first letter of each word. Masking twice is masking once.
create or replace function app.masked_name(name text)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return coalesce(
        (
            select string_agg(left(w.word, 1) || '…', ' ' order by w.place)
              from regexp_split_to_table(btrim(name), '[\s…]+') with ordinality as w (word, place)
             where w.word <> ''
               and w.place <= 5
        ),
        '…'
    );
end;
$function$;

revoke all on function app.masked_name(text) from public;
grant execute on function app.masked_name(text) to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_eraser;

comment on function app.masked_name(text) is
'A name, masked: the first letter of each word.';
