-- The names of the secrets that webhooks are signed with: for the worker that signs, the functions that make
-- them, and for nobody else, the auditor and service_role included.
alter table integration.webhook_secrets enable row level security;
alter table integration.webhook_secrets force row level security;

create policy "tenant floor"
on integration.webhook_secrets
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "the worker reads the secret that it signs with"
on integration.webhook_secrets
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "webhook functions read and write"
on integration.webhook_secrets
as permissive
for all
to gardenos_publisher
using (
    true
)
with check (
    true
);

grant select on table integration.webhook_secrets to gardenos_worker;

grant select, insert on table integration.webhook_secrets to gardenos_publisher;

grant update (
    secret_ref,
    previous_ref,
    previous_until
) on table integration.webhook_secrets to gardenos_publisher;
