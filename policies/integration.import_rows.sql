-- The lines of imports.
alter table integration.import_rows enable row level security;
alter table integration.import_rows force row level security;

create policy "tenant floor"
on integration.import_rows
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
on integration.import_rows
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table integration.import_rows to service_role;

grant select on table integration.import_rows to gardenos_auditor;
