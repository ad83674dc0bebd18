-- A person sees the own logins; app.link_identity and app.accept_invitation add them. The floor is the
-- person.
alter table tenancy.user_identities enable row level security;
alter table tenancy.user_identities force row level security;

create policy "everybody stays with their own identities"
on tenancy.user_identities
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    user_id = (select app.user_id())
)
with check (
    user_id = (select app.user_id())
);

create policy "people read their own identities"
on tenancy.user_identities
as permissive
for select
to authenticated
using (
    user_id = (select app.user_id())
    and (select app.may_as_myself('tenancy.user_identities:select'))
);

create policy "the membership reader proves claims"
on tenancy.user_identities
as permissive
for select
to gardenos_membership_reader
using (
    true
);

create policy "tenancy functions read and write"
on tenancy.user_identities
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
on tenancy.user_identities
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure deletes identities"
on tenancy.user_identities
as permissive
for all
to gardenos_eraser
using (
    true
)
with check (
    true
);

grant select on table tenancy.user_identities to authenticated;

grant select, insert, update, delete on table tenancy.user_identities to service_role;

grant select on table tenancy.user_identities to gardenos_membership_reader, gardenos_auditor;

grant select, insert on table tenancy.user_identities to gardenos_tenancy_writer;

grant select, delete on table tenancy.user_identities to gardenos_eraser;
