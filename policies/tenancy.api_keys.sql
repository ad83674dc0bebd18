-- Owners and admins see, narrow and revoke API keys. Made by app.create_api_key only; revoked, never
-- deleted.
alter table tenancy.api_keys enable row level security;
alter table tenancy.api_keys force row level security;

create policy "tenant floor"
on tenancy.api_keys
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "owners and admins read API keys"
on tenancy.api_keys
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('tenancy.api_keys:select', 'owner', 'admin'))
);

create policy "owners and admins change API keys"
on tenancy.api_keys
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('tenancy.api_keys:update', 'owner', 'admin'))
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('tenancy.api_keys:update', 'owner', 'admin'))
);

create policy "the membership reader proves claims"
on tenancy.api_keys
as permissive
for select
to gardenos_membership_reader
using (
    true
);

create policy "tenancy functions read and write"
on tenancy.api_keys
as permissive
for all
to gardenos_tenancy_writer
using (
    true
)
with check (
    true
);

create policy "the auditor reads everything"
on tenancy.api_keys
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on tenancy.api_keys
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table tenancy.api_keys to authenticated;

grant update (
    agency_id,
    id,
    name,
    scopes,
    expires_at,
    revoked_at,
    created_at,
    created_by,
    row_version
) on table tenancy.api_keys to authenticated;

grant select, insert, update, delete on table tenancy.api_keys to service_role;

grant select on table tenancy.api_keys to gardenos_membership_reader, gardenos_auditor;

grant select, insert on table tenancy.api_keys to gardenos_tenancy_writer;

grant select, update on table tenancy.api_keys to gardenos_eraser;
