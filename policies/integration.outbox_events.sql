-- What happened, for the worker that tells others. No API role reaches it.
alter table integration.outbox_events enable row level security;
alter table integration.outbox_events force row level security;

create policy "tenant floor"
on integration.outbox_events
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "the worker reads what happened"
on integration.outbox_events
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
);

create policy "the worker notes what was published"
on integration.outbox_events
as permissive
for update
to gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "the auditor reads everything"
on integration.outbox_events
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "the publisher looks for work"
on integration.outbox_events
as permissive
for select
to gardenos_publisher
using (
    true
);

create policy "triggers add what happened"
on integration.outbox_events
as permissive
for insert
to gardenos_publisher
with check (
    true
);

create policy "erasure tells of it"
on integration.outbox_events
as permissive
for insert
to gardenos_eraser
with check (
    agency_id = (select app.agency_id())
);

grant select, insert on table integration.outbox_events to service_role;

grant select on table integration.outbox_events to gardenos_auditor;

grant select on table integration.outbox_events to gardenos_worker;

grant update (
    published_at
) on table integration.outbox_events to gardenos_worker;

grant select, insert on table integration.outbox_events to gardenos_publisher;

grant insert on table integration.outbox_events to gardenos_eraser;
