-- Staff see deals as far as their record scope reaches. Managers and agents write within theirs; a member
-- writes the own, and may hand them over as far as they see. Only an owner deletes for good. Deleted rows
-- are seen by who could delete them.
alter table crm.deals enable row level security;
alter table crm.deals force row level security;

create policy "tenant floor"
on crm.deals
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read deals within their scope"
on crm.deals
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'crm.deals:select',
            agency => '{owner,admin}',
            scope => '{manager,member,viewer,ai_agent}'
        )
    )
        when 'all' then true
        when 'team' then
            owner_id = (select app.membership_id())
            or team_id = any((select app.my_teams())::uuid[])
            or (owner_id is null and team_id is null)
        when 'own' then owner_id = (select app.membership_id())
    end
    and (
        deleted_at is null
        or (select app.may('crm.deals:update', 'owner', 'admin', 'manager'))
        or (
            (select app.may('crm.deals:update', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
);

create policy "staff add deals within their scope and members their own"
on crm.deals
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'crm.deals:insert',
            agency => '{owner,admin}',
            scope => '{manager,ai_agent}',
            own => '{member}'
        )
    )
        when 'all' then true
        when 'team' then
            owner_id = (select app.membership_id())
            or team_id = any((select app.my_teams())::uuid[])
            or (owner_id is null and team_id is null)
        when 'own' then owner_id = (select app.membership_id())
    end
);

create policy "staff change deals within their scope and members their own"
on crm.deals
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'crm.deals:update',
            agency => '{owner,admin}',
            scope => '{manager,ai_agent}',
            own => '{member}'
        )
    )
        when 'all' then true
        when 'team' then
            owner_id = (select app.membership_id())
            or team_id = any((select app.my_teams())::uuid[])
            or (owner_id is null and team_id is null)
        when 'own' then owner_id = (select app.membership_id())
    end
    and (
        deleted_at is null
        or (select app.may('crm.deals:update', 'owner', 'admin', 'manager'))
        or (
            (select app.may('crm.deals:update', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
)
with check (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'crm.deals:update',
            agency => '{owner,admin}',
            scope => '{manager,member,ai_agent}'
        )
    )
        when 'all' then true
        when 'team' then
            owner_id = (select app.membership_id())
            or team_id = any((select app.my_teams())::uuid[])
            or (owner_id is null and team_id is null)
        when 'own' then owner_id = (select app.membership_id())
    end
    and (
        deleted_at is null
        or (select app.may('crm.deals:update', 'owner', 'admin', 'manager'))
        or (
            (select app.may('crm.deals:update', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
);

create policy "owners delete deals for good"
on crm.deals
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('crm.deals:delete', 'owner'))
);

create policy "triggers total the lines"
on crm.deals
as permissive
for all
to gardenos_crm_writer
using (
    true
)
with check (
    true
);

create policy "the worker reads deals"
on crm.deals
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "merges move what hangs on a record"
on crm.deals
as permissive
for all
to gardenos_merger
using (
    true
)
with check (
    true
);

create policy "search finds by words"
on crm.deals
as permissive
for select
to gardenos_search
using (
    true
);

create policy "triggers copy who may read"
on crm.deals
as permissive
for select
to gardenos_ai_writer
using (
    true
);

create policy "triggers lock what they copy"
on crm.deals
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
on crm.deals
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.deals
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table crm.deals to authenticated;

grant insert (
    agency_id,
    id,
    title,
    pipeline_id,
    stage_id,
    company_id,
    primary_contact_id,
    amount,
    currency,
    expected_close_on,
    lost_reason_id,
    source_id,
    owner_id,
    team_id,
    custom,
    created_at,
    created_by,
    row_version
) on table crm.deals to authenticated;

grant update (
    agency_id,
    id,
    title,
    pipeline_id,
    stage_id,
    company_id,
    primary_contact_id,
    amount,
    currency,
    expected_close_on,
    lost_reason_id,
    source_id,
    owner_id,
    team_id,
    custom,
    created_at,
    created_by,
    row_version,
    deleted_at
) on table crm.deals to authenticated;

grant select, insert, update, delete on table crm.deals to service_role;

grant select on table crm.deals to gardenos_auditor;

grant select on table crm.deals to gardenos_search;

grant select on table crm.deals to gardenos_crm_writer;

grant update (
    amount
) on table crm.deals to gardenos_crm_writer;

grant select on table crm.deals to gardenos_worker;

grant select on table crm.deals to gardenos_merger;

grant update (
    company_id,
    primary_contact_id
) on table crm.deals to gardenos_merger;

grant select, update, delete on table crm.deals to gardenos_eraser;

grant select on table crm.deals to gardenos_ai_writer;

grant update (
    id
) on table crm.deals to gardenos_ai_writer;
