-- Staff see contacts as far as their record scope reaches. Managers and agents write within theirs; a
-- member writes the own, and may hand them over as far as they see. Only an owner deletes for good. Deleted
-- rows are seen by who could delete them.
alter table crm.contacts enable row level security;
alter table crm.contacts force row level security;

create policy "tenant floor"
on crm.contacts
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read contacts within their scope"
on crm.contacts
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'crm.contacts:select',
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
        or (select app.may('crm.contacts:update', 'owner', 'admin', 'manager'))
        or (
            (select app.may('crm.contacts:update', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
);

create policy "staff add contacts within their scope and members their own"
on crm.contacts
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'crm.contacts:insert',
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

create policy "staff change contacts within their scope and members their own"
on crm.contacts
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'crm.contacts:update',
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
        or (select app.may('crm.contacts:update', 'owner', 'admin', 'manager'))
        or (
            (select app.may('crm.contacts:update', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
)
with check (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'crm.contacts:update',
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
        or (select app.may('crm.contacts:update', 'owner', 'admin', 'manager'))
        or (
            (select app.may('crm.contacts:update', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
);

create policy "owners delete contacts for good"
on crm.contacts
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('crm.contacts:delete', 'owner'))
);

create policy "the worker reads contacts"
on crm.contacts
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "merges read and write both records"
on crm.contacts
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
on crm.contacts
as permissive
for select
to gardenos_search
using (
    true
);

create policy "triggers copy who may read"
on crm.contacts
as permissive
for select
to gardenos_ai_writer
using (
    true
);

create policy "triggers lock what they copy"
on crm.contacts
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
on crm.contacts
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.contacts
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table crm.contacts to authenticated;

grant insert (
    agency_id,
    id,
    full_name,
    first_name,
    last_name,
    job_title,
    lifecycle_id,
    source_id,
    locale,
    timezone,
    owner_id,
    team_id,
    do_not_contact,
    custom,
    created_at,
    created_by,
    row_version
) on table crm.contacts to authenticated;

grant update (
    agency_id,
    id,
    full_name,
    first_name,
    last_name,
    job_title,
    lifecycle_id,
    source_id,
    locale,
    timezone,
    owner_id,
    team_id,
    do_not_contact,
    custom,
    created_at,
    created_by,
    row_version,
    deleted_at
) on table crm.contacts to authenticated;

grant select, insert, update, delete on table crm.contacts to service_role;

grant select on table crm.contacts to gardenos_auditor;

grant select on table crm.contacts to gardenos_worker;

grant select on table crm.contacts to gardenos_merger;

grant update (
    full_name,
    first_name,
    last_name,
    job_title,
    lifecycle_id,
    source_id,
    locale,
    timezone,
    owner_id,
    team_id,
    do_not_contact,
    merged_into_id,
    custom,
    deleted_at
) on table crm.contacts to gardenos_merger;

grant select on table crm.contacts to gardenos_search;

grant select, update, delete on table crm.contacts to gardenos_eraser;

grant select on table crm.contacts to gardenos_ai_writer;

grant update (
    id
) on table crm.contacts to gardenos_ai_writer;
