-- Who takes part.
alter table crm.participants enable row level security;
alter table crm.participants force row level security;

create policy "tenant floor"
on crm.participants
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
on crm.participants
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.participants to service_role;

grant select on table crm.participants to gardenos_auditor;
