-- In which partition vectors are is nobody's business but the worker's, who moves them.
alter table ai.agency_tiers enable row level security;
alter table ai.agency_tiers force row level security;

create policy "tenant floor"
on ai.agency_tiers
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "the worker reads tiers"
on ai.agency_tiers
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker moves agencies between tiers"
on ai.agency_tiers
as permissive
for update
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
)
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "tenancy functions furnish new agencies"
on ai.agency_tiers
as permissive
for insert
to gardenos_tenancy_writer
with check (
    true
);

create policy "triggers read the tier of an agency"
on ai.agency_tiers
as permissive
for select
to gardenos_ai_writer
using (
    true
);

create policy "triggers lock the tier of an agency"
on ai.agency_tiers
as permissive
for update
to gardenos_ai_writer
using (
    true
)
with check (
    true
);

create policy "the auditor reads everything"
on ai.agency_tiers
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select, insert, update, delete on table ai.agency_tiers to service_role;

grant select on table ai.agency_tiers to gardenos_auditor;

grant select on table ai.agency_tiers to gardenos_worker;

grant update (
    tier,
    state
) on table ai.agency_tiers to gardenos_worker;

grant insert on table ai.agency_tiers to gardenos_tenancy_writer;

grant select on table ai.agency_tiers to gardenos_ai_writer;

grant update (
    id
) on table ai.agency_tiers to gardenos_ai_writer;
