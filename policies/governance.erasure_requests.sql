-- Owners and admins see and make requests to be forgotten; owners decide them. Nobody deletes one: it is
-- the proof.
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

create policy "owners and admins read erasure requests"
on governance.erasure_requests
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('governance.erasure_requests:select', 'owner', 'admin'))
);

create policy "owners and admins request erasures"
on governance.erasure_requests
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may('governance.erasure_requests:insert', 'owner', 'admin'))
    and status = 'requested'
    and (requested_by_id is null or requested_by_id = (select app.membership_id()))
);

create policy "owners change erasure requests"
on governance.erasure_requests
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('governance.erasure_requests:update', 'owner'))
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('governance.erasure_requests:update', 'owner'))
);

create policy "the worker reads erasure requests"
on governance.erasure_requests
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
);

create policy "the worker reports on erasure requests"
on governance.erasure_requests
as permissive
for update
to gardenos_worker
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

create policy "erasure reaches the agency it is bound to"
on governance.erasure_requests
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table governance.erasure_requests to authenticated;

grant insert (
    agency_id,
    id,
    subject_kind,
    subject_id,
    label_masked,
    reason,
    status,
    legal_hold,
    requested_at,
    due_at,
    requested_by_id,
    created_at,
    created_by,
    row_version
) on table governance.erasure_requests to authenticated;

grant update (
    agency_id,
    id,
    label_masked,
    reason,
    status,
    legal_hold,
    due_at,
    created_at,
    created_by,
    row_version
) on table governance.erasure_requests to authenticated;

grant select, insert, update, delete on table governance.erasure_requests to service_role;

grant select on table governance.erasure_requests to gardenos_auditor;

grant select on table governance.erasure_requests to gardenos_worker;

grant update (
    status,
    report,
    exported_at
) on table governance.erasure_requests to gardenos_worker;

grant select, insert, update on table governance.erasure_requests to gardenos_eraser;
