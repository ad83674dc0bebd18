-- Tags on records.
alter table crm.record_tags enable row level security;
alter table crm.record_tags force row level security;

create policy "tenant floor"
on crm.record_tags
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
on crm.record_tags
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.record_tags to service_role;

grant select on table crm.record_tags to gardenos_auditor;
