-- The tags of the agency.
alter table crm.tags enable row level security;
alter table crm.tags force row level security;

create policy "tenant floor"
on crm.tags
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
on crm.tags
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.tags to service_role;

grant select on table crm.tags to gardenos_auditor;
