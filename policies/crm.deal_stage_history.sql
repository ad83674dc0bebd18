-- How long each deal was where.
alter table crm.deal_stage_history enable row level security;
alter table crm.deal_stage_history force row level security;

create policy "tenant floor"
on crm.deal_stage_history
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
on crm.deal_stage_history
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select on table crm.deal_stage_history to service_role;

grant select on table crm.deal_stage_history to gardenos_auditor;
