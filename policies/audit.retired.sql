-- Months that left the trail after export. Owners and admins read those of their agency; only sealing
-- appends, and nobody changes or deletes a row.
alter table audit.retired enable row level security;
alter table audit.retired force row level security;

create policy "tenant floor"
on audit.retired
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "owners and admins read what was retired of their agency"
on audit.retired
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('audit.retired:select', 'owner', 'admin'))
);

create policy "sealing reads and appends"
on audit.retired
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
on audit.retired
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select on table audit.retired to
    authenticated,
    service_role,
    gardenos_auditor,
    gardenos_audit_sealer;

grant insert on table audit.retired to gardenos_audit_sealer;
