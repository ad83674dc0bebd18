-- "Nobody gives, or touches a row with, a role above their own." Only an owner touches an owner, which is
-- the same rule at the top; an agent is for owners and admins only. Null counts as above: fail closed.
create or replace function app.outranks_me(role app.agency_role)
returns boolean
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    mine app.agency_role := app.agency_role();
begin
    if role = 'ai_agent' then
        return coalesce(mine not in ('owner', 'admin'), true);
    end if;
    return coalesce(app.role_rank(role) > app.role_rank(mine), true);
end;
$function$;

revoke all on function app.outranks_me(app.agency_role) from public;
grant execute on function app.outranks_me(app.agency_role) to
    authenticated,
    gardenos_tenancy_writer;

comment on function app.outranks_me(app.agency_role) is
'True when this role is above mine, so that I may neither give it nor touch a row that has it.';
