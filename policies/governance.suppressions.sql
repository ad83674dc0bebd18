-- Hashes of erased addresses, so that no import brings them back. No API role reaches them.
alter table governance.suppressions enable row level security;
alter table governance.suppressions force row level security;

create policy "tenant floor"
on governance.suppressions
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "triggers look addresses up"
on governance.suppressions
as permissive
for select
to gardenos_crm_writer
using (
    true
);

create policy "the worker reads suppressed addresses"
on governance.suppressions
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
);

create policy "the auditor reads everything"
on governance.suppressions
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on governance.suppressions
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, insert on table governance.suppressions to service_role;

grant select on table governance.suppressions to gardenos_auditor;

grant select on table governance.suppressions to gardenos_crm_writer;

grant select on table governance.suppressions to gardenos_worker;

grant select, insert on table governance.suppressions to gardenos_eraser;
