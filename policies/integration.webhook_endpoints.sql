-- Owners and admins see and change where the agency is told what happened. Made by app.create_webhook only,
-- which returns the secret once.
alter table integration.webhook_endpoints enable row level security;
alter table integration.webhook_endpoints force row level security;

create policy "tenant floor"
on integration.webhook_endpoints
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "owners and admins read webhooks"
on integration.webhook_endpoints
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('integration.webhook_endpoints:select', 'owner', 'admin'))
    and (
        deleted_at is null
        or (select app.may('integration.webhook_endpoints:update', 'owner', 'admin'))
    )
);

create policy "owners and admins change webhooks"
on integration.webhook_endpoints
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('integration.webhook_endpoints:update', 'owner', 'admin'))
    and (
        deleted_at is null
        or (select app.may('integration.webhook_endpoints:update', 'owner', 'admin'))
    )
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('integration.webhook_endpoints:update', 'owner', 'admin'))
    and (
        deleted_at is null
        or (select app.may('integration.webhook_endpoints:update', 'owner', 'admin'))
    )
);

create policy "the worker reads webhooks"
on integration.webhook_endpoints
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker switches webhooks off"
on integration.webhook_endpoints
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

create policy "the auditor reads everything"
on integration.webhook_endpoints
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "webhook functions read"
on integration.webhook_endpoints
as permissive
for select
to gardenos_publisher
using (
    true
);

create policy "webhook functions add"
on integration.webhook_endpoints
as permissive
for insert
to gardenos_publisher
with check (
    true
);

create policy "erasure reaches the agency it is bound to"
on integration.webhook_endpoints
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table integration.webhook_endpoints to authenticated;

grant update (
    agency_id,
    id,
    name,
    url,
    event_types,
    is_active,
    created_at,
    created_by,
    row_version,
    deleted_at
) on table integration.webhook_endpoints to authenticated;

grant select, insert, update, delete on table integration.webhook_endpoints to service_role;

grant select on table integration.webhook_endpoints to gardenos_auditor;

grant select on table integration.webhook_endpoints to gardenos_worker;

grant update (
    is_active,
    disabled_at
) on table integration.webhook_endpoints to gardenos_worker;

grant select, insert on table integration.webhook_endpoints to gardenos_publisher;

grant select, update on table integration.webhook_endpoints to gardenos_eraser;
