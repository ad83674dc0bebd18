-- The role test of a policy: my live role is on the list, and what I do is within the scopes of my key. An
-- agent that acts for a user has the intersection of both, so then 'ai_agent' must be on the list as well.
-- Policies call it as (select app.may(…)): once per statement, not per row.
create or replace function app.may(action text, variadic roles app.agency_role[])
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
        proof.agency_role = any(roles)
        and (proof.agent_id is null or 'ai_agent' = any(roles))
        and (proof.scopes is null or action = any(proof.scopes)),
        false
    );
end;
$function$;

revoke all on function app.may(text, app.agency_role[]) from public;
grant execute on function app.may(text, app.agency_role[]) to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_search,
    gardenos_membership_reader,
    gardenos_tenancy_writer,
    gardenos_merger,
    gardenos_publisher,
    gardenos_eraser;

comment on function app.may(text, app.agency_role[]) is
'May I do this (schema.table:command), being one of these roles? False when nothing is proved.';
