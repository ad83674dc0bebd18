-- The stages of a pipeline.
alter table crm.pipeline_stages enable row level security;
alter table crm.pipeline_stages force row level security;

create policy "tenant floor"
on crm.pipeline_stages
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
on crm.pipeline_stages
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.pipeline_stages to service_role;

grant select on table crm.pipeline_stages to gardenos_auditor;
