-- The chain over the trail. Owners and admins read that of their agency, so that they can verify it; only
-- sealing appends, and nobody changes or deletes a seal.
alter table audit.seals enable row level security;
alter table audit.seals force row level security;

create policy "tenant floor"
on audit.seals
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "owners and admins read the seals of their agency"
on audit.seals
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('audit.seals:select', 'owner', 'admin'))
);

create policy "sealing reads and appends"
on audit.seals
as permissive
for all
to gardenos_audit_sealer
using (
    true
)
with check (
    true
);

create policy "the auditor reads everything"
on audit.seals
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select on table audit.seals to
    authenticated,
    service_role,
    gardenos_auditor,
    gardenos_audit_sealer;

grant insert on table audit.seals to gardenos_audit_sealer;
