-- How a person is reached.
alter table crm.contact_points enable row level security;
alter table crm.contact_points force row level security;

create policy "tenant floor"
on crm.contact_points
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
on crm.contact_points
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.contact_points to service_role;

grant select on table crm.contact_points to gardenos_auditor;
