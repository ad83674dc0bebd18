-- Appointments.
alter table crm.calendar_events enable row level security;
alter table crm.calendar_events force row level security;

create policy "tenant floor"
on crm.calendar_events
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
on crm.calendar_events
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.calendar_events to service_role;

grant select on table crm.calendar_events to gardenos_auditor;
