-- Messages.
alter table crm.messages enable row level security;
alter table crm.messages force row level security;

create policy "tenant floor"
on crm.messages
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
on crm.messages
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table crm.messages to service_role;

grant select on table crm.messages to gardenos_auditor;
