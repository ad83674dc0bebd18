-- Whether an agent is writing: by itself or for a user.
create or replace function app.acts_as_agent()
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
    return coalesce(proof.agent_id is not null or proof.agency_role = 'ai_agent', false);
end;
$function$;

revoke all on function app.acts_as_agent() from public;
grant execute on function app.acts_as_agent() to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_crm_writer;

comment on function app.acts_as_agent() is
'True when an agent is asking, by itself or for a user.';
