-- A view is its owner's, and open to a team or to all staff when it says so. Owners and admins change what
-- is shared with them, managers and members their own, which they may hand over. Agents only read.
alter table crm.saved_views enable row level security;
alter table crm.saved_views force row level security;

create policy "tenant floor"
on crm.saved_views
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read views that are shared with them"
on crm.saved_views
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.saved_views:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
    and (
        owner_id = (select app.membership_id())
        or visibility = 'agency'
        or (
            visibility = 'team'
            and team_id = any((select app.my_teams())::uuid[])
        )
    )
    and (
        deleted_at is null
        or (select app.may('crm.saved_views:update', 'owner', 'admin'))
        or (
            (select app.may('crm.saved_views:update', 'manager', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
);

create policy "staff save views of their own"
on crm.saved_views
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.saved_views:insert', 'owner', 'admin', 'manager', 'member'))
    and owner_id = (select app.membership_id())
);

create policy "owners and admins change shared views and others their own"
on crm.saved_views
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        (
            (select app.may('crm.saved_views:update', 'owner', 'admin'))
            and (
                owner_id = (select app.membership_id())
                or visibility = 'agency'
                or (
                    visibility = 'team'
                    and team_id = any((select app.my_teams())::uuid[])
                )
            )
        )
        or (
            (select app.may('crm.saved_views:update', 'manager', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
    and (
        deleted_at is null
        or (select app.may('crm.saved_views:update', 'owner', 'admin'))
        or (
            (select app.may('crm.saved_views:update', 'manager', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.saved_views:update', 'owner', 'admin', 'manager', 'member'))
    and (
        owner_id = (select app.membership_id())
        or visibility = 'agency'
        or (
            visibility = 'team'
            and team_id = any((select app.my_teams())::uuid[])
        )
    )
    and (
        deleted_at is null
        or (select app.may('crm.saved_views:update', 'owner', 'admin'))
        or (
            (select app.may('crm.saved_views:update', 'manager', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
);

create policy "the auditor reads everything"
on crm.saved_views
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.saved_views
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table crm.saved_views to authenticated;

grant insert (
    agency_id,
    id,
    owner_id,
    team_id,
    visibility,
    entity,
    name,
    filter,
    columns,
    created_at,
    created_by,
    row_version
) on table crm.saved_views to authenticated;

grant update (
    agency_id,
    id,
    owner_id,
    team_id,
    visibility,
    entity,
    name,
    filter,
    columns,
    created_at,
    created_by,
    row_version,
    deleted_at
) on table crm.saved_views to authenticated;

grant select, insert, update, delete on table crm.saved_views to service_role;

grant select on table crm.saved_views to gardenos_auditor;

grant select, update, delete on table crm.saved_views to gardenos_eraser;
