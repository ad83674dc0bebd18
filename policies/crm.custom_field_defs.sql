-- Which custom fields the records of the agency may have.
alter table crm.custom_field_defs enable row level security;
alter table crm.custom_field_defs force row level security;

create policy "tenant floor"
on crm.custom_field_defs
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
on crm.custom_field_defs
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.custom_field_defs to service_role;

grant select on table crm.custom_field_defs to gardenos_auditor;
