-- How far a cell reaches on an agent's own state (ai.agent_runs, ai.agent_steps), where people have no cell
-- of their own to write. There the line of ai_agent alone decides: through an agent a viewer or a client,
-- who reads no run in person, has the runs that act for them, and no more than that. "Me" is the person, as
-- everywhere. Otherwise as app.reach; no cell here says "scope".
create or replace function app.agent_reach(
    action text,
    own app.agency_role[] default '{}',
    team app.agency_role[] default '{}',
    agency app.agency_role[] default '{}'
)
returns app.record_scope
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    line app.agency_role := case when proof.agent_id is null then proof.agency_role else 'ai_agent' end;
begin
    if proof.scopes is not null and action <> all(proof.scopes) then
        return null;
    end if;
    return case
        when line = any(agency) then 'all'
        when line = any(team) then 'team'
        when line = any(own) then 'own'
    end;
end;
$function$;

revoke all on function app.agent_reach(
    text, app.agency_role[], app.agency_role[], app.agency_role[]
) from public;
grant execute on function app.agent_reach(
    text, app.agency_role[], app.agency_role[], app.agency_role[]
) to
    authenticated,
    service_role,
    gardenos_worker;

comment on function app.agent_reach(
    text, app.agency_role[], app.agency_role[], app.agency_role[]
) is
'How far I may do this on the state of agents: through an agent its line alone decides. Null for none.';
