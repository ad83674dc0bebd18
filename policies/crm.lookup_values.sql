-- All staff read the short lists of the agency; owners and admins keep them, because they change what every
-- record may hold. Archived, never deleted.
alter table crm.lookup_values enable row level security;
alter table crm.lookup_values force row level security;

create policy "tenant floor"
on crm.lookup_values
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the lists of values of their agency"
on crm.lookup_values
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.lookup_values:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
);

create policy "owners and admins add lists of values"
on crm.lookup_values
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.lookup_values:insert', 'owner', 'admin'))
);

create policy "owners and admins change lists of values"
on crm.lookup_values
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('crm.lookup_values:update', 'owner', 'admin'))
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.lookup_values:update', 'owner', 'admin'))
);

create policy "triggers look values up"
on crm.lookup_values
as permissive
for select
to gardenos_crm_writer
using (
    true
);

create policy "the auditor reads everything"
on crm.lookup_values
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.lookup_values
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table crm.lookup_values to authenticated;

grant insert (
    agency_id,
    id,
    kind,
    label,
    position,
    archived_at,
    created_at,
    created_by,
    row_version
) on table crm.lookup_values to authenticated;

grant update (
    agency_id,
    id,
    kind,
    label,
    position,
    archived_at,
    created_at,
    created_by,
    row_version
) on table crm.lookup_values to authenticated;

grant select, insert, update, delete on table crm.lookup_values to service_role;

grant select on table crm.lookup_values to gardenos_auditor;

grant select on table crm.lookup_values to gardenos_crm_writer;

grant select, update, delete on table crm.lookup_values to gardenos_eraser;
