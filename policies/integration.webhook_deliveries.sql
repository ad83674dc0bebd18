-- Owners and admins see what was delivered and what failed. The worker writes it.
alter table integration.webhook_deliveries enable row level security;
alter table integration.webhook_deliveries force row level security;

create policy "tenant floor"
on integration.webhook_deliveries
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "owners and admins read deliveries"
on integration.webhook_deliveries
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('integration.webhook_deliveries:select', 'owner', 'admin'))
);

create policy "the worker reads deliveries"
on integration.webhook_deliveries
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker queues deliveries"
on integration.webhook_deliveries
as permissive
for insert
to gardenos_worker
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker notes how deliveries went"
on integration.webhook_deliveries
as permissive
for update
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
)
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker removes old deliveries"
on integration.webhook_deliveries
as permissive
for delete
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the auditor reads everything"
on integration.webhook_deliveries
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "the publisher looks for work"
on integration.webhook_deliveries
as permissive
for select
to gardenos_publisher
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on integration.webhook_deliveries
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table integration.webhook_deliveries to authenticated;

grant select, insert, update, delete on table integration.webhook_deliveries to service_role;

grant select on table integration.webhook_deliveries to gardenos_auditor;

grant select, insert, update, delete on table integration.webhook_deliveries to gardenos_worker;

grant select on table integration.webhook_deliveries to gardenos_publisher;

grant select, delete on table integration.webhook_deliveries to gardenos_eraser;
