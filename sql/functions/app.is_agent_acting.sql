-- An agent, as itself or for a person, writes drafts only, whatever the cell says.
create or replace function app.is_agent_acting()
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
    return coalesce(not proof.is_person, true);
end;
$function$;

revoke all on function app.is_agent_acting() from public;
grant execute on function app.is_agent_acting() to
    authenticated,
    service_role,
    gardenos_worker;

comment on function app.is_agent_acting() is
'True when an agent is asking, as itself or for a person, and when nothing is proved.';
