-- Staff see who is in which team; owners and admins decide it, a manager for the teams that they lead.
alter table tenancy.team_members enable row level security;
alter table tenancy.team_members force row level security;

create policy "tenant floor"
on tenancy.team_members
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read who is in which team"
on tenancy.team_members
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'tenancy.team_members:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
);

create policy "owners, admins and leads add team members"
on tenancy.team_members
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (
        (select app.may('tenancy.team_members:insert', 'owner', 'admin'))
        or (
            (select app.may('tenancy.team_members:insert', 'manager'))
            and team_id = any((select app.teams_i_lead())::uuid[])
        )
    )
);

create policy "owners, admins and leads change team members"
on tenancy.team_members
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        (select app.may('tenancy.team_members:update', 'owner', 'admin'))
        or (
            (select app.may('tenancy.team_members:update', 'manager'))
            and team_id = any((select app.teams_i_lead())::uuid[])
        )
    )
)
with check (
    agency_id = (select app.agency_id())
    and (
        (select app.may('tenancy.team_members:update', 'owner', 'admin'))
        or (
            (select app.may('tenancy.team_members:update', 'manager'))
            and team_id = any((select app.teams_i_lead())::uuid[])
        )
    )
);

create policy "owners, admins and leads remove team members"
on tenancy.team_members
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        (select app.may('tenancy.team_members:delete', 'owner', 'admin'))
        or (
            (select app.may('tenancy.team_members:delete', 'manager'))
            and team_id = any((select app.teams_i_lead())::uuid[])
        )
    )
);

create policy "the membership reader proves claims"
on tenancy.team_members
as permissive
for select
to gardenos_membership_reader
using (
    true
);

create policy "tenancy functions read and write"
on tenancy.team_members
as permissive
for all
to gardenos_tenancy_writer
using (
    true
)
with check (
    true
);

create policy "the auditor reads everything"
on tenancy.team_members
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, delete on table tenancy.team_members to authenticated;

grant update (
    agency_id,
    id,
    team_id,
    membership_id,
    is_lead,
    created_at,
    created_by
) on table tenancy.team_members to authenticated;

grant select, insert, update, delete on table tenancy.team_members to service_role;

grant select on table tenancy.team_members to gardenos_membership_reader, gardenos_auditor;

grant select, insert on table tenancy.team_members to gardenos_tenancy_writer;
