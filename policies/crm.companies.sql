-- Companies.
alter table crm.companies enable row level security;
alter table crm.companies force row level security;

create policy "tenant floor"
on crm.companies
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
on crm.companies
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.companies to service_role;

grant select on table crm.companies to gardenos_auditor;
