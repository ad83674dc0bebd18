-- Imports.
alter table integration.import_jobs enable row level security;
alter table integration.import_jobs force row level security;

create policy "tenant floor"
on integration.import_jobs
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
on integration.import_jobs
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table integration.import_jobs to service_role;

grant select on table integration.import_jobs to gardenos_auditor;
