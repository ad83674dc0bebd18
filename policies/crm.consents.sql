-- Consent of persons: events, only ever added.
alter table crm.consents enable row level security;
alter table crm.consents force row level security;

create policy "tenant floor"
on crm.consents
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
on crm.consents
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert on table crm.consents to service_role;

grant select on table crm.consents to gardenos_auditor;
