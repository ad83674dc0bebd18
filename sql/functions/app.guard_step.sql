-- Steps are added to a run that goes on, and change as long as it does. What was asked for stays: a person
-- approves the arguments that will be used. Only app.decide_step decides, for services too. The run is
-- locked, so that it cannot end while a step is written.
create or replace function app.guard_step()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    is_bound constant boolean := current_user in ('authenticated', 'gardenos_worker');
    is_decided boolean;
    state app.run_status;
begin
    if tg_op = 'INSERT' then
        is_decided := new.approval in ('approved', 'rejected')
            or num_nonnulls(new.decided_by_id, new.decided_at) > 0;
    else
        is_decided := (new.approval, new.decided_by_id, new.decided_at)
            is distinct from (old.approval, old.decided_by_id, old.decided_at);
    end if;
    if is_decided and (is_bound or current_user = 'service_role') then
        raise exception 'A person decides whether a call is made.'
            using errcode = '42501',
            hint = 'Add the step with approval = ''required''; a person calls app.decide_step.';
    end if;
    if not is_bound or (tg_op = 'UPDATE' and new is not distinct from old) then
        return new;
    end if;
    if tg_op = 'UPDATE' and new.args is distinct from old.args then
        raise exception 'A step keeps its args for life.'
            using errcode = 'PT403',
            hint = 'Make another step instead.';
    end if;
    -- a run that the writer may not change is not found: then policies and keys speak
    select r.status
      into state
      from ai.agent_runs as r
     where r.agency_id = new.agency_id
       and r.id = new.run_id
       for no key update;
    if state not in ('running', 'suspended') then
        raise exception 'A run that is % takes no steps.', state
            using errcode = '23514',
            column = 'run_id';
    end if;
    return new;
end;
$function$;

revoke all on function app.guard_step() from public;

comment on function app.guard_step() is
'Keeps steps to runs that go on, and decisions to people.';
