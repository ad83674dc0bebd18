-- Which issuers are believed. No client has a cell here: a revision or service_role adds one.
alter table tenancy.issuers enable row level security;
alter table tenancy.issuers force row level security;

create policy "no client reaches the issuers"
on tenancy.issuers
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    false
)
with check (
    false
);

create policy "the membership reader proves claims"
on tenancy.issuers
as permissive
for select
to gardenos_membership_reader
using (
    true
);

create policy "tenancy functions look issuers up"
on tenancy.issuers
as permissive
for select
to gardenos_tenancy_writer
using (
    true
);

create policy "the auditor reads everything"
on tenancy.issuers
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table tenancy.issuers to service_role;

grant select on table tenancy.issuers to
    gardenos_membership_reader,
    gardenos_tenancy_writer,
    gardenos_auditor;
