-- An agent begins a run, or takes one up that a service has queued under this id. With an id of its own, a
-- retry after a COMMIT of unknown outcome finds the run that is there. Who acts, and for whom, is proved.
create or replace function app.start_run(
    agent_key text,
    conversation_id uuid default null,
    input jsonb default null,
    model text default null,
    parent_run_id uuid default null,
    run_id uuid default null
)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    place constant uuid := app.agency_id();
    made constant uuid := coalesce(start_run.run_id, app.uuid_v7());
begin
    insert into ai.agent_runs (id, agent_key, conversation_id, parent_run_id, status, model, input)
    values (
        made,
        start_run.agent_key,
        start_run.conversation_id,
        start_run.parent_run_id,
        'running',
        start_run.model,
        start_run.input
    )
    on conflict on constraint agent_runs_pkey do nothing;
    if found then
        return made;
    end if;
    update ai.agent_runs as r
       set status = 'running',
           model = coalesce(start_run.model, r.model)
     where r.agency_id = place
       and r.id = made
       and r.agent_key = start_run.agent_key
       and r.agent_membership_id = app.acting_agent_id()
       and r.on_behalf_of_id is not distinct from app.acting_for_id()
       and r.status = 'queued';
    if not exists (
        select 1
          from ai.agent_runs as r
         where r.agency_id = place
           and r.id = made
           and r.agent_key = start_run.agent_key
           and r.agent_membership_id = app.acting_agent_id()
           and r.on_behalf_of_id is not distinct from app.acting_for_id()
           and r.status = 'running'
    ) then
        raise exception 'Run % is there already, and cannot be started.', made
            using errcode = 'PT409',
            hint = 'It is another agent''s, waits for a person, or is over.';
    end if;
    return made;
end;
$function$;

revoke all on function app.start_run(text, uuid, jsonb, text, uuid, uuid) from public;
grant execute on function app.start_run(text, uuid, jsonb, text, uuid, uuid) to
    authenticated;

comment on function app.start_run(text, uuid, jsonb, text, uuid, uuid) is
'An agent begins a run, or takes up a queued one; answers its id. Called again with an id it finds the run.';
