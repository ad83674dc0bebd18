-- Owners and admins see and run all imports, a manager those of the own teams, a member the own, and needs
-- the capability for it.
alter table integration.import_jobs enable row level security;
alter table integration.import_jobs force row level security;

create policy "tenant floor"
on integration.import_jobs
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read imports of their own or their teams"
on integration.import_jobs
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'integration.import_jobs:select',
            agency => '{owner,admin}',
            team => '{manager}',
            own => '{member}'
        )
    )
        when 'all' then true
        when 'team' then
            owner_id = (select app.membership_id())
            or team_id = any((select app.my_teams())::uuid[])
        when 'own' then owner_id = (select app.membership_id())
    end
);

create policy "staff who may import start imports"
on integration.import_jobs
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.can_import())
    and case (
        select app.reach(
            'integration.import_jobs:insert',
            agency => '{owner,admin}',
            team => '{manager}',
            own => '{member}'
        )
    )
        when 'all' then true
        when 'team' then
            owner_id = (select app.membership_id())
            or team_id = any((select app.my_teams())::uuid[])
        when 'own' then owner_id = (select app.membership_id())
    end
);

create policy "staff who may import change imports"
on integration.import_jobs
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.can_import())
    and case (
        select app.reach(
            'integration.import_jobs:update',
            agency => '{owner,admin}',
            team => '{manager}',
            own => '{member}'
        )
    )
        when 'all' then true
        when 'team' then
            owner_id = (select app.membership_id())
            or team_id = any((select app.my_teams())::uuid[])
        when 'own' then owner_id = (select app.membership_id())
    end
)
with check (
    agency_id = (select app.agency_id())
    and (select app.can_import())
    and case (
        select app.reach(
            'integration.import_jobs:update',
            agency => '{owner,admin}',
            team => '{manager}',
            own => '{member}'
        )
    )
        when 'all' then true
        when 'team' then
            owner_id = (select app.membership_id())
            or team_id = any((select app.my_teams())::uuid[])
        when 'own' then owner_id = (select app.membership_id())
    end
);

create policy "the worker reads imports"
on integration.import_jobs
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker notes how imports go"
on integration.import_jobs
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

create policy "the membership reader proves claims"
on integration.import_jobs
as permissive
for select
to gardenos_membership_reader
using (
    true
);

create policy "reverting asks whether an import is reverted"
on integration.import_jobs
as permissive
for select
to gardenos_crm_writer
using (
    true
);

create policy "the auditor reads everything"
on integration.import_jobs
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on integration.import_jobs
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table integration.import_jobs to authenticated;

grant insert (
    agency_id,
    id,
    entity,
    file_id,
    mapping,
    dedupe,
    status,
    owner_id,
    team_id,
    created_at,
    created_by,
    row_version
) on table integration.import_jobs to authenticated;

grant update (
    agency_id,
    id,
    entity,
    file_id,
    mapping,
    dedupe,
    status,
    owner_id,
    team_id,
    created_at,
    created_by,
    row_version
) on table integration.import_jobs to authenticated;

grant select, insert, update, delete on table integration.import_jobs to service_role;

grant select on table integration.import_jobs to
    gardenos_membership_reader,
    gardenos_crm_writer,
    gardenos_auditor;

grant select, update on table integration.import_jobs to gardenos_worker;

grant select, update, delete on table integration.import_jobs to gardenos_eraser;
