-- The hashes of invitation tokens: for the functions that make and check them, and for nobody else, the
-- auditor and service_role included.
alter table tenancy.invitation_secrets enable row level security;
alter table tenancy.invitation_secrets force row level security;

create policy "tenant floor"
on tenancy.invitation_secrets
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "tenancy functions read and write"
on tenancy.invitation_secrets
as permissive
for all
to gardenos_tenancy_writer
using (
    true
)
with check (
    true
);

grant select, insert, update on table tenancy.invitation_secrets to gardenos_tenancy_writer;
