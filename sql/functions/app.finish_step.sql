-- What came of a step that was recorded before it was done: of a call that a person has approved, for one.
-- What is left out stays as it is.
create or replace function app.finish_step(
    step_id uuid,
    result jsonb default null,
    error text default null,
    latency_ms integer default null,
    tokens_in integer default null,
    tokens_out integer default null
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    update ai.agent_steps as s
       set result = coalesce(finish_step.result, s.result),
           error = coalesce(finish_step.error, s.error),
           latency_ms = coalesce(finish_step.latency_ms, s.latency_ms),
           tokens_in = coalesce(finish_step.tokens_in, s.tokens_in),
           tokens_out = coalesce(finish_step.tokens_out, s.tokens_out)
     where s.agency_id = app.agency_id()
       and s.id = finish_step.step_id;
    if not found then
        raise exception 'There is no step % of yours.', coalesce(step_id::text, 'null')
            using errcode = '22023';
    end if;
end;
$function$;

revoke all on function app.finish_step(uuid, jsonb, text, integer, integer, integer) from public;
grant execute on function app.finish_step(uuid, jsonb, text, integer, integer, integer) to
    authenticated;

comment on function app.finish_step(uuid, jsonb, text, integer, integer, integer) is
'An agent notes what came of a step.';
