-- Products.
alter table crm.products enable row level security;
alter table crm.products force row level security;

create policy "tenant floor"
on crm.products
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
on crm.products
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.products to service_role;

grant select on table crm.products to gardenos_auditor;
