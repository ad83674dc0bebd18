-- All staff know the tags of the agency; managers and above keep them, owners and admins delete them.
alter table crm.tags enable row level security;
alter table crm.tags force row level security;

create policy "tenant floor"
on crm.tags
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the tags of their agency"
on crm.tags
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.tags:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
    and (
        deleted_at is null
        or (select app.may('crm.tags:update', 'owner', 'admin'))
    )
);

create policy "managers and above add tags"
on crm.tags
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.tags:insert', 'owner', 'admin', 'manager'))
);

create policy "managers and above change tags"
on crm.tags
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('crm.tags:update', 'owner', 'admin', 'manager'))
    and (
        deleted_at is null
        or (select app.may('crm.tags:update', 'owner', 'admin'))
    )
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.tags:update', 'owner', 'admin', 'manager'))
    and (
        deleted_at is null
        or (select app.may('crm.tags:update', 'owner', 'admin'))
    )
);

create policy "the auditor reads everything"
on crm.tags
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.tags
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table crm.tags to authenticated;

grant insert (
    agency_id,
    id,
    name,
    color,
    created_at,
    created_by,
    row_version
) on table crm.tags to authenticated;

grant update (
    agency_id,
    id,
    name,
    color,
    created_at,
    created_by,
    row_version,
    deleted_at
) on table crm.tags to authenticated;

grant select, insert, update, delete on table crm.tags to service_role;

grant select on table crm.tags to gardenos_auditor;

grant select, update, delete on table crm.tags to gardenos_eraser;
