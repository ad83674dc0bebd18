-- The hashes of API keys: for the functions that make and check them, and for nobody else, the auditor and
-- service_role included.
alter table tenancy.api_key_secrets enable row level security;
alter table tenancy.api_key_secrets force row level security;

create policy "tenant floor"
on tenancy.api_key_secrets
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "the membership reader proves claims"
on tenancy.api_key_secrets
as permissive
for select
to gardenos_membership_reader
using (
    true
);

create policy "tenancy functions read and write"
on tenancy.api_key_secrets
as permissive
for all
to gardenos_tenancy_writer
using (
    true
)
with check (
    true
);

grant select on table tenancy.api_key_secrets to gardenos_membership_reader;

grant select, insert on table tenancy.api_key_secrets to gardenos_tenancy_writer;
