-- Owners and admins see, revoke and remove invitations; a manager sees the own. Made by app.invite only.
alter table tenancy.invitations enable row level security;
alter table tenancy.invitations force row level security;

create policy "tenant floor"
on tenancy.invitations
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "owners and admins read invitations and managers their own"
on tenancy.invitations
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        (select app.may('tenancy.invitations:select', 'owner', 'admin'))
        or (
            (select app.may('tenancy.invitations:select', 'manager'))
            and invited_by_id = (select app.membership_id())
        )
    )
);

create policy "owners and admins change invitations"
on tenancy.invitations
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('tenancy.invitations:update', 'owner', 'admin'))
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('tenancy.invitations:update', 'owner', 'admin'))
);

create policy "owners and admins remove invitations"
on tenancy.invitations
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('tenancy.invitations:delete', 'owner', 'admin'))
);

create policy "tenancy functions read and write"
on tenancy.invitations
as permissive
for all
to gardenos_tenancy_writer
using (
    true
)
with check (
    true
);

create policy "merges move what hangs on a record"
on tenancy.invitations
as permissive
for all
to gardenos_merger
using (
    true
)
with check (
    true
);

create policy "the auditor reads everything"
on tenancy.invitations
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on tenancy.invitations
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table tenancy.invitations to authenticated;

grant update (
    agency_id,
    id,
    expires_at,
    revoked_at,
    created_at,
    created_by,
    row_version
) on table tenancy.invitations to authenticated;

grant select, insert, update, delete on table tenancy.invitations to service_role;

grant select on table tenancy.invitations to gardenos_auditor;

grant select, insert, update on table tenancy.invitations to gardenos_tenancy_writer;

grant select on table tenancy.invitations to gardenos_merger;

grant update (
    contact_id
) on table tenancy.invitations to gardenos_merger;

grant select, update, delete on table tenancy.invitations to gardenos_eraser;
