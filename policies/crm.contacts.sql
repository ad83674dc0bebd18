-- People.
alter table crm.contacts enable row level security;
alter table crm.contacts force row level security;

create policy "tenant floor"
on crm.contacts
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
on crm.contacts
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.contacts to service_role;

grant select on table crm.contacts to gardenos_auditor;
