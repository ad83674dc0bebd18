-- All staff see the stages of each pipeline; managers and above keep them. Stages are archived, never
-- deleted.
alter table crm.pipeline_stages enable row level security;
alter table crm.pipeline_stages force row level security;

create policy "tenant floor"
on crm.pipeline_stages
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the stages of their agency"
on crm.pipeline_stages
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.pipeline_stages:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
);

create policy "managers and above add stages"
on crm.pipeline_stages
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.pipeline_stages:insert', 'owner', 'admin', 'manager'))
);

create policy "managers and above change stages"
on crm.pipeline_stages
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('crm.pipeline_stages:update', 'owner', 'admin', 'manager'))
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.pipeline_stages:update', 'owner', 'admin', 'manager'))
);

create policy "triggers look stages up and lock them"
on crm.pipeline_stages
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
on crm.pipeline_stages
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "tenancy functions furnish new agencies"
on crm.pipeline_stages
as permissive
for insert
to gardenos_tenancy_writer
with check (
    true
);

grant select on table crm.pipeline_stages to authenticated;

grant insert (
    agency_id,
    id,
    pipeline_id,
    name,
    position,
    probability,
    outcome,
    rotten_after,
    archived_at,
    created_at,
    created_by,
    row_version
) on table crm.pipeline_stages to authenticated;

grant update (
    agency_id,
    id,
    pipeline_id,
    name,
    position,
    probability,
    outcome,
    rotten_after,
    archived_at,
    created_at,
    created_by,
    row_version
) on table crm.pipeline_stages to authenticated;

grant select, insert, update, delete on table crm.pipeline_stages to service_role;

grant select on table crm.pipeline_stages to gardenos_auditor;

grant select on table crm.pipeline_stages to gardenos_crm_writer;

grant update (
    outcome
) on table crm.pipeline_stages to gardenos_crm_writer;

grant insert on table crm.pipeline_stages to gardenos_tenancy_writer;
