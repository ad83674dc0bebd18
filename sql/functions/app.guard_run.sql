-- A run says who acts and for whom, as proved, whatever the client sent. It is queued, runs, may wait for a
-- person and run on, and is over once: then nothing of it changes any more. It does not go on, nor succeed,
-- while a call waits for approval. Its times, and the sums of its steps, are kept here and in
-- app.note_tokens.
create or replace function app.guard_run()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    is_over constant boolean := new.status in ('succeeded', 'failed', 'cancelled');
    is_bound constant boolean := current_user in ('authenticated', 'gardenos_worker');
    is_client constant boolean := is_bound or current_user = 'service_role';
begin
    if tg_op = 'INSERT' then
        if current_user = 'authenticated' then
            new.agent_membership_id := app.acting_agent_id();
            new.on_behalf_of_id := app.acting_for_id();
            new.triggered_by_id := new.on_behalf_of_id;
            new.team_id := app.default_team_id();
            new.started_at := null;
            -- a person: the policy refuses
            if new.agent_membership_id is null then
                return new;
            end if;
        end if;
        if is_bound and new.status not in ('queued', 'running') then
            raise exception 'A run begins queued or running, not %.', new.status
                using errcode = '23514',
                column = 'status';
        end if;
        if is_client then
            new.tokens_in := 0;
            new.tokens_out := 0;
        end if;
        if new.status <> 'queued' then
            new.started_at := coalesce(new.started_at, now());
        end if;
        new.finished_at := case when is_over then coalesce(new.finished_at, now()) end;
        return new;
    end if;

    if is_client then
        new.tokens_in := old.tokens_in;
        new.tokens_out := old.tokens_out;
        new.started_at := old.started_at;
        new.finished_at := old.finished_at;
        new.visibility := old.visibility;
        new.team_id := old.team_id;
    end if;
    if is_bound then
        if old.finished_at is not null and (
            new.status, new.model, new.outcome, new.cost, new.currency, new.error
        ) is distinct from (
            old.status, old.model, old.outcome, old.cost, old.currency, old.error
        ) then
            raise exception 'This run is over: it has %.', old.status
                using errcode = '23514',
                column = 'status';
        end if;
        if new.input is distinct from old.input then
            raise exception 'What a run was asked stays as it is.'
                using errcode = 'PT403',
                hint = 'Start another run.';
        end if;
        if new.cost < old.cost then
            raise exception 'The cost of a run does not fall: it is % already.', old.cost
                using errcode = '23514',
                column = 'cost';
        end if;
    end if;
    if new.status = old.status then
        return new;
    end if;
    if new.status <> all(
        case old.status
            when 'queued' then '{running,failed,cancelled}'
            when 'running' then '{suspended,succeeded,failed,cancelled}'
            when 'suspended' then '{running,failed,cancelled}'
            else '{}'
        end::app.run_status[]
    ) then
        raise exception 'A run that is % does not become %.', old.status, new.status
            using errcode = '23514',
            column = 'status';
    end if;
    if new.status in ('running', 'succeeded') and exists (
        select 1
          from ai.agent_steps as s
         where s.agency_id = new.agency_id
           and s.run_id = new.id
           and s.approval = 'required'
    ) then
        raise exception 'This run waits for a person: a call of it is not approved yet.'
            using errcode = '23514',
            column = 'status',
            hint = 'Let a person call app.decide_step.';
    end if;
    if new.status = 'running' then
        new.started_at := coalesce(old.started_at, now());
    end if;
    new.finished_at := case when is_over then now() end;
    return new;
end;
$function$;

revoke all on function app.guard_run() from public;

comment on function app.guard_run() is
'Says who acts in a run, and keeps runs to their way.';
