-- What merges moved.
alter table crm.merge_records enable row level security;
alter table crm.merge_records force row level security;

create policy "tenant floor"
on crm.merge_records
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
on crm.merge_records
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.merge_records to service_role;

grant select on table crm.merge_records to gardenos_auditor;
