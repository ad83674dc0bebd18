-- Owners decide how long the agency keeps what, admins read it: shortening a period deletes data.
alter table governance.retention_policies enable row level security;
alter table governance.retention_policies force row level security;

create policy "tenant floor"
on governance.retention_policies
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "owners and admins read retention policies"
on governance.retention_policies
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('governance.retention_policies:select', 'owner', 'admin'))
);

create policy "owners add retention policies"
on governance.retention_policies
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may('governance.retention_policies:insert', 'owner'))
);

create policy "owners change retention policies"
on governance.retention_policies
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('governance.retention_policies:update', 'owner'))
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('governance.retention_policies:update', 'owner'))
);

create policy "the worker reads retention policies"
on governance.retention_policies
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
);

create policy "the worker notes when retention ran"
on governance.retention_policies
as permissive
for update
to gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "the auditor reads everything"
on governance.retention_policies
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reads"
on governance.retention_policies
as permissive
for select
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
);

create policy "tenancy functions furnish new agencies"
on governance.retention_policies
as permissive
for insert
to gardenos_tenancy_writer
with check (
    true
);

grant select on table governance.retention_policies to authenticated;

grant insert (
    agency_id,
    id,
    entity,
    keep,
    action,
    legal_hold,
    created_at,
    created_by,
    row_version
) on table governance.retention_policies to authenticated;

grant update (
    agency_id,
    id,
    entity,
    keep,
    action,
    legal_hold,
    created_at,
    created_by,
    row_version
) on table governance.retention_policies to authenticated;

grant select, insert, update, delete on table governance.retention_policies to service_role;

grant select on table governance.retention_policies to gardenos_auditor;

grant select on table governance.retention_policies to gardenos_worker;

grant update (
    last_run_at,
    last_run_rows
) on table governance.retention_policies to gardenos_worker;

grant select on table governance.retention_policies to gardenos_eraser;

grant insert on table governance.retention_policies to gardenos_tenancy_writer;
