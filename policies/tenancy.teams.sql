-- Staff see the live teams; owners and admins keep them, and alone see and make deleted ones; a manager
-- changes the teams that they lead. Deleting is an update of deleted_at: the new row must pass the SELECT
-- policy too.
alter table tenancy.teams enable row level security;
alter table tenancy.teams force row level security;

create policy "tenant floor"
on tenancy.teams
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the teams of their agency"
on tenancy.teams
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'tenancy.teams:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
    and (
        deleted_at is null
        or (select app.may('tenancy.teams:update', 'owner', 'admin'))
    )
);

create policy "owners and admins make teams"
on tenancy.teams
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may('tenancy.teams:insert', 'owner', 'admin'))
);

create policy "owners and admins change teams and managers those they lead"
on tenancy.teams
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        (select app.may('tenancy.teams:update', 'owner', 'admin'))
        or (
            (select app.may('tenancy.teams:update', 'manager'))
            and id = any((select app.teams_i_lead())::uuid[])
        )
    )
)
with check (
    agency_id = (select app.agency_id())
    and (
        (select app.may('tenancy.teams:update', 'owner', 'admin'))
        or (
            (select app.may('tenancy.teams:update', 'manager'))
            and id = any((select app.teams_i_lead())::uuid[])
        )
    )
    and (
        deleted_at is null
        or (select app.may('tenancy.teams:update', 'owner', 'admin'))
    )
);

create policy "the membership reader proves claims"
on tenancy.teams
as permissive
for select
to gardenos_membership_reader
using (
    true
);

create policy "tenancy functions look teams up"
on tenancy.teams
as permissive
for select
to gardenos_tenancy_writer
using (
    true
);

create policy "the auditor reads everything"
on tenancy.teams
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on tenancy.teams
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table tenancy.teams to authenticated;

grant insert (
    agency_id,
    id,
    name,
    description,
    parent_team_id,
    created_at,
    created_by,
    row_version
) on table tenancy.teams to authenticated;

grant update (
    agency_id,
    id,
    name,
    description,
    parent_team_id,
    created_at,
    created_by,
    row_version,
    deleted_at
) on table tenancy.teams to authenticated;

grant select, insert, update, delete on table tenancy.teams to service_role;

grant select on table tenancy.teams to gardenos_membership_reader, gardenos_tenancy_writer, gardenos_auditor;

grant select, update on table tenancy.teams to gardenos_eraser;
