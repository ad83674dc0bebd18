-- When the trail was verified, and what was found. Owners and admins read that of their agency; only the
-- sealer's function appends, and nobody changes or deletes a row.
alter table audit.verifications enable row level security;
alter table audit.verifications force row level security;

create policy "tenant floor"
on audit.verifications
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "owners and admins read how their trail was verified"
on audit.verifications
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('audit.verifications:select', 'owner', 'admin'))
);

create policy "sealing reads and appends"
on audit.verifications
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
on audit.verifications
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select on table audit.verifications to
    authenticated,
    service_role,
    gardenos_auditor,
    gardenos_audit_sealer;

grant insert on table audit.verifications to gardenos_audit_sealer;
