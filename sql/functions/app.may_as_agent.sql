-- The role test for an agent's own state, where the person for whom it acts has no cell: the line of ai_agent
-- alone decides, so an agent is asked for, not the role of that person. Policies call it as (select …).
create or replace function app.may_as_agent(action text)
returns boolean
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    return coalesce(
        (proof.agent_id is not null or proof.agency_role = 'ai_agent')
        and (proof.scopes is null or action = any(proof.scopes)),
        false
    );
end;
$function$;

revoke all on function app.may_as_agent(text) from public;
grant execute on function app.may_as_agent(text) to
    authenticated,
    service_role,
    gardenos_worker;

comment on function app.may_as_agent(text) is
'Is an agent asking, as itself or for a person, and may it do this (schema.table:command)?';
