-- The agency that a token of app.new_token begins with, or null for anything else.
create or replace function app.token_agency(token text)
returns uuid
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if token ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[.][0-9a-f]{64}$' then
        return split_part(token, '.', 1)::uuid;
    end if;
    return null;
end;
$function$;

revoke all on function app.token_agency(text) from public;
grant execute on function app.token_agency(text) to
    gardenos_membership_reader,
    gardenos_tenancy_writer;

comment on function app.token_agency(text) is
'The agency a token begins with; null when it is no token of ours.';
