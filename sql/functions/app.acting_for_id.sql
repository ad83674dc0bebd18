-- For whom the agent that is at work acts.
create or replace function app.acting_for_id()
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
    return case when proof.agent_id is not null then proof.membership_id end;
end;
$function$;

revoke all on function app.acting_for_id() from public;
grant execute on function app.acting_for_id() to
    authenticated,
    service_role,
    gardenos_worker;

comment on function app.acting_for_id() is
'The membership of the person for whom an agent is at work; null for an agent as itself and for a person.';
