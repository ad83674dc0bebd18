-- Who sees a run sees its steps. The agent that acts in it writes them, for whom the run says: so a run tells
-- of each of its steps who took it. What a person decides comes through app.decide_step.
alter table ai.agent_steps enable row level security;
alter table ai.agent_steps force row level security;

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

create policy "the worker reads steps of agents"
on ai.agent_steps
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker adds steps of agents"
on ai.agent_steps
as permissive
for insert
to gardenos_worker
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

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

create policy "the auditor reads everything"
on ai.agent_steps
as permissive
for select
to gardenos_auditor
using (
    true
);

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

grant select on table ai.agent_steps to authenticated;

grant insert (
    agency_id,
    id,
    run_id,
    seq,
    node,
    kind,
    tool_name,
    args,
    result,
    approval,
    latency_ms,
    tokens_in,
    tokens_out,
    error,
    created_at,
    created_by
) on table ai.agent_steps to authenticated;

grant update (
    agency_id,
    id,
    run_id,
    seq,
    node,
    kind,
    tool_name,
    args,
    result,
    approval,
    latency_ms,
    tokens_in,
    tokens_out,
    error,
    created_at,
    created_by
) on table ai.agent_steps to authenticated;

grant select, insert, update, delete on table ai.agent_steps to service_role;

grant select on table ai.agent_steps to gardenos_auditor;

grant select, insert, update on table ai.agent_steps to gardenos_worker;

grant select on table ai.agent_steps to gardenos_crm_writer;

grant update (
    approval,
    decided_by_id,
    decided_at
) on table ai.agent_steps to gardenos_crm_writer;

grant select, update, delete on table ai.agent_steps to gardenos_eraser;
