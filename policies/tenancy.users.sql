-- A person sees and changes the own row, with or without an agency; agents have no cell. Nobody sees a
-- colleague here: what they may know stands in memberships. No tenant column, so the floor is the person.
alter table tenancy.users enable row level security;
alter table tenancy.users force row level security;

create policy "everybody stays with their own user"
on tenancy.users
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    id = (select app.user_id())
)
with check (
    id = (select app.user_id())
);

create policy "people read their own user"
on tenancy.users
as permissive
for select
to authenticated
using (
    id = (select app.user_id())
    and (select app.may_as_myself('tenancy.users:select'))
);

create policy "people change their own profile"
on tenancy.users
as permissive
for update
to authenticated
using (
    id = (select app.user_id())
    and (select app.may_as_myself('tenancy.users:update'))
)
with check (
    id = (select app.user_id())
    and (select app.may_as_myself('tenancy.users:update'))
);

create policy "the membership reader proves claims"
on tenancy.users
as permissive
for select
to gardenos_membership_reader
using (
    true
);

create policy "tenancy functions read and write"
on tenancy.users
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
on tenancy.users
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reads logins"
on tenancy.users
as permissive
for select
to gardenos_eraser
using (
    true
);

create policy "erasure empties logins"
on tenancy.users
as permissive
for update
to gardenos_eraser
using (
    true
)
with check (
    true
);

grant select on table tenancy.users to authenticated;

grant update (
    id,
    full_name,
    avatar_path,
    locale,
    timezone,
    created_at,
    row_version
) on table tenancy.users to authenticated;

grant select, insert, update, delete on table tenancy.users to service_role;

grant select on table tenancy.users to gardenos_membership_reader, gardenos_auditor;

grant select, insert, update on table tenancy.users to gardenos_tenancy_writer;

grant select on table tenancy.users to gardenos_eraser;

grant update (
    email,
    full_name,
    avatar_path,
    locale,
    timezone,
    status,
    active_agency_id
) on table tenancy.users to gardenos_eraser;
