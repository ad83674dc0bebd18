-- The trail. Owners and admins read that of their agency; nobody writes but the triggers (as the audit
-- writer), and nobody changes a row but redaction, which leaves a hash in place of the values. No role
-- deletes.
alter table audit.log enable row level security;
alter table audit.log force row level security;

create policy "tenant floor"
on audit.log
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "owners and admins read the trail of their agency"
on audit.log
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('audit.log:select', 'owner', 'admin'))
);

create policy "the triggers append"
on audit.log
as permissive
for insert
to gardenos_audit_writer
with check (
    true
);

create policy "sealing reads"
on audit.log
as permissive
for select
to gardenos_audit_sealer
using (
    true
);

create policy "redaction reads"
on audit.log
as permissive
for select
to gardenos_audit_redactor
using (
    true
);

create policy "redaction is recorded"
on audit.log
as permissive
for insert
to gardenos_audit_redactor
with check (
    op = 'redact'
);

create policy "redaction empties values"
on audit.log
as permissive
for update
to gardenos_audit_redactor
using (
    true
)
with check (
    old_values is null
    and new_values is null
    and salt is null
);

create policy "the auditor reads everything"
on audit.log
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select on table audit.log to
    authenticated,
    service_role,
    gardenos_auditor,
    gardenos_audit_sealer,
    gardenos_audit_redactor;

grant insert on table audit.log to gardenos_audit_writer, gardenos_audit_redactor;

grant update (
    old_values,
    new_values,
    salt,
    values_hash
) on table audit.log to gardenos_audit_redactor;
