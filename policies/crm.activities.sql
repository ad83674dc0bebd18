-- The timeline.
alter table crm.activities enable row level security;
alter table crm.activities force row level security;

create policy "tenant floor"
on crm.activities
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
on crm.activities
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.activities to service_role;

grant select on table crm.activities to gardenos_auditor;
