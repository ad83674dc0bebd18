"""Keep the runs of agents

Reason:    what an agent does is a run of steps: model calls, tool calls, what people decided. Who acts
           is proved, who sees it follows the conversation, and a person approves what an agent may not
           do by itself. A draft names the run that wrote it; until there were runs any uuid was taken.
Locks:     AccessExclusive on the new tables; ShareRowExclusive on the tables that they point to, on
           crm.messages and on ai.memories.
Duration:  milliseconds: messages that are there are looked at by a later revision.
Way back:  drops the tables with all their rows: restore a backup to get them back.
"""

from migrations.runner.execute import execute

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create type app.run_status as enum (
            'queued',
            'running',
            'suspended',
            'succeeded',
            'failed',
            'cancelled'
        );

        create type app.step_kind as enum (
            'llm',
            'tool',
            'human',
            'decision'
        );

        create type app.approval as enum (
            'not_needed',
            'required',
            'approved',
            'rejected'
        );

        comment on type app.run_status is 'How far a run has come; suspended: it waits for a person.';
        comment on type app.step_kind is 'What a step is: a model call, a tool call, what a person said, a turn taken.';
        comment on type app.approval is 'Whether a person has to agree to a step, and what they said.';
        """
    )
    execute(
        r"""
        create table ai.agent_runs (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            agent_key app.label not null,
            agent_membership_id uuid not null,
            triggered_by_id uuid,
            on_behalf_of_id uuid,
            conversation_id uuid,
            parent_run_id uuid,
            status app.run_status not null default 'queued',
            model app.label,
            input app.json_doc,
            outcome app.json_doc,
            tokens_in bigint not null default 0,
            tokens_out bigint not null default 0,
            cost numeric(12, 6) not null default 0,
            currency app.currency not null default 'USD',
            started_at timestamptz,
            finished_at timestamptz,
            error app.line,
            team_id uuid,
            visibility app.visibility not null default 'team',
            request_id app.label,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            constraint agent_runs_pkey primary key (agency_id, id),
            constraint agent_runs_agent_membership_id_fkey foreign key (agency_id, agent_membership_id)
                references tenancy.memberships (agency_id, id),
            constraint agent_runs_triggered_by_id_fkey foreign key (agency_id, triggered_by_id)
                references tenancy.memberships (agency_id, id),
            constraint agent_runs_on_behalf_of_id_fkey foreign key (agency_id, on_behalf_of_id)
                references tenancy.memberships (agency_id, id),
            constraint agent_runs_conversation_id_fkey foreign key (agency_id, conversation_id)
                references crm.conversations (agency_id, id) on delete cascade,
            constraint agent_runs_parent_run_id_fkey foreign key (agency_id, parent_run_id)
                references ai.agent_runs (agency_id, id) on delete set null (parent_run_id),
            constraint agent_runs_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id) on delete set null (team_id),
            constraint agent_runs_finished_when_over
                check ((finished_at is not null) = (status in ('succeeded', 'failed', 'cancelled'))),
            constraint agent_runs_agent_acts_for_another check (on_behalf_of_id <> agent_membership_id),
            constraint agent_runs_not_its_own_parent check (parent_run_id <> id),
            constraint agent_runs_counts_not_negative
                check (tokens_in >= 0 and tokens_out >= 0 and cost >= 0)
        );

        create index agent_runs_agent_membership_id_idx
            on ai.agent_runs (agency_id, agent_membership_id);

        create index agent_runs_triggered_by_id_idx
            on ai.agent_runs (agency_id, triggered_by_id)
            where triggered_by_id is not null;

        create index agent_runs_on_behalf_of_id_idx
            on ai.agent_runs (agency_id, on_behalf_of_id)
            where on_behalf_of_id is not null;

        create index agent_runs_conversation_id_idx
            on ai.agent_runs (agency_id, conversation_id)
            where conversation_id is not null;

        create index agent_runs_parent_run_id_idx
            on ai.agent_runs (agency_id, parent_run_id)
            where parent_run_id is not null;

        create index agent_runs_team_id_idx
            on ai.agent_runs (agency_id, team_id);

        -- One run waits for a person in each thread.
        create unique index agent_runs_one_suspended_key
            on ai.agent_runs (agency_id, conversation_id)
            where status = 'suspended';

        create index agent_runs_created_at_idx
            on ai.agent_runs (agency_id, created_at desc, id);

        -- Comparing enums is not leakproof: what is not over is told by finished_at.
        create index agent_runs_unfinished_idx
            on ai.agent_runs (agency_id, created_at, id)
            where finished_at is null;

        create table ai.agent_steps (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            run_id uuid not null,
            seq integer not null,
            node app.label not null,
            kind app.step_kind not null,
            tool_name app.label,
            args app.json_doc,
            result app.json_doc,
            approval app.approval not null default 'not_needed',
            decided_by_id uuid,
            decided_at timestamptz,
            latency_ms integer,
            tokens_in integer,
            tokens_out integer,
            error app.line,
            created_at timestamptz not null default now(),
            created_by uuid,
            constraint agent_steps_pkey primary key (agency_id, id),
            constraint agent_steps_seq_key unique (agency_id, run_id, seq),
            constraint agent_steps_run_id_fkey foreign key (agency_id, run_id)
                references ai.agent_runs (agency_id, id) on delete cascade,
            constraint agent_steps_decided_by_id_fkey foreign key (agency_id, decided_by_id)
                references tenancy.memberships (agency_id, id),
            constraint agent_steps_decided_by_somebody
                check ((approval in ('approved', 'rejected')) = (decided_by_id is not null and decided_at is not null)),
            constraint agent_steps_tool_has_a_name check ((kind = 'tool') = (tool_name is not null)),
            constraint agent_steps_no_result_before_approval
                check (result is null or approval in ('not_needed', 'approved')),
            constraint agent_steps_counts_not_negative
                check (latency_ms >= 0 and tokens_in >= 0 and tokens_out >= 0)
        );

        create index agent_steps_decided_by_id_idx
            on ai.agent_steps (agency_id, decided_by_id)
            where decided_by_id is not null;

        -- Who waits for a person, and what stops a run from going on.
        create index agent_steps_waiting_idx
            on ai.agent_steps (agency_id, run_id)
            where approval = 'required';
        """
    )
    execute(
        r"""
        comment on table ai.agent_runs is 'What an agent did, from being asked to its end. Who sees a run follows its conversation.';
        comment on column ai.agent_runs.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column ai.agent_runs.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column ai.agent_runs.agent_key is 'not personal: Which agent, or graph, it is.';
        comment on column ai.agent_runs.agent_membership_id is 'The agent that acts; stamped with the proof, never changes.';
        comment on column ai.agent_runs.triggered_by_id is 'Who set it off; null for a service or the agent itself.';
        comment on column ai.agent_runs.on_behalf_of_id is 'The person for whom the agent acts; null when it acts as itself. Never changes.';
        comment on column ai.agent_runs.conversation_id is 'The thread; the run goes when it goes. A run below another one is in its thread when it names none.';
        comment on column ai.agent_runs.parent_run_id is 'The run that set it off.';
        comment on column ai.agent_runs.status is 'How far it has come. What is over never changes.';
        comment on column ai.agent_runs.model is 'not personal: The language model.';
        comment on column ai.agent_runs.input is 'free text: What it was asked.';
        comment on column ai.agent_runs.outcome is 'free text: What came of it.';
        comment on column ai.agent_runs.tokens_in is 'Tokens read, the sum of its steps; kept by trigger, no change of the row.';
        comment on column ai.agent_runs.tokens_out is 'Tokens written, the sum of its steps; kept by trigger, no change of the row.';
        comment on column ai.agent_runs.cost is 'What it has cost so far, as the agent says; never falls.';
        comment on column ai.agent_runs.currency is 'not personal: Currency of the cost.';
        comment on column ai.agent_runs.started_at is 'When it first ran; kept by trigger.';
        comment on column ai.agent_runs.finished_at is 'When it was over; kept by trigger.';
        comment on column ai.agent_runs.error is 'free text: Why it failed.';
        comment on column ai.agent_runs.team_id is 'The team, copied from the conversation; without one that of the writer.';
        comment on column ai.agent_runs.visibility is 'Who sees it, copied from the conversation.';
        comment on column ai.agent_runs.request_id is 'not personal: The id that the gateway gave the request that made it.';
        comment on column ai.agent_runs.created_at is 'When the row was made.';
        comment on column ai.agent_runs.created_by is 'The membership that made the row: the person, when an agent acts for one; null for a service.';
        comment on column ai.agent_runs.updated_at is 'When the row was last changed.';
        comment on column ai.agent_runs.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column ai.agent_runs.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table ai.agent_steps is 'Model calls, tool calls and what people decided, in the order of a run.';
        comment on column ai.agent_steps.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column ai.agent_steps.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column ai.agent_steps.run_id is 'The run; never changes.';
        comment on column ai.agent_steps.seq is 'Its place in the run; never changes.';
        comment on column ai.agent_steps.node is 'not personal: The node of the graph.';
        comment on column ai.agent_steps.kind is 'What it is.';
        comment on column ai.agent_steps.tool_name is 'not personal: The tool that is called.';
        comment on column ai.agent_steps.args is 'free text: What the tool or the model is given; what a person approved is what was asked.';
        comment on column ai.agent_steps.result is 'free text: What came back; not before a call that needs approval is approved.';
        comment on column ai.agent_steps.approval is 'Whether a person has to agree, and what they said.';
        comment on column ai.agent_steps.decided_by_id is 'The person who decided, in app.decide_step.';
        comment on column ai.agent_steps.decided_at is 'When it was decided.';
        comment on column ai.agent_steps.latency_ms is 'How long it took, in milliseconds.';
        comment on column ai.agent_steps.tokens_in is 'Tokens read.';
        comment on column ai.agent_steps.tokens_out is 'Tokens written.';
        comment on column ai.agent_steps.error is 'free text: Why it failed.';
        comment on column ai.agent_steps.created_at is 'When the row was made.';
        comment on column ai.agent_steps.created_by is 'The membership that made the row: the person, when an agent acts for one; null for a service.';
        """
    )
    execute(
        r"""
        alter table crm.messages
            add constraint messages_agent_run_id_fkey
            foreign key (agency_id, agent_run_id) references ai.agent_runs (agency_id, id)
            on delete set null (agent_run_id)
            not valid;

        alter table ai.memories
            add constraint memories_source_run_id_fkey
            foreign key (agency_id, source_run_id) references ai.agent_runs (agency_id, id)
            on delete set null (source_run_id)
            not valid;
        """
    )
    execute(
        r"""
        -- The agent that is at work, as itself or for a person. Steps are written into the runs of this one only.
        create or replace function app.acting_agent_id()
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
            return case
                when proof.agent_id is not null then proof.agent_id
                when proof.agency_role = 'ai_agent' then proof.membership_id
            end;
        end;
        $function$;

        revoke all on function app.acting_agent_id() from public;
        grant execute on function app.acting_agent_id() to
            authenticated,
            service_role,
            gardenos_worker;

        comment on function app.acting_agent_id() is
        'The membership of the agent that is at work; null for a person.';
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- How far a cell reaches on an agent's own state (ai.agent_runs, ai.agent_steps), where people have no cell
        -- of their own to write. There the line of ai_agent alone decides: through an agent a viewer or a client,
        -- who reads no run in person, has the runs that act for them, and no more than that. "Me" is the person, as
        -- everywhere. Otherwise as app.reach; no cell here says "scope".
        create or replace function app.agent_reach(
            action text,
            own app.agency_role[] default '{}',
            team app.agency_role[] default '{}',
            agency app.agency_role[] default '{}'
        )
        returns app.record_scope
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            line app.agency_role := case when proof.agent_id is null then proof.agency_role else 'ai_agent' end;
        begin
            if proof.scopes is not null and action <> all(proof.scopes) then
                return null;
            end if;
            return case
                when line = any(agency) then 'all'
                when line = any(team) then 'team'
                when line = any(own) then 'own'
            end;
        end;
        $function$;

        revoke all on function app.agent_reach(
            text, app.agency_role[], app.agency_role[], app.agency_role[]
        ) from public;
        grant execute on function app.agent_reach(
            text, app.agency_role[], app.agency_role[], app.agency_role[]
        ) to
            authenticated,
            service_role,
            gardenos_worker;

        comment on function app.agent_reach(
            text, app.agency_role[], app.agency_role[], app.agency_role[]
        ) is
        'How far I may do this on the state of agents: through an agent its line alone decides. Null for none.';
        """
    )
    execute(
        r"""
        -- A policy that nothing keeps to would be a promise that is broken in silence: only tables and actions that
        -- retention knows.
        create or replace function app.check_retention()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if app.due_rows(new.entity) is null then
                raise exception 'Nothing is known about keeping %.', new.entity
                    using errcode = '23514',
                    hint = 'Name a table of records, imports, deliveries or runs, as schema.table.';
            end if;
            if new.entity <> 'integration.import_rows'
                and (new.action = 'anonymise') <> (new.entity = 'crm.contacts') then
                raise exception 'Rows of % are not kept with the action %.', new.entity, new.action
                    using errcode = '23514',
                    hint = 'Contacts are anonymised, because consents point to them; other rows are deleted.';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.check_retention() from public;

        comment on function app.check_retention() is
        'Refuses a retention policy that nothing would keep to.';
        """
    )
    execute(
        r"""
        -- Who acts in a run is an agent of the agency, also when a service says who. SECURITY DEFINER: a worker reads
        -- no membership.
        set local role gardenos_membership_reader;

        create or replace function app.check_run_agent()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if exists (
                select 1
                  from tenancy.memberships as m
                 where m.agency_id = new.agency_id
                   and (
                       (m.id = new.agent_membership_id and m.role <> 'ai_agent')
                       or (m.id = new.on_behalf_of_id and m.role = 'ai_agent')
                   )
            ) then
                raise exception 'In a run an agent acts, as itself or for a person.'
                    using errcode = '23514',
                    column = 'agent_membership_id';
            end if;
            return null;
        end;
        $function$;

        revoke all on function app.check_run_agent() from public;
        grant execute on function app.check_run_agent() to
            gardenos_owner;

        comment on function app.check_run_agent() is
        'Refuses a run of somebody who is no agent.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- Which rows of a table are kept for longer than an agency wants, as the text of a query with the agency as
        -- $1 and the time as $2: the one definition for counting them and for removing them. What was deleted is kept
        -- from then on; a memory also from when it expired or was superseded; lines of imports, attempts to deliver and
        -- runs of agents from their end, and a run that never ended from its last change. What belongs to a person on
        -- legal hold is never due, nor is a contact that was merged: it goes with the one that is left. Null for a
        -- table that retention does not know.
        create or replace function app.due_rows(entity text)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            whose constant text := case entity
                when 'crm.contacts' then 't.id'
                when 'crm.messages' then '(select c.contact_id from crm.conversations as c'
                    || ' where c.agency_id = t.agency_id and c.id = t.conversation_id)'
                when 'crm.contact_points' then 't.contact_id'
                when 'crm.activities' then 't.contact_id'
                when 'crm.conversations' then 't.contact_id'
                when 'crm.files' then 't.contact_id'
                when 'integration.import_rows' then 't.contact_id'
                when 'ai.memories' then 't.contact_id'
                when 'ai.agent_runs' then '(select c.contact_id from crm.conversations as c'
                    || ' where c.agency_id = t.agency_id and c.id = t.conversation_id)'
                when 'ai.agent_steps' then '(select c.contact_id from ai.agent_runs as r'
                    || ' join crm.conversations as c on c.agency_id = r.agency_id and c.id = r.conversation_id'
                    || ' where r.agency_id = t.agency_id and r.id = t.run_id)'
            end;
        begin
            return 'from ' || entity || ' as t where t.agency_id = $1 and ' || case
                when entity = 'crm.contacts'
                    then 't.deleted_at < now() - $2 and t.anonymised_at is null and t.merged_into_id is null'
                when entity = 'crm.companies'
                    -- a merge can be undone for thirty days
                    then 't.deleted_at < now() - case when t.merged_into_id is null then $2'
                        || ' else greatest($2, interval ''31 days'') end'
                when entity in (
                    'crm.contact_points', 'crm.deals', 'crm.activities', 'crm.conversations', 'crm.messages',
                    'crm.calendar_events', 'crm.files'
                )
                    then 't.deleted_at < now() - $2'
                when entity = 'ai.memories'
                    then '(least(t.deleted_at, t.expires_at) < now() - $2'
                        || ' or (t.superseded_by_id is not null and t.updated_at < now() - $2))'
                when entity = 'integration.import_rows'
                    then 'num_nonnulls(t.raw, t.before, t.error_message) > 0 and exists (select 1'
                        || ' from integration.import_jobs as j where j.agency_id = t.agency_id and j.id = t.job_id'
                        || ' and j.finished_at < now() - $2 and (j.revert_until is null or j.revert_until < now()))'
                when entity = 'integration.import_jobs'
                    then 't.finished_at < now() - $2 and (t.revert_until is null or t.revert_until < now())'
                when entity = 'integration.webhook_deliveries'
                    then 't.status in (''delivered'', ''dead'')'
                        || ' and coalesce(t.delivered_at, t.next_attempt_at) < now() - $2'
                when entity = 'ai.agent_runs'
                    then 'coalesce(t.finished_at, t.updated_at) < now() - $2'
                when entity = 'ai.agent_steps'
                    then 'exists (select 1 from ai.agent_runs as r where r.agency_id = t.agency_id'
                        || ' and r.id = t.run_id and coalesce(r.finished_at, r.updated_at) < now() - $2)'
            end || coalesce(
                ' and not exists (select 1 from governance.erasure_requests as h where h.agency_id = t.agency_id'
                || ' and h.legal_hold and h.subject_kind = ''contact'' and h.subject_id = ' || whose || ')',
                ''
            );
        end;
        $function$;

        revoke all on function app.due_rows(text) from public;
        grant execute on function app.due_rows(text) to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_tenancy_writer,
            gardenos_eraser;

        comment on function app.due_rows(text) is
        'The rows of a table that are kept for too long, as the text of a query; null for an unknown table.';
        """
    )
    execute(
        r"""
        -- An agent ends its run, or suspends it to wait for a person for another reason than an approval. The cost is
        -- that of the whole run; left out, it stays as it is.
        create or replace function app.finish_run(
            run_id uuid,
            status app.run_status default 'succeeded',
            outcome jsonb default null,
            error text default null,
            cost numeric default null
        )
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            update ai.agent_runs as r
               set status = finish_run.status,
                   outcome = coalesce(finish_run.outcome, r.outcome),
                   error = coalesce(finish_run.error, r.error),
                   cost = coalesce(finish_run.cost, r.cost)
             where r.agency_id = app.agency_id()
               and r.id = finish_run.run_id;
            if not found then
                raise exception 'There is no run % of yours.', coalesce(run_id::text, 'null')
                    using errcode = '22023';
            end if;
        end;
        $function$;

        revoke all on function app.finish_run(uuid, app.run_status, jsonb, text, numeric) from public;
        grant execute on function app.finish_run(uuid, app.run_status, jsonb, text, numeric) to
            authenticated;

        comment on function app.finish_run(uuid, app.run_status, jsonb, text, numeric) is
        'An agent ends or suspends its run, with what came of it and what it has cost.';
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- No hidden links: who writes a record points it only to what they can read. Foreign key checks see every
        -- row of the agency, so without this a form would confirm, and show by name, records of others
        -- (krayin/laravel-crm#732). The look-ups run as whoever writes, so the policies of the target answer.
        --
        -- AFTER the row, so that the policies of the table itself and its foreign keys speak first; and only for
        -- references that changed: who may not see the company of a deal can still move the deal. Arguments: column
        -- and table, in pairs. The trigger's WHEN clause lets everybody pass who is not an API client.
        create or replace function app.forbid_hidden_links()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            after_change jsonb := to_jsonb(new);
            before_change jsonb := case when tg_op = 'UPDATE' then to_jsonb(old) end;
            place uuid := new.agency_id;
            target uuid;
            readable boolean;
        begin
            for argument in 0 .. tg_nargs - 2 by 2 loop
                target := (after_change ->> tg_argv[argument])::uuid;
                continue when target is null or target = (before_change ->> tg_argv[argument])::uuid;
                readable := case tg_argv[argument + 1]
                    when 'tenancy.memberships' then exists (
                        select 1 from tenancy.memberships as t where t.agency_id = place and t.id = target
                    )
                    -- the default is no choice of the writer, whose key may not read teams
                    when 'tenancy.teams' then target = app.default_team_id() or exists (
                        select 1 from tenancy.teams as t where t.agency_id = place and t.id = target
                    )
                    -- a client reads no contact, and is one
                    when 'crm.contacts' then target = app.contact_id() or exists (
                        select 1 from crm.contacts as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.companies' then exists (
                        select 1 from crm.companies as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.deals' then exists (
                        select 1 from crm.deals as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.activities' then exists (
                        select 1 from crm.activities as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.conversations' then exists (
                        select 1 from crm.conversations as t where t.agency_id = place and t.id = target
                    )
                    when 'ai.memories' then exists (
                        select 1 from ai.memories as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.files' then exists (
                        select 1 from crm.files as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.tags' then exists (
                        select 1 from crm.tags as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.products' then exists (
                        select 1 from crm.products as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.pipelines' then exists (
                        select 1 from crm.pipelines as t where t.agency_id = place and t.id = target
                    )
                    when 'ai.agent_runs' then exists (
                        select 1 from ai.agent_runs as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.lookup_values' then exists (
                        select 1 from crm.lookup_values as t where t.agency_id = place and t.id = target
                    )
                end;
                if readable is not true then
                    raise exception '%.% cannot point to a row of % that you cannot read.',
                        tg_table_name, tg_argv[argument], tg_argv[argument + 1]
                        using errcode = '42501';
                end if;
            end loop;
            return null;
        end;
        $function$;

        revoke all on function app.forbid_hidden_links() from public;

        comment on function app.forbid_hidden_links() is
        'Refuses a reference to a row that the writer cannot read.';
        """
    )
    execute(
        r"""
        -- What a new agency begins with: a pipeline, and how long it keeps what was deleted. All of it is the
        -- agency's to change.
        create or replace function app.furnish_agency(agency uuid)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            pipeline uuid := app.uuid_v7();
        begin
            insert into crm.pipelines (agency_id, id, name, is_default)
            values (agency, pipeline, 'Sales', true);
            insert into crm.pipeline_stages (agency_id, pipeline_id, name, position, probability, outcome)
            values
            (agency, pipeline, 'New', 0, 10, 'open'),
            (agency, pipeline, 'Qualified', 1, 30, 'open'),
            (agency, pipeline, 'Proposal', 2, 60, 'open'),
            (agency, pipeline, 'Won', 3, 100, 'won'),
            (agency, pipeline, 'Lost', 4, 0, 'lost');
            insert into governance.retention_policies (agency_id, entity, keep, action)
            values
            (agency, 'crm.companies', '30 days', 'delete'),
            (agency, 'crm.contacts', '30 days', 'anonymise'),
            (agency, 'crm.contact_points', '30 days', 'delete'),
            (agency, 'crm.deals', '30 days', 'delete'),
            (agency, 'crm.activities', '30 days', 'delete'),
            (agency, 'crm.conversations', '30 days', 'delete'),
            (agency, 'crm.messages', '30 days', 'delete'),
            (agency, 'crm.calendar_events', '30 days', 'delete'),
            (agency, 'crm.files', '30 days', 'delete'),
            (agency, 'ai.memories', '30 days', 'delete'),
            (agency, 'integration.import_rows', '90 days', 'anonymise'),
            (agency, 'integration.webhook_deliveries', '30 days', 'delete'),
            (agency, 'ai.agent_runs', '90 days', 'delete');
        end;
        $function$;

        revoke all on function app.furnish_agency(uuid) from public;
        grant execute on function app.furnish_agency(uuid) to
            gardenos_tenancy_writer;

        comment on function app.furnish_agency(uuid) is
        'Gives a new agency its pipeline and its retention policies.';
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- A new run is seen by whoever sees its thread, and is noted with the request that made it. The conversation
        -- is locked until the run is there: should its visibility change meanwhile, one of the two waits, and
        -- app.note_run_access finds the run. A run below another one is in its thread, when it names none itself.
        --
        -- SECURITY DEFINER: an agent may not lock a conversation, which it may not change.
        set local role gardenos_crm_writer;

        create or replace function app.keep_run_access()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            above ai.agent_runs;
            place crm.conversations;
        begin
            select * into above
              from ai.agent_runs as r
             where r.agency_id = new.agency_id
               and r.id = new.parent_run_id;
            if above.id is not null then
                new.conversation_id := coalesce(new.conversation_id, above.conversation_id);
                new.team_id := above.team_id;
                new.visibility := above.visibility;
            end if;
            select * into place
              from crm.conversations as c
             where c.agency_id = new.agency_id
               and c.id = new.conversation_id
               for share;
            if place.id is not null then
                new.team_id := place.team_id;
                new.visibility := place.visibility;
            end if;
            new.request_id := coalesce((select nullif(r.request_id, '') from audit.request() as r), new.request_id);
            return new;
        end;
        $function$;

        revoke all on function app.keep_run_access() from public;
        grant execute on function app.keep_run_access() to
            gardenos_owner;

        comment on function app.keep_run_access() is
        'Copies who sees a run from its conversation, and notes the request.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Runs follow their conversation: whoever loses it loses them too, in the same transaction. SECURITY DEFINER:
        -- who changes a conversation changes no run.
        set local role gardenos_crm_writer;

        create or replace function app.note_run_access()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            update ai.agent_runs as r
               set team_id = new.team_id,
                   visibility = new.visibility
             where r.agency_id = new.agency_id
               and r.conversation_id = new.id
               and (r.team_id is distinct from new.team_id or r.visibility <> new.visibility);
            return null;
        end;
        $function$;

        revoke all on function app.note_run_access() from public;
        grant execute on function app.note_run_access() to
            gardenos_owner;

        comment on function app.note_run_access() is
        'Tells the runs of a conversation who sees them.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The tokens of a run are the sum of those of its steps, when a step is added and when its tokens become
        -- known. Steps that retention removes stay counted. SECURITY DEFINER: no client writes the sums.
        set local role gardenos_crm_writer;

        create or replace function app.note_tokens()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if tg_op = 'INSERT' then
                update ai.agent_runs as r
                   set tokens_in = r.tokens_in + s.tokens_in,
                       tokens_out = r.tokens_out + s.tokens_out
                  from (
                      select
                          n.agency_id,
                          n.run_id,
                          sum(coalesce(n.tokens_in, 0)) as tokens_in,
                          sum(coalesce(n.tokens_out, 0)) as tokens_out
                        from new_rows as n
                       where n.tokens_in > 0
                          or n.tokens_out > 0
                       group by n.agency_id, n.run_id
                  ) as s
                 where r.agency_id = s.agency_id
                   and r.id = s.run_id;
            else
                update ai.agent_runs as r
                   set tokens_in = r.tokens_in + s.tokens_in,
                       tokens_out = r.tokens_out + s.tokens_out
                  from (
                      select
                          n.agency_id,
                          n.run_id,
                          sum(coalesce(n.tokens_in, 0) - coalesce(o.tokens_in, 0)) as tokens_in,
                          sum(coalesce(n.tokens_out, 0) - coalesce(o.tokens_out, 0)) as tokens_out
                        from old_rows as o
                        join new_rows as n
                          on n.agency_id = o.agency_id
                         and n.id = o.id
                       where (n.tokens_in, n.tokens_out) is distinct from (o.tokens_in, o.tokens_out)
                       group by n.agency_id, n.run_id
                  ) as s
                 where r.agency_id = s.agency_id
                   and r.id = s.run_id;
            end if;
            return null;
        end;
        $function$;

        revoke all on function app.note_tokens() from public;
        grant execute on function app.note_tokens() to
            gardenos_owner;

        comment on function app.note_tokens() is
        'Adds the tokens of steps to their run.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- Appends the changes of ai.agent_runs to the trail, with their values, private rows without.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_ai_agent_runs()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
            secret bytea;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            secret := uuid_send(gen_random_uuid());
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'ai',
                    'agent_runs',
                    n.id,
                    'insert',
                    case
                        when n.visibility <> 'private'
                            then to_jsonb(n)
                    end,
                    case
                        when n.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    changed,
                    old_values,
                    new_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'ai',
                    'agent_runs',
                    n.id,
                    'update',
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then array_remove(array[
                                case when (o.agent_key is distinct from n.agent_key) then 'agent_key' end,
                                case when (o.agent_membership_id is distinct from n.agent_membership_id) then 'agent_membership_id' end,
                                case when (o.triggered_by_id is distinct from n.triggered_by_id) then 'triggered_by_id' end,
                                case when (o.on_behalf_of_id is distinct from n.on_behalf_of_id) then 'on_behalf_of_id' end,
                                case when (o.conversation_id is distinct from n.conversation_id) then 'conversation_id' end,
                                case when (o.parent_run_id is distinct from n.parent_run_id) then 'parent_run_id' end,
                                case when (o.status is distinct from n.status) then 'status' end,
                                case when (o.model is distinct from n.model) then 'model' end,
                                case when (o.input is distinct from n.input) then 'input' end,
                                case when (o.outcome is distinct from n.outcome) then 'outcome' end,
                                case when (o.cost is distinct from n.cost) then 'cost' end,
                                case when (o.currency is distinct from n.currency) then 'currency' end,
                                case when (o.started_at is distinct from n.started_at) then 'started_at' end,
                                case when (o.finished_at is distinct from n.finished_at) then 'finished_at' end,
                                case when (o.error is distinct from n.error) then 'error' end,
                                case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                                case when (o.visibility is distinct from n.visibility) then 'visibility' end,
                                case when (o.request_id is distinct from n.request_id) then 'request_id' end,
                                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                                case when (o.row_version is distinct from n.row_version) then 'row_version' end
                            ], null)
                        else '{}'
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then case when (o.agent_key is distinct from n.agent_key) then jsonb_build_object('agent_key', o.agent_key) else '{}' end
                            || case when (o.agent_membership_id is distinct from n.agent_membership_id) then jsonb_build_object('agent_membership_id', o.agent_membership_id) else '{}' end
                            || case when (o.triggered_by_id is distinct from n.triggered_by_id) then jsonb_build_object('triggered_by_id', o.triggered_by_id) else '{}' end
                            || case when (o.on_behalf_of_id is distinct from n.on_behalf_of_id) then jsonb_build_object('on_behalf_of_id', o.on_behalf_of_id) else '{}' end
                            || case when (o.conversation_id is distinct from n.conversation_id) then jsonb_build_object('conversation_id', o.conversation_id) else '{}' end
                            || case when (o.parent_run_id is distinct from n.parent_run_id) then jsonb_build_object('parent_run_id', o.parent_run_id) else '{}' end
                            || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
                            || case when (o.model is distinct from n.model) then jsonb_build_object('model', o.model) else '{}' end
                            || case when (o.input is distinct from n.input) then jsonb_build_object('input', o.input) else '{}' end
                            || case when (o.outcome is distinct from n.outcome) then jsonb_build_object('outcome', o.outcome) else '{}' end
                            || case when (o.cost is distinct from n.cost) then jsonb_build_object('cost', o.cost) else '{}' end
                            || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', o.currency) else '{}' end
                            || case when (o.started_at is distinct from n.started_at) then jsonb_build_object('started_at', o.started_at) else '{}' end
                            || case when (o.finished_at is distinct from n.finished_at) then jsonb_build_object('finished_at', o.finished_at) else '{}' end
                            || case when (o.error is distinct from n.error) then jsonb_build_object('error', o.error) else '{}' end
                            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                            || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', o.visibility) else '{}' end
                            || case when (o.request_id is distinct from n.request_id) then jsonb_build_object('request_id', o.request_id) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then case when (o.agent_key is distinct from n.agent_key) then jsonb_build_object('agent_key', n.agent_key) else '{}' end
                            || case when (o.agent_membership_id is distinct from n.agent_membership_id) then jsonb_build_object('agent_membership_id', n.agent_membership_id) else '{}' end
                            || case when (o.triggered_by_id is distinct from n.triggered_by_id) then jsonb_build_object('triggered_by_id', n.triggered_by_id) else '{}' end
                            || case when (o.on_behalf_of_id is distinct from n.on_behalf_of_id) then jsonb_build_object('on_behalf_of_id', n.on_behalf_of_id) else '{}' end
                            || case when (o.conversation_id is distinct from n.conversation_id) then jsonb_build_object('conversation_id', n.conversation_id) else '{}' end
                            || case when (o.parent_run_id is distinct from n.parent_run_id) then jsonb_build_object('parent_run_id', n.parent_run_id) else '{}' end
                            || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
                            || case when (o.model is distinct from n.model) then jsonb_build_object('model', n.model) else '{}' end
                            || case when (o.input is distinct from n.input) then jsonb_build_object('input', n.input) else '{}' end
                            || case when (o.outcome is distinct from n.outcome) then jsonb_build_object('outcome', n.outcome) else '{}' end
                            || case when (o.cost is distinct from n.cost) then jsonb_build_object('cost', n.cost) else '{}' end
                            || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', n.currency) else '{}' end
                            || case when (o.started_at is distinct from n.started_at) then jsonb_build_object('started_at', n.started_at) else '{}' end
                            || case when (o.finished_at is distinct from n.finished_at) then jsonb_build_object('finished_at', n.finished_at) else '{}' end
                            || case when (o.error is distinct from n.error) then jsonb_build_object('error', n.error) else '{}' end
                            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                            || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', n.visibility) else '{}' end
                            || case when (o.request_id is distinct from n.request_id) then jsonb_build_object('request_id', n.request_id) else '{}' end
                            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    end,
                    case
                        when o.visibility <> 'private' and n.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
                    end,
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.agency_id = o.agency_id
                   and n.id = o.id
                 where (
                    not (o.tokens_in is distinct from n.tokens_in)
                    and not (o.tokens_out is distinct from n.tokens_out)
                )
                or (o.agency_id is distinct from n.agency_id)
                or (o.id is distinct from n.id)
                or (o.agent_key is distinct from n.agent_key)
                or (o.agent_membership_id is distinct from n.agent_membership_id)
                or (o.triggered_by_id is distinct from n.triggered_by_id)
                or (o.on_behalf_of_id is distinct from n.on_behalf_of_id)
                or (o.conversation_id is distinct from n.conversation_id)
                or (o.parent_run_id is distinct from n.parent_run_id)
                or (o.status is distinct from n.status)
                or (o.model is distinct from n.model)
                or (o.input is distinct from n.input)
                or (o.outcome is distinct from n.outcome)
                or (o.cost is distinct from n.cost)
                or (o.currency is distinct from n.currency)
                or (o.started_at is distinct from n.started_at)
                or (o.finished_at is distinct from n.finished_at)
                or (o.error is distinct from n.error)
                or (o.team_id is distinct from n.team_id)
                or (o.visibility is distinct from n.visibility)
                or (o.request_id is distinct from n.request_id)
                or (o.created_at is distinct from n.created_at)
                or (o.created_by is distinct from n.created_by)
                or (o.updated_at is distinct from n.updated_at)
                or (o.updated_by is distinct from n.updated_by)
                or (o.row_version is distinct from n.row_version);
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    old_values,
                    salt,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'ai',
                    'agent_runs',
                    o.id,
                    'delete',
                    case
                        when o.visibility <> 'private'
                            then to_jsonb(o)
                    end,
                    case
                        when o.visibility <> 'private'
                            then substring(sha256(secret || uuid_send(o.id)) from 1 for 16)
                    end,
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_ai_agent_runs() from public;
        grant execute on function audit.record_ai_agent_runs() to gardenos_owner;

        comment on function audit.record_ai_agent_runs() is
        'Appends the changes of ai.agent_runs to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Appends the changes of ai.agent_steps to the trail, without their values.
        -- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
        -- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
        set local role gardenos_audit_writer;

        create or replace function audit.record_ai_agent_steps()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set plan_cache_mode = force_generic_plan
        as $function$
        declare
            context record;
        begin
            -- no transaction id: the statement wrote nothing
            if pg_current_xact_id_if_assigned() is null then
                return null;
            end if;
            context := audit.context();
            if tg_op = 'INSERT' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'ai',
                    'agent_steps',
                    n.id,
                    'insert',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from new_rows as n;
            elsif tg_op = 'UPDATE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    n.agency_id,
                    'ai',
                    'agent_steps',
                    n.id,
                    'update',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o
                  join new_rows as n
                    on n.agency_id = o.agency_id
                   and n.id = o.id;
            elsif tg_op = 'DELETE' then
                insert into audit.log (
                    agency_id,
                    schema_name,
                    table_name,
                    record_id,
                    op,
                    actor_kind,
                    actor_user_id,
                    actor_membership_id,
                    on_behalf_of_id,
                    api_key_id,
                    agency_role,
                    db_role,
                    request_id,
                    ip,
                    xid,
                    epoch,
                    timeline
                )
                select
                    o.agency_id,
                    'ai',
                    'agent_steps',
                    o.id,
                    'delete',
                    context.actor_kind,
                    context.actor_user_id,
                    context.actor_membership_id,
                    context.on_behalf_of_id,
                    context.api_key_id,
                    context.agency_role,
                    context.db_role,
                    context.request_id,
                    context.ip,
                    context.xid,
                    context.epoch,
                    context.timeline
                  from old_rows as o;
            end if;
            return null;
        end;
        $function$;

        revoke all on function audit.record_ai_agent_steps() from public;
        grant execute on function audit.record_ai_agent_steps() to gardenos_owner;

        comment on function audit.record_ai_agent_steps() is
        'Appends the changes of ai.agent_steps to the trail.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        grant execute on function audit.request() to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        grant insert (agency_id), update (agency_id) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (agent_key), update (agent_key) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (conversation_id), update (conversation_id) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (cost), update (cost) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (created_at), update (created_at) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (created_by), update (created_by) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (currency), update (currency) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant update (error) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (id), update (id) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (input), update (input) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (model), update (model) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant update (outcome) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (parent_run_id), update (parent_run_id) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (row_version), update (row_version) on table ai.agent_runs to authenticated;
        """
    )
    execute(
        r"""
        grant insert (status), update (status) on table ai.agent_runs to authenticated;

        grant update (status) on table ai.agent_runs to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        grant update (team_id) on table ai.agent_runs to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        grant update (tokens_in) on table ai.agent_runs to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        grant update (tokens_out) on table ai.agent_runs to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        grant update (visibility) on table ai.agent_runs to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        grant insert (agency_id), update (agency_id) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (approval), update (approval) on table ai.agent_steps to authenticated;

        grant update (approval) on table ai.agent_steps to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        grant insert (args), update (args) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (created_at), update (created_at) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (created_by), update (created_by) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant update (decided_at) on table ai.agent_steps to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        grant update (decided_by_id) on table ai.agent_steps to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        grant insert (error), update (error) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (id), update (id) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (kind), update (kind) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (latency_ms), update (latency_ms) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (node), update (node) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (result), update (result) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (run_id), update (run_id) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (seq), update (seq) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (tokens_in), update (tokens_in) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (tokens_out), update (tokens_out) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        grant insert (tool_name), update (tool_name) on table ai.agent_steps to authenticated;
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on ai.agent_runs
        referencing old table as old_rows
        for each statement
        execute function audit.record_ai_agent_runs();
        """
    )
    execute(
        r"""
        create or replace trigger audit_insert
        after insert on ai.agent_runs
        referencing new table as new_rows
        for each statement
        execute function audit.record_ai_agent_runs();
        """
    )
    execute(
        r"""
        create or replace trigger audit_truncate
        before truncate on ai.agent_runs
        for each statement
        execute function audit.forbid_truncate();
        """
    )
    execute(
        r"""
        create or replace trigger audit_update
        after update on ai.agent_runs
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_ai_agent_runs();
        """
    )
    execute(
        r"""
        create or replace trigger check_agent
        after insert on ai.agent_runs
        for each row
        execute function app.check_run_agent();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_agency_change
        before update on ai.agent_runs
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_hidden_links
        after insert or update of parent_run_id on ai.agent_runs
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links('parent_run_id', 'ai.agent_runs');
        """
    )
    execute(
        r"""
        create or replace trigger guard
        before insert or update on ai.agent_runs
        for each row
        execute function app.guard_run();
        """
    )
    execute(
        r"""
        create or replace trigger keep_access
        before insert on ai.agent_runs
        for each row
        execute function app.keep_run_access();
        """
    )
    execute(
        r"""
        create or replace trigger keep_definition
        before update on ai.agent_runs
        for each row
        when (
            old.agent_key is distinct from new.agent_key
            or old.agent_membership_id is distinct from new.agent_membership_id
            or old.triggered_by_id is distinct from new.triggered_by_id
            or old.on_behalf_of_id is distinct from new.on_behalf_of_id
            or old.conversation_id is distinct from new.conversation_id
            or (old.parent_run_id is distinct from new.parent_run_id and current_user <> 'gardenos_owner')
        )
        execute function app.forbid_redefinition(
            'agent_key',
            'agent_membership_id',
            'triggered_by_id',
            'on_behalf_of_id',
            'conversation_id',
            'parent_run_id'
        );
        """
    )
    execute(
        r"""
        create or replace trigger stamp
        before insert or update of
            agency_id,
            id,
            agent_key,
            agent_membership_id,
            triggered_by_id,
            on_behalf_of_id,
            conversation_id,
            parent_run_id,
            status,
            model,
            input,
            outcome,
            cost,
            currency,
            started_at,
            finished_at,
            error,
            team_id,
            visibility,
            request_id,
            created_at,
            created_by,
            updated_at,
            updated_by,
            row_version
        on ai.agent_runs
        for each row
        execute function app.stamp_row();
        """
    )
    execute(
        r"""
        alter table ai.agent_runs enable row level security;

        alter table ai.agent_runs force row level security;

        grant select on table ai.agent_runs to authenticated;

        grant select on table ai.agent_runs to gardenos_auditor;

        grant select on table ai.agent_runs to gardenos_crm_writer;

        grant select, update, delete on table ai.agent_runs to gardenos_eraser;

        grant select, insert, update on table ai.agent_runs to gardenos_worker;

        grant select, insert, update, delete on table ai.agent_runs to service_role;
        """
    )
    execute(
        r"""
        create policy "agents carry their runs on"
        on ai.agent_runs
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.agent_reach('ai.agent_runs:update', own => '{ai_agent}')) = 'own'
            and (select app.membership_id()) in (agent_membership_id, triggered_by_id, on_behalf_of_id)
            and (
                conversation_id is null
                or exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = ai.agent_runs.agency_id
                       and parent.id = ai.agent_runs.conversation_id
                )
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.agent_reach('ai.agent_runs:update', own => '{ai_agent}')) = 'own'
            and (select app.membership_id()) in (agent_membership_id, triggered_by_id, on_behalf_of_id)
            and (
                conversation_id is null
                or exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = ai.agent_runs.agency_id
                       and parent.id = ai.agent_runs.conversation_id
                )
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents start runs"
        on ai.agent_runs
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.agent_reach('ai.agent_runs:insert', own => '{ai_agent}')) = 'own'
            and (select app.membership_id()) in (agent_membership_id, triggered_by_id, on_behalf_of_id)
            and (
                conversation_id is null
                or exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = ai.agent_runs.agency_id
                       and parent.id = ai.agent_runs.conversation_id
                )
            )
        );
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on ai.agent_runs
        as permissive
        for all
        to gardenos_eraser
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "staff and agents read runs whose conversation they see"
        on ai.agent_runs
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and case (
                select app.agent_reach(
                    'ai.agent_runs:select',
                    agency => '{owner,admin}',
                    team => '{manager}',
                    own => '{member,ai_agent}'
                )
            )
                when 'all' then
                    visibility <> 'private'
                    or (select app.membership_id()) in (agent_membership_id, triggered_by_id, on_behalf_of_id)
                when 'team' then
                    (select app.membership_id()) in (agent_membership_id, triggered_by_id, on_behalf_of_id)
                    or (
                        visibility <> 'private'
                        and team_id = any((select app.my_teams())::uuid[])
                    )
                when 'own' then
                    (select app.membership_id()) in (agent_membership_id, triggered_by_id, on_behalf_of_id)
            end
            and (
                conversation_id is null
                or exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = ai.agent_runs.agency_id
                       and parent.id = ai.agent_runs.conversation_id
                )
            )
        );
        """
    )
    execute(
        r"""
        create policy "tenant floor"
        on ai.agent_runs
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "the auditor reads everything"
        on ai.agent_runs
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );
        """
    )
    execute(
        r"""
        create policy "the worker adds runs of agents"
        on ai.agent_runs
        as permissive
        for insert
        to gardenos_worker
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "the worker changes runs of agents"
        on ai.agent_runs
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "the worker reads runs of agents"
        on ai.agent_runs
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "triggers and decisions keep runs"
        on ai.agent_runs
        as permissive
        for all
        to gardenos_crm_writer
        using (
            true
        )
        with check (
            true
        );
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on ai.agent_steps
        referencing old table as old_rows
        for each statement
        execute function audit.record_ai_agent_steps();
        """
    )
    execute(
        r"""
        create or replace trigger audit_insert
        after insert on ai.agent_steps
        referencing new table as new_rows
        for each statement
        execute function audit.record_ai_agent_steps();
        """
    )
    execute(
        r"""
        create or replace trigger audit_truncate
        before truncate on ai.agent_steps
        for each statement
        execute function audit.forbid_truncate();
        """
    )
    execute(
        r"""
        create or replace trigger audit_update
        after update on ai.agent_steps
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_ai_agent_steps();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_agency_change
        before update on ai.agent_steps
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();
        """
    )
    execute(
        r"""
        create or replace trigger guard
        before insert or update on ai.agent_steps
        for each row
        execute function app.guard_step();
        """
    )
    execute(
        r"""
        create or replace trigger keep_definition
        before update on ai.agent_steps
        for each row
        when (
            old.run_id is distinct from new.run_id
            or old.seq is distinct from new.seq
            or old.node is distinct from new.node
            or old.kind is distinct from new.kind
            or old.tool_name is distinct from new.tool_name
        )
        execute function app.forbid_redefinition('run_id', 'seq', 'node', 'kind', 'tool_name');
        """
    )
    execute(
        r"""
        create or replace trigger note_tokens_insert
        after insert on ai.agent_steps
        referencing new table as new_rows
        for each statement
        execute function app.note_tokens();
        """
    )
    execute(
        r"""
        create or replace trigger note_tokens_update
        after update on ai.agent_steps
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.note_tokens();
        """
    )
    execute(
        r"""
        create or replace trigger stamp
        before insert on ai.agent_steps
        for each row
        execute function app.stamp_link();
        """
    )
    execute(
        r"""
        alter table ai.agent_steps enable row level security;

        alter table ai.agent_steps force row level security;

        grant select on table ai.agent_steps to authenticated;

        grant select on table ai.agent_steps to gardenos_auditor;

        grant select on table ai.agent_steps to gardenos_crm_writer;

        grant select, update, delete on table ai.agent_steps to gardenos_eraser;

        grant select, insert, update on table ai.agent_steps to gardenos_worker;

        grant select, insert, update, delete on table ai.agent_steps to service_role;
        """
    )
    execute(
        r"""
        create policy "agents add steps to the runs they act in"
        on ai.agent_steps
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.agent_reach('ai.agent_steps:insert', own => '{ai_agent}')) = 'own'
            and exists (
                select 1
                  from ai.agent_runs as parent
                 where parent.agency_id = ai.agent_steps.agency_id
                   and parent.id = ai.agent_steps.run_id
                   and parent.agent_membership_id = (select app.acting_agent_id())
                   and parent.on_behalf_of_id is not distinct from (select app.acting_for_id())
                   for key share
            )
        );
        """
    )
    execute(
        r"""
        create policy "agents note what came of their steps"
        on ai.agent_steps
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.agent_reach('ai.agent_steps:update', own => '{ai_agent}')) = 'own'
            and exists (
                select 1
                  from ai.agent_runs as parent
                 where parent.agency_id = ai.agent_steps.agency_id
                   and parent.id = ai.agent_steps.run_id
                   and parent.agent_membership_id = (select app.acting_agent_id())
                   and parent.on_behalf_of_id is not distinct from (select app.acting_for_id())
                   for key share
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.agent_reach('ai.agent_steps:update', own => '{ai_agent}')) = 'own'
            and exists (
                select 1
                  from ai.agent_runs as parent
                 where parent.agency_id = ai.agent_steps.agency_id
                   and parent.id = ai.agent_steps.run_id
                   and parent.agent_membership_id = (select app.acting_agent_id())
                   and parent.on_behalf_of_id is not distinct from (select app.acting_for_id())
                   for key share
            )
        );
        """
    )
    execute(
        r"""
        create policy "erasure reaches the agency it is bound to"
        on ai.agent_steps
        as permissive
        for all
        to gardenos_eraser
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "triggers and decisions keep steps"
        on ai.agent_steps
        as permissive
        for all
        to gardenos_crm_writer
        using (
            true
        )
        with check (
            true
        );
        """
    )
    execute(
        r"""
        create policy "staff and agents read the steps of runs they see"
        on ai.agent_steps
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.agent_reach(
                    'ai.agent_steps:select',
                    agency => '{owner,admin,manager,member,ai_agent}'
                )
            ) = 'all'
            and exists (
                select 1
                  from ai.agent_runs as parent
                 where parent.agency_id = ai.agent_steps.agency_id
                   and parent.id = ai.agent_steps.run_id
            )
        );
        """
    )
    execute(
        r"""
        create policy "tenant floor"
        on ai.agent_steps
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "the auditor reads everything"
        on ai.agent_steps
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );
        """
    )
    execute(
        r"""
        create policy "the worker adds steps of agents"
        on ai.agent_steps
        as permissive
        for insert
        to gardenos_worker
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "the worker changes steps of agents"
        on ai.agent_steps
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create policy "the worker reads steps of agents"
        on ai.agent_steps
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );
        """
    )
    execute(
        r"""
        create or replace trigger note_runs
        after update of
            team_id,
            visibility
        on crm.conversations
        for each row
        when (
            old.team_id is distinct from new.team_id
            or old.visibility <> new.visibility
        )
        execute function app.note_run_access();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_hidden_links
        after insert or update of agent_run_id on crm.messages
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links('agent_run_id', 'ai.agent_runs');
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop trigger forbid_hidden_links on crm.messages;
        """
    )
    execute(
        r"""
        drop trigger note_runs on crm.conversations;
        """
    )
    execute(
        r"""
        drop policy "the worker reads steps of agents" on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop policy "the worker changes steps of agents" on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop policy "the worker adds steps of agents" on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop policy "the auditor reads everything" on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop policy "tenant floor" on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop policy "staff and agents read the steps of runs they see" on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop policy "triggers and decisions keep steps" on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop policy "agents note what came of their steps" on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop policy "agents add steps to the runs they act in" on ai.agent_steps;
        """
    )
    execute(
        r"""
        alter table ai.agent_steps disable row level security;

        alter table ai.agent_steps no force row level security;

        revoke select on table ai.agent_steps from authenticated cascade;

        revoke select on table ai.agent_steps from gardenos_auditor cascade;

        revoke select on table ai.agent_steps from gardenos_crm_writer cascade;

        revoke select, update, delete on table ai.agent_steps from gardenos_eraser cascade;

        revoke select, insert, update on table ai.agent_steps from gardenos_worker cascade;

        revoke select, insert, update, delete on table ai.agent_steps from service_role cascade;
        """
    )
    execute(
        r"""
        drop trigger stamp on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop trigger note_tokens_update on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop trigger note_tokens_insert on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop trigger keep_definition on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop trigger guard on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop trigger forbid_agency_change on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop trigger audit_update on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop trigger audit_truncate on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop trigger audit_insert on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on ai.agent_steps;
        """
    )
    execute(
        r"""
        drop policy "triggers and decisions keep runs" on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop policy "the worker reads runs of agents" on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop policy "the worker changes runs of agents" on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop policy "the worker adds runs of agents" on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop policy "the auditor reads everything" on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop policy "tenant floor" on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop policy "staff and agents read runs whose conversation they see" on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop policy "erasure reaches the agency it is bound to" on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop policy "agents start runs" on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop policy "agents carry their runs on" on ai.agent_runs;
        """
    )
    execute(
        r"""
        alter table ai.agent_runs disable row level security;

        alter table ai.agent_runs no force row level security;

        revoke select on table ai.agent_runs from authenticated cascade;

        revoke select on table ai.agent_runs from gardenos_auditor cascade;

        revoke select on table ai.agent_runs from gardenos_crm_writer cascade;

        revoke select, update, delete on table ai.agent_runs from gardenos_eraser cascade;

        revoke select, insert, update on table ai.agent_runs from gardenos_worker cascade;

        revoke select, insert, update, delete on table ai.agent_runs from service_role cascade;
        """
    )
    execute(
        r"""
        drop trigger stamp on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop trigger keep_definition on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop trigger keep_access on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop trigger guard on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop trigger forbid_hidden_links on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop trigger forbid_agency_change on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop trigger check_agent on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop trigger audit_update on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop trigger audit_truncate on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop trigger audit_insert on ai.agent_runs;
        """
    )
    execute(
        r"""
        drop trigger audit_delete on ai.agent_runs;
        """
    )
    execute(
        r"""
        revoke insert (tool_name), update (tool_name) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (tokens_out), update (tokens_out) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (tokens_in), update (tokens_in) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (seq), update (seq) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (run_id), update (run_id) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (result), update (result) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (node), update (node) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (latency_ms), update (latency_ms) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (kind), update (kind) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (id), update (id) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (error), update (error) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke update (decided_by_id) on table ai.agent_steps from gardenos_crm_writer cascade;
        """
    )
    execute(
        r"""
        revoke update (decided_at) on table ai.agent_steps from gardenos_crm_writer cascade;
        """
    )
    execute(
        r"""
        revoke insert (created_by), update (created_by) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (created_at), update (created_at) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (args), update (args) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (approval), update (approval) on table ai.agent_steps from authenticated cascade;

        revoke update (approval) on table ai.agent_steps from gardenos_crm_writer cascade;
        """
    )
    execute(
        r"""
        revoke insert (agency_id), update (agency_id) on table ai.agent_steps from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke update (visibility) on table ai.agent_runs from gardenos_crm_writer cascade;
        """
    )
    execute(
        r"""
        revoke update (tokens_out) on table ai.agent_runs from gardenos_crm_writer cascade;
        """
    )
    execute(
        r"""
        revoke update (tokens_in) on table ai.agent_runs from gardenos_crm_writer cascade;
        """
    )
    execute(
        r"""
        revoke update (team_id) on table ai.agent_runs from gardenos_crm_writer cascade;
        """
    )
    execute(
        r"""
        revoke insert (status), update (status) on table ai.agent_runs from authenticated cascade;

        revoke update (status) on table ai.agent_runs from gardenos_crm_writer cascade;
        """
    )
    execute(
        r"""
        revoke insert (row_version), update (row_version) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (parent_run_id), update (parent_run_id) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke update (outcome) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (model), update (model) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (input), update (input) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (id), update (id) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke update (error) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (currency), update (currency) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (created_by), update (created_by) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (created_at), update (created_at) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (cost), update (cost) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (conversation_id), update (conversation_id) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (agent_key), update (agent_key) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke insert (agency_id), update (agency_id) on table ai.agent_runs from authenticated cascade;
        """
    )
    execute(
        r"""
        revoke execute on function audit.request() from gardenos_crm_writer cascade;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_writer;

        drop function audit.record_ai_agent_steps();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_audit_writer;

        drop function audit.record_ai_agent_runs();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.start_run(agent_key text, conversation_id uuid, input jsonb, model text, parent_run_id uuid, run_id uuid);
        """
    )
    execute(
        r"""
        drop function app.record_step(run_id uuid, node text, kind app.step_kind, tool_name text, args jsonb, result jsonb, needs_approval boolean, latency_ms integer, tokens_in integer, tokens_out integer, error text, step_id uuid);
        """
    )
    execute(
        r"""
        set local role gardenos_crm_writer;

        drop function app.note_tokens();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_crm_writer;

        drop function app.note_run_access();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_crm_writer;

        drop function app.keep_run_access();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.guard_step();
        """
    )
    execute(
        r"""
        drop function app.guard_run();
        """
    )
    execute(
        r"""
        -- What a new agency begins with: a pipeline, and how long it keeps what was deleted. All of it is the
        -- agency's to change.
        create or replace function app.furnish_agency(agency uuid)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            pipeline uuid := app.uuid_v7();
        begin
            insert into crm.pipelines (agency_id, id, name, is_default)
            values (agency, pipeline, 'Sales', true);
            insert into crm.pipeline_stages (agency_id, pipeline_id, name, position, probability, outcome)
            values
            (agency, pipeline, 'New', 0, 10, 'open'),
            (agency, pipeline, 'Qualified', 1, 30, 'open'),
            (agency, pipeline, 'Proposal', 2, 60, 'open'),
            (agency, pipeline, 'Won', 3, 100, 'won'),
            (agency, pipeline, 'Lost', 4, 0, 'lost');
            insert into governance.retention_policies (agency_id, entity, keep, action)
            values
            (agency, 'crm.companies', '30 days', 'delete'),
            (agency, 'crm.contacts', '30 days', 'anonymise'),
            (agency, 'crm.contact_points', '30 days', 'delete'),
            (agency, 'crm.deals', '30 days', 'delete'),
            (agency, 'crm.activities', '30 days', 'delete'),
            (agency, 'crm.conversations', '30 days', 'delete'),
            (agency, 'crm.messages', '30 days', 'delete'),
            (agency, 'crm.calendar_events', '30 days', 'delete'),
            (agency, 'crm.files', '30 days', 'delete'),
            (agency, 'ai.memories', '30 days', 'delete'),
            (agency, 'integration.import_rows', '90 days', 'anonymise'),
            (agency, 'integration.webhook_deliveries', '30 days', 'delete');
        end;
        $function$;

        revoke all on function app.furnish_agency(uuid) from public;
        grant execute on function app.furnish_agency(uuid) to
            gardenos_tenancy_writer;

        comment on function app.furnish_agency(uuid) is
        'Gives a new agency its pipeline and its retention policies.';
        """
    )
    execute(
        r"""
        -- No hidden links: who writes a record points it only to what they can read. Foreign key checks see every
        -- row of the agency, so without this a form would confirm, and show by name, records of others
        -- (krayin/laravel-crm#732). The look-ups run as whoever writes, so the policies of the target answer.
        --
        -- AFTER the row, so that the policies of the table itself and its foreign keys speak first; and only for
        -- references that changed: who may not see the company of a deal can still move the deal. Arguments: column
        -- and table, in pairs. The trigger's WHEN clause lets everybody pass who is not an API client.
        create or replace function app.forbid_hidden_links()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            after_change jsonb := to_jsonb(new);
            before_change jsonb := case when tg_op = 'UPDATE' then to_jsonb(old) end;
            place uuid := new.agency_id;
            target uuid;
            readable boolean;
        begin
            for argument in 0 .. tg_nargs - 2 by 2 loop
                target := (after_change ->> tg_argv[argument])::uuid;
                continue when target is null or target = (before_change ->> tg_argv[argument])::uuid;
                readable := case tg_argv[argument + 1]
                    when 'tenancy.memberships' then exists (
                        select 1 from tenancy.memberships as t where t.agency_id = place and t.id = target
                    )
                    -- the default is no choice of the writer, whose key may not read teams
                    when 'tenancy.teams' then target = app.default_team_id() or exists (
                        select 1 from tenancy.teams as t where t.agency_id = place and t.id = target
                    )
                    -- a client reads no contact, and is one
                    when 'crm.contacts' then target = app.contact_id() or exists (
                        select 1 from crm.contacts as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.companies' then exists (
                        select 1 from crm.companies as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.deals' then exists (
                        select 1 from crm.deals as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.activities' then exists (
                        select 1 from crm.activities as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.conversations' then exists (
                        select 1 from crm.conversations as t where t.agency_id = place and t.id = target
                    )
                    when 'ai.memories' then exists (
                        select 1 from ai.memories as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.files' then exists (
                        select 1 from crm.files as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.tags' then exists (
                        select 1 from crm.tags as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.products' then exists (
                        select 1 from crm.products as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.pipelines' then exists (
                        select 1 from crm.pipelines as t where t.agency_id = place and t.id = target
                    )
                    when 'crm.lookup_values' then exists (
                        select 1 from crm.lookup_values as t where t.agency_id = place and t.id = target
                    )
                end;
                if readable is not true then
                    raise exception '%.% cannot point to a row of % that you cannot read.',
                        tg_table_name, tg_argv[argument], tg_argv[argument + 1]
                        using errcode = '42501';
                end if;
            end loop;
            return null;
        end;
        $function$;

        revoke all on function app.forbid_hidden_links() from public;

        comment on function app.forbid_hidden_links() is
        'Refuses a reference to a row that the writer cannot read.';
        """
    )
    execute(
        r"""
        drop function app.finish_step(step_id uuid, result jsonb, error text, latency_ms integer, tokens_in integer, tokens_out integer);
        """
    )
    execute(
        r"""
        drop function app.finish_run(run_id uuid, status app.run_status, outcome jsonb, error text, cost numeric);
        """
    )
    execute(
        r"""
        -- Which rows of a table are kept for longer than an agency wants, as the text of a query with the agency as
        -- $1 and the time as $2: the one definition for counting them and for removing them. What was deleted is kept
        -- from then on; a memory also from when it expired or was superseded; lines of imports and attempts to
        -- deliver from their end. What belongs to a person on legal hold is never due, nor is a contact that was
        -- merged: it goes with the one that is left. Null for a table that retention does not know.
        create or replace function app.due_rows(entity text)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            whose constant text := case entity
                when 'crm.contacts' then 't.id'
                when 'crm.messages' then '(select c.contact_id from crm.conversations as c'
                    || ' where c.agency_id = t.agency_id and c.id = t.conversation_id)'
                when 'crm.contact_points' then 't.contact_id'
                when 'crm.activities' then 't.contact_id'
                when 'crm.conversations' then 't.contact_id'
                when 'crm.files' then 't.contact_id'
                when 'integration.import_rows' then 't.contact_id'
                when 'ai.memories' then 't.contact_id'
            end;
        begin
            return 'from ' || entity || ' as t where t.agency_id = $1 and ' || case
                when entity = 'crm.contacts'
                    then 't.deleted_at < now() - $2 and t.anonymised_at is null and t.merged_into_id is null'
                when entity = 'crm.companies'
                    -- a merge can be undone for thirty days
                    then 't.deleted_at < now() - case when t.merged_into_id is null then $2'
                        || ' else greatest($2, interval ''31 days'') end'
                when entity in (
                    'crm.contact_points', 'crm.deals', 'crm.activities', 'crm.conversations', 'crm.messages',
                    'crm.calendar_events', 'crm.files'
                )
                    then 't.deleted_at < now() - $2'
                when entity = 'ai.memories'
                    then '(least(t.deleted_at, t.expires_at) < now() - $2'
                        || ' or (t.superseded_by_id is not null and t.updated_at < now() - $2))'
                when entity = 'integration.import_rows'
                    then 'num_nonnulls(t.raw, t.before, t.error_message) > 0 and exists (select 1'
                        || ' from integration.import_jobs as j where j.agency_id = t.agency_id and j.id = t.job_id'
                        || ' and j.finished_at < now() - $2 and (j.revert_until is null or j.revert_until < now()))'
                when entity = 'integration.import_jobs'
                    then 't.finished_at < now() - $2 and (t.revert_until is null or t.revert_until < now())'
                when entity = 'integration.webhook_deliveries'
                    then 't.status in (''delivered'', ''dead'')'
                        || ' and coalesce(t.delivered_at, t.next_attempt_at) < now() - $2'
            end || coalesce(
                ' and not exists (select 1 from governance.erasure_requests as h where h.agency_id = t.agency_id'
                || ' and h.legal_hold and h.subject_kind = ''contact'' and h.subject_id = ' || whose || ')',
                ''
            );
        end;
        $function$;

        revoke all on function app.due_rows(text) from public;
        grant execute on function app.due_rows(text) to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_tenancy_writer,
            gardenos_eraser;

        comment on function app.due_rows(text) is
        'The rows of a table that are kept for too long, as the text of a query; null for an unknown table.';
        """
    )
    execute(
        r"""
        set local role gardenos_crm_writer;

        drop function app.decide_step(step_id uuid, approve boolean);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        drop function app.check_run_agent();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.check_retention()
         RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        begin
            if app.due_rows(new.entity) is null then
                raise exception 'Nothing is known about keeping %.', new.entity
                    using errcode = '23514',
                    hint = 'Name a table of records, imports or deliveries, as schema.table.';
            end if;
            if new.entity <> 'integration.import_rows'
                and (new.action = 'anonymise') <> (new.entity = 'crm.contacts') then
                raise exception 'Rows of % are not kept with the action %.', new.entity, new.action
                    using errcode = '23514',
                    hint = 'Contacts are anonymised, because consents point to them; other rows are deleted.';
            end if;
            return new;
        end;
        $function$;
        """
    )
    execute(
        r"""
        drop function app.agent_reach(action text, own app.agency_role[], team app.agency_role[], agency app.agency_role[]);
        """
    )
    execute(
        r"""
        drop function app.acting_for_id();
        """
    )
    execute(
        r"""
        drop function app.acting_agent_id();
        """
    )
    execute(
        r"""
        alter table crm.messages
            drop constraint messages_agent_run_id_fkey;

        alter table ai.memories
            drop constraint memories_source_run_id_fkey;

        drop table ai.agent_steps;
        drop table ai.agent_runs;

        drop type app.approval;
        drop type app.step_kind;
        drop type app.run_status;
        """
    )
