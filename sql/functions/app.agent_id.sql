-- The agent that is asking, by its membership: as itself, or for a person. Its rights are those of app.may
-- and app.reach; this is for what belongs to one agent alone.
create or replace function app.agent_id()
returns uuid
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    return coalesce(proof.agent_id, case when proof.agency_role = 'ai_agent' then proof.membership_id end);
end;
$function$;

revoke all on function app.agent_id() from public;
grant execute on function app.agent_id() to
    authenticated,
    service_role,
    gardenos_worker;

comment on function app.agent_id() is
'The membership of the agent that is asking, as itself or for a person; null when no agent is.';
