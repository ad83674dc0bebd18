-- owner > admin > manager > member > viewer > client. An agent stands outside that order: no rank, so every
-- comparison with it is null and must be decided by name.
create or replace function app.role_rank(role app.agency_role)
returns integer
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    return case role
        when 'owner' then 6
        when 'admin' then 5
        when 'manager' then 4
        when 'member' then 3
        when 'viewer' then 2
        when 'client' then 1
    end;
end;
$function$;

revoke all on function app.role_rank(app.agency_role) from public;
grant execute on function app.role_rank(app.agency_role) to
    authenticated,
    service_role,
    gardenos_tenancy_writer;

comment on function app.role_rank(app.agency_role) is
'How high a role stands, 6 (owner) to 1 (client); null for an agent, which stands outside the order.';
