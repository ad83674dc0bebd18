-- The directory: staff see all colleagues, a client itself. Owners and admins add agents and change
-- members; what they may change about whom is app.guard_membership. Nobody deletes.
alter table tenancy.memberships enable row level security;
alter table tenancy.memberships force row level security;

create policy "tenant floor"
on tenancy.memberships
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the directory and clients themselves"
on tenancy.memberships
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        (
            select app.may(
                'tenancy.memberships:select',
                'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
            )
        )
        or (
            (select app.may('tenancy.memberships:select', 'client', 'ai_agent'))
            and id = (select app.membership_id())
        )
    )
);

create policy "owners and admins add agents"
on tenancy.memberships
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may('tenancy.memberships:insert', 'owner', 'admin'))
);

create policy "owners and admins change members"
on tenancy.memberships
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('tenancy.memberships:update', 'owner', 'admin'))
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('tenancy.memberships:update', 'owner', 'admin'))
);

create policy "the membership reader proves claims"
on tenancy.memberships
as permissive
for select
to gardenos_membership_reader
using (
    true
);

create policy "tenancy functions read and write"
on tenancy.memberships
as permissive
for all
to gardenos_tenancy_writer
using (
    true
)
with check (
    true
);

create policy "merges move what hangs on a record"
on tenancy.memberships
as permissive
for all
to gardenos_merger
using (
    true
)
with check (
    true
);

create policy "the auditor reads everything"
on tenancy.memberships
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure sees where a login is still a member"
on tenancy.memberships
as permissive
for select
to gardenos_eraser
using (
    true
);

create policy "erasure empties the memberships of its agency"
on tenancy.memberships
as permissive
for update
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table tenancy.memberships to authenticated;

grant insert (
    agency_id,
    id,
    user_id,
    role,
    record_scope,
    capabilities,
    status,
    display_name,
    job_title,
    work_email,
    avatar_path,
    default_team_id,
    created_at,
    created_by,
    row_version
) on table tenancy.memberships to authenticated;

grant update (
    agency_id,
    id,
    user_id,
    role,
    record_scope,
    capabilities,
    status,
    display_name,
    job_title,
    work_email,
    avatar_path,
    default_team_id,
    created_at,
    created_by,
    row_version
) on table tenancy.memberships to authenticated;

grant select, insert, update, delete on table tenancy.memberships to service_role;

grant select on table tenancy.memberships to gardenos_membership_reader, gardenos_auditor;

grant select, insert, update on table tenancy.memberships to gardenos_tenancy_writer;

grant select on table tenancy.memberships to gardenos_merger;

grant update (
    contact_id
) on table tenancy.memberships to gardenos_merger;

grant select on table tenancy.memberships to gardenos_eraser;

grant update (
    status,
    display_name,
    job_title,
    work_email,
    avatar_path,
    contact_id
) on table tenancy.memberships to gardenos_eraser;
