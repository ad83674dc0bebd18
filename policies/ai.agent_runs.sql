-- Owners and admins see every run, a manager those of the own teams, a member those that were set off by or
-- act for the member; a private one only these. An agent sees and writes its own, and there its line alone
-- decides, whoever it acts for. A run is its agent's, so none is unassigned, and none is seen without its
-- conversation.
alter table ai.agent_runs enable row level security;
alter table ai.agent_runs force row level security;

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

create policy "the worker reads runs of agents"
on ai.agent_runs
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker adds runs of agents"
on ai.agent_runs
as permissive
for insert
to gardenos_worker
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

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

create policy "the auditor reads everything"
on ai.agent_runs
as permissive
for select
to gardenos_auditor
using (
    true
);

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

create policy "triggers copy who may read"
on ai.agent_runs
as permissive
for select
to gardenos_ai_writer
using (
    true
);

create policy "triggers lock what they copy"
on ai.agent_runs
as permissive
for update
to gardenos_ai_writer
using (
    true
)
with check (
    true
);

grant select on table ai.agent_runs to authenticated;

grant insert (
    agency_id,
    id,
    agent_key,
    conversation_id,
    parent_run_id,
    status,
    model,
    input,
    cost,
    currency,
    created_at,
    created_by,
    row_version
) on table ai.agent_runs to authenticated;

grant update (
    agency_id,
    id,
    agent_key,
    conversation_id,
    parent_run_id,
    status,
    model,
    input,
    outcome,
    cost,
    currency,
    error,
    created_at,
    created_by,
    row_version
) on table ai.agent_runs to authenticated;

grant select, insert, update, delete on table ai.agent_runs to service_role;

grant select on table ai.agent_runs to gardenos_auditor;

grant select, insert, update on table ai.agent_runs to gardenos_worker;

grant select on table ai.agent_runs to gardenos_crm_writer;

grant update (
    status,
    tokens_in,
    tokens_out,
    team_id,
    visibility
) on table ai.agent_runs to gardenos_crm_writer;

grant select, update, delete on table ai.agent_runs to gardenos_eraser;

grant select on table ai.agent_runs to gardenos_ai_writer;

grant update (
    id
) on table ai.agent_runs to gardenos_ai_writer;
