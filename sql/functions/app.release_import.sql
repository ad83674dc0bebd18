-- Back from app.bind_import: the transaction of the worker is its own again, bound to its agency. Nobody
-- but the login gardenos_worker may take that role.
create or replace function app.release_import(agency uuid)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    perform set_config('role', 'gardenos_worker', true);
    perform app.bind_worker(agency);
end;
$function$;

revoke all on function app.release_import(uuid) from public;
grant execute on function app.release_import(uuid) to
    authenticated,
    gardenos_worker;

comment on function app.release_import(uuid) is
'Ends app.bind_import: the transaction is the worker''s again.';
