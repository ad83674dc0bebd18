-- The texts inside a JSON value, one a line: what a person would read in it.
create or replace function app.plain_text(value jsonb)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select string_agg(p.leaf #>> '{}', e'\n')
          from jsonb_path_query(value, 'strict $.** ? (@.type() == "string")') as p (leaf)
    );
end;
$function$;

revoke all on function app.plain_text(jsonb) from public;
grant execute on function app.plain_text(jsonb) to
    gardenos_eraser,
    gardenos_audit_redactor;

comment on function app.plain_text(jsonb) is
'The texts inside a JSON value, one a line.';
