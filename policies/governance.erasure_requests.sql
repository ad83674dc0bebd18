-- Requests to be forgotten.
alter table governance.erasure_requests enable row level security;
alter table governance.erasure_requests force row level security;

create policy "tenant floor"
on governance.erasure_requests
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
on governance.erasure_requests
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table governance.erasure_requests to service_role;

grant select on table governance.erasure_requests to gardenos_auditor;
