-- The lines of a deal.
alter table crm.deal_line_items enable row level security;
alter table crm.deal_line_items force row level security;

create policy "tenant floor"
on crm.deal_line_items
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
on crm.deal_line_items
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.deal_line_items to service_role;

grant select on table crm.deal_line_items to gardenos_auditor;
