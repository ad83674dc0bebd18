-- An agent adds a step at the end of its run. One that needs approval suspends the run until a person has
-- called app.decide_step. With an id of its own, a retry finds the step that is there.
create or replace function app.record_step(
    run_id uuid,
    node text,
    kind app.step_kind,
    tool_name text default null,
    args jsonb default null,
    result jsonb default null,
    needs_approval boolean default false,
    latency_ms integer default null,
    tokens_in integer default null,
    tokens_out integer default null,
    error text default null,
    step_id uuid default null
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
    made constant uuid := coalesce(record_step.step_id, app.uuid_v7());
begin
    perform 1
       from ai.agent_runs as r
      where r.agency_id = place
        and r.id = record_step.run_id
        for no key update;
    if not found then
        raise exception 'There is no run % of yours.', coalesce(run_id::text, 'null')
            using errcode = '22023';
    end if;
    if exists (
        select 1
          from ai.agent_steps as s
         where s.agency_id = place
           and s.run_id = record_step.run_id
           and s.id = made
    ) then
        return made;
    end if;
    insert into ai.agent_steps (
        id, run_id, seq, node, kind, tool_name, args, result, approval, latency_ms, tokens_in, tokens_out, error
    )
    select
        made,
        record_step.run_id,
        coalesce(max(s.seq), 0) + 1,
        record_step.node,
        record_step.kind,
        record_step.tool_name,
        record_step.args,
        record_step.result,
        case when record_step.needs_approval then 'required' else 'not_needed' end::app.approval,
        record_step.latency_ms,
        record_step.tokens_in,
        record_step.tokens_out,
        record_step.error
      from ai.agent_steps as s
     where s.agency_id = place
       and s.run_id = record_step.run_id;
    if record_step.needs_approval then
        begin
            update ai.agent_runs as r
               set status = 'suspended'
             where r.agency_id = place
               and r.id = record_step.run_id
               and r.status = 'running';
        exception
            when unique_violation then
                raise exception 'Another run of this thread waits for a person already.'
                    using errcode = 'PT409',
                    hint = 'Let a person decide there, or end that run.';
        end;
    end if;
    return made;
end;
$function$;

revoke all on function app.record_step(
    uuid, text, app.step_kind, text, jsonb, jsonb, boolean, integer, integer, integer, text, uuid
) from public;
grant execute on function app.record_step(
    uuid, text, app.step_kind, text, jsonb, jsonb, boolean, integer, integer, integer, text, uuid
) to
    authenticated;

comment on function app.record_step(
    uuid, text, app.step_kind, text, jsonb, jsonb, boolean, integer, integer, integer, text, uuid
) is
'An agent adds a step to its run; one that needs approval suspends the run. Answers the id of the step.';
