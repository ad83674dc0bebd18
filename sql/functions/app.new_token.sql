-- A secret that is shown once: the agency first, so that its hash can be looked up, and be unique, agency
-- first; then 244 random bits. Only the hash is ever stored.
create or replace function app.new_token(agency uuid)
returns text
language plpgsql
volatile
parallel safe
strict
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return agency::text || '.' || replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
end;
$function$;

revoke all on function app.new_token(uuid) from public;
grant execute on function app.new_token(uuid) to
    gardenos_tenancy_writer;

comment on function app.new_token(uuid) is
'A new secret of the form <agency_id>.<random>.';
