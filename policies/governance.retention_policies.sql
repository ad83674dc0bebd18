-- How long what is kept.
alter table governance.retention_policies enable row level security;
alter table governance.retention_policies force row level security;

create policy "tenant floor"
on governance.retention_policies
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
on governance.retention_policies
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table governance.retention_policies to service_role;

grant select on table governance.retention_policies to gardenos_auditor;
