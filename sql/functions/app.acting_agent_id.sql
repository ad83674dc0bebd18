-- The agent that is at work, as itself or for a person. Steps are written into the runs of this one only.
create or replace function app.acting_agent_id()
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
    return case
        when proof.agent_id is not null then proof.agent_id
        when proof.agency_role = 'ai_agent' then proof.membership_id
    end;
end;
$function$;

revoke all on function app.acting_agent_id() from public;
grant execute on function app.acting_agent_id() to
    authenticated,
    service_role,
    gardenos_worker;

comment on function app.acting_agent_id() is
'The membership of the agent that is at work; null for a person.';
