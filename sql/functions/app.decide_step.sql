-- A person approves or rejects a call that an agent may not make by itself, and the run goes on when nothing
-- else of it waits; rejected, the agent learns so from the step. An owner, an admin or a manager who may read
-- the run decides, and whoever it acts for; in person: no agent, and no API key, which is a program too.
-- Whoever may not is told what they are told of a step that is not there.
--
-- SECURITY DEFINER: no person writes runs or steps. So who may read the run is asked here once more, in the
-- words of the policies of runs and conversations; a test compares.
set local role gardenos_crm_writer;

create or replace function app.decide_step(step_id uuid, approve boolean)
returns app.run_status
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    me constant uuid := proof.membership_id;
    decides_for_others constant boolean := proof.agency_role in ('owner', 'admin', 'manager');
    waiting ai.agent_steps;
    run ai.agent_runs;
    place crm.conversations;
    may_decide boolean;
begin
    if approve is null then
        raise exception 'Say whether the call is approved: true or false.'
            using errcode = '22023';
    end if;
    if proof.is_person is not true or proof.api_key_id is not null then
        raise exception 'A call is approved or rejected by a person, in person.'
            using errcode = '42501';
    end if;
    select * into waiting
      from ai.agent_steps as s
     where s.agency_id = proof.agency_id
       and s.id = decide_step.step_id
       for no key update;
    select * into run
      from ai.agent_runs as r
     where r.agency_id = proof.agency_id
       and r.id = waiting.run_id
       for no key update;
    select * into place
      from crm.conversations as c
     where c.agency_id = proof.agency_id
       and c.id = run.conversation_id;
    may_decide := (decides_for_others or (proof.agency_role = 'member' and me = run.on_behalf_of_id))
        and (
            me in (run.triggered_by_id, run.on_behalf_of_id)
            or (
                run.visibility <> 'private'
                and (proof.agency_role <> 'manager' or run.team_id = any(app.my_teams()))
            )
        )
        and (
            place.id is null
            or (
                (place.deleted_at is null or proof.agency_role in ('owner', 'admin'))
                and (
                    me in (place.owner_id, place.assignee_id)
                    or me = any(place.participant_ids)
                    or (
                        place.visibility <> 'private'
                        and (
                            proof.agency_role in ('owner', 'admin')
                            or (
                                proof.agency_role = 'manager'
                                and (
                                    place.team_id = any(app.my_teams())
                                    or num_nonnulls(place.owner_id, place.assignee_id, place.team_id) = 0
                                )
                            )
                        )
                    )
                )
            )
        );
    if may_decide is not true then
        raise exception 'There is no step % that you could decide.', coalesce(step_id::text, 'null')
            using errcode = '42501';
    end if;
    if waiting.approval <> 'required' or run.finished_at is not null then
        raise exception 'This step waits for nobody: it is %, and its run is %.', waiting.approval, run.status
            using errcode = 'PT409';
    end if;
    update ai.agent_steps as s
       set approval = case when approve then 'approved' else 'rejected' end::app.approval,
           decided_by_id = me,
           decided_at = now()
     where s.agency_id = waiting.agency_id
       and s.id = waiting.id;
    if run.status = 'suspended' and not exists (
        select 1
          from ai.agent_steps as s
         where s.agency_id = run.agency_id
           and s.run_id = run.id
           and s.approval = 'required'
    ) then
        update ai.agent_runs as r
           set status = 'running'
         where r.agency_id = run.agency_id
           and r.id = run.id
        returning r.status into run.status;
    end if;
    return run.status;
end;
$function$;

revoke all on function app.decide_step(uuid, boolean) from public;
grant execute on function app.decide_step(uuid, boolean) to
    authenticated;

comment on function app.decide_step(uuid, boolean) is
'Approves or rejects a tool call of an agent, in person, and lets the run go on; answers how the run stands.';

set local role gardenos_owner;
