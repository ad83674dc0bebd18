-- Who works where, and since when.
alter table crm.contact_companies enable row level security;
alter table crm.contact_companies force row level security;

create policy "tenant floor"
on crm.contact_companies
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "the auditor reads everything"
on crm.contact_companies
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.contact_companies to service_role;

grant select on table crm.contact_companies to gardenos_auditor;
