-- Saved lists.
alter table crm.saved_views enable row level security;
alter table crm.saved_views force row level security;

create policy "tenant floor"
on crm.saved_views
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
on crm.saved_views
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.saved_views to service_role;

grant select on table crm.saved_views to gardenos_auditor;
