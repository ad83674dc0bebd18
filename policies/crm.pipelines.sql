-- All staff see the pipelines of the agency; managers and above keep them, owners and admins delete them.
alter table crm.pipelines enable row level security;
alter table crm.pipelines force row level security;

create policy "tenant floor"
on crm.pipelines
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the pipelines of their agency"
on crm.pipelines
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.pipelines:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
    and (
        deleted_at is null
        or (select app.may('crm.pipelines:update', 'owner', 'admin'))
    )
);

create policy "managers and above add pipelines"
on crm.pipelines
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.pipelines:insert', 'owner', 'admin', 'manager'))
);

create policy "managers and above change pipelines"
on crm.pipelines
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('crm.pipelines:update', 'owner', 'admin', 'manager'))
    and (
        deleted_at is null
        or (select app.may('crm.pipelines:update', 'owner', 'admin'))
    )
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.pipelines:update', 'owner', 'admin', 'manager'))
    and (
        deleted_at is null
        or (select app.may('crm.pipelines:update', 'owner', 'admin'))
    )
);

create policy "the auditor reads everything"
on crm.pipelines
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "tenancy functions furnish new agencies"
on crm.pipelines
as permissive
for insert
to gardenos_tenancy_writer
with check (
    true
);

grant select on table crm.pipelines to authenticated;

grant insert (
    agency_id,
    id,
    name,
    is_default,
    position,
    created_at,
    created_by,
    row_version
) on table crm.pipelines to authenticated;

grant update (
    agency_id,
    id,
    name,
    is_default,
    position,
    created_at,
    created_by,
    row_version,
    deleted_at
) on table crm.pipelines to authenticated;

grant select, insert, update, delete on table crm.pipelines to service_role;

grant select on table crm.pipelines to gardenos_auditor;

grant insert on table crm.pipelines to gardenos_tenancy_writer;
