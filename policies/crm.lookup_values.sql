-- Short lists that the agency edits: sources, reasons, industries.
alter table crm.lookup_values enable row level security;
alter table crm.lookup_values force row level security;

create policy "tenant floor"
on crm.lookup_values
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "the auditor reads everything"
on crm.lookup_values
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.lookup_values to service_role;

grant select on table crm.lookup_values to gardenos_auditor;
