-- All staff read which custom fields there are; owners and admins decide it, because it changes what every
-- record may hold. Archived, never deleted.
alter table crm.custom_field_defs enable row level security;
alter table crm.custom_field_defs force row level security;

create policy "tenant floor"
on crm.custom_field_defs
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the custom fields of their agency"
on crm.custom_field_defs
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.custom_field_defs:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
);

create policy "owners and admins add custom fields"
on crm.custom_field_defs
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.custom_field_defs:insert', 'owner', 'admin'))
);

create policy "owners and admins change custom fields"
on crm.custom_field_defs
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('crm.custom_field_defs:update', 'owner', 'admin'))
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.custom_field_defs:update', 'owner', 'admin'))
);

create policy "triggers look definitions up"
on crm.custom_field_defs
as permissive
for select
to gardenos_crm_writer
using (
    true
);

create policy "the auditor reads everything"
on crm.custom_field_defs
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reads"
on crm.custom_field_defs
as permissive
for select
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
);

grant select on table crm.custom_field_defs to authenticated;

grant insert (
    agency_id,
    id,
    entity,
    key,
    label,
    data_type,
    required,
    options,
    position,
    agent_writable,
    personal_data,
    archived_at,
    created_at,
    created_by,
    row_version
) on table crm.custom_field_defs to authenticated;

grant update (
    agency_id,
    id,
    entity,
    key,
    label,
    data_type,
    required,
    options,
    position,
    agent_writable,
    personal_data,
    archived_at,
    created_at,
    created_by,
    row_version
) on table crm.custom_field_defs to authenticated;

grant select, insert, update, delete on table crm.custom_field_defs to service_role;

grant select on table crm.custom_field_defs to gardenos_auditor;

grant select on table crm.custom_field_defs to gardenos_crm_writer;

grant select on table crm.custom_field_defs to gardenos_eraser;
