-- Staff see activities as far as their record scope reaches, a manager those of the own teams; a private
-- one only its owner and its assignee, whoever else asks. A client sees what is shared with it: the last
-- condition of reading. New ones are in one's own name, or for a team.
alter table crm.activities enable row level security;
alter table crm.activities force row level security;

create policy "tenant floor"
on crm.activities
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read activities in their scope and clients shared ones"
on crm.activities
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'crm.activities:select',
            agency => '{owner,admin,client}',
            team => '{manager}',
            scope => '{member,viewer,ai_agent}'
        )
    )
        when 'all' then visibility <> 'private' or (select app.membership_id()) in (owner_id, assignee_id)
        when 'team' then
            (select app.membership_id()) in (owner_id, assignee_id)
            or (
                visibility <> 'private'
                and (
                    team_id = any((select app.my_teams())::uuid[])
                    or (owner_id is null and assignee_id is null and team_id is null)
                )
            )
        when 'own' then (select app.membership_id()) in (owner_id, assignee_id)
    end
    and (
        (select app.agency_role()) <> 'client'
        or (select app.membership_id()) in (owner_id, assignee_id)
        or (
            visibility = 'client'
            and contact_id = (select app.contact_id())
        )
    )
    and (
        deleted_at is null
        or (select app.may('crm.activities:update', 'owner', 'admin', 'manager'))
        or (
            (select app.may('crm.activities:update', 'member'))
            and (select app.membership_id()) in (owner_id, assignee_id)
        )
    )
);

create policy "staff add activities within their scope and members their own"
on crm.activities
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'crm.activities:insert',
            agency => '{owner,admin}',
            team => '{manager}',
            scope => '{ai_agent}',
            own => '{member}'
        )
    )
        when 'all' then visibility <> 'private' or owner_id = (select app.membership_id())
        when 'team' then
            owner_id = (select app.membership_id())
            or (
                visibility <> 'private'
                and (
                    team_id = any((select app.my_teams())::uuid[])
                    or (owner_id is null and assignee_id is null and team_id is null)
                )
            )
        when 'own' then owner_id = (select app.membership_id())
    end
);

create policy "staff change activities of their teams and members their own"
on crm.activities
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'crm.activities:update',
            agency => '{owner,admin}',
            team => '{manager}',
            own => '{member}'
        )
    )
        when 'all' then visibility <> 'private' or (select app.membership_id()) in (owner_id, assignee_id)
        when 'team' then
            (select app.membership_id()) in (owner_id, assignee_id)
            or (
                visibility <> 'private'
                and (
                    team_id = any((select app.my_teams())::uuid[])
                    or (owner_id is null and assignee_id is null and team_id is null)
                )
            )
        when 'own' then (select app.membership_id()) in (owner_id, assignee_id)
    end
    and (
        deleted_at is null
        or (select app.may('crm.activities:update', 'owner', 'admin', 'manager'))
        or (
            (select app.may('crm.activities:update', 'member'))
            and (select app.membership_id()) in (owner_id, assignee_id)
        )
    )
)
with check (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'crm.activities:update',
            agency => '{owner,admin}',
            team => '{manager}',
            scope => '{member}'
        )
    )
        when 'all' then visibility <> 'private' or (select app.membership_id()) in (owner_id, assignee_id)
        when 'team' then
            (select app.membership_id()) in (owner_id, assignee_id)
            or (
                visibility <> 'private'
                and (
                    team_id = any((select app.my_teams())::uuid[])
                    or (owner_id is null and assignee_id is null and team_id is null)
                )
            )
        when 'own' then (select app.membership_id()) in (owner_id, assignee_id)
    end
    and (
        deleted_at is null
        or (select app.may('crm.activities:update', 'owner', 'admin', 'manager'))
        or (
            (select app.may('crm.activities:update', 'member'))
            and (select app.membership_id()) in (owner_id, assignee_id)
        )
    )
);

create policy "the worker reads activities"
on crm.activities
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "merges move what hangs on a record"
on crm.activities
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
on crm.activities
as permissive
for select
to gardenos_search
using (
    true
);

create policy "triggers copy who may read"
on crm.activities
as permissive
for select
to gardenos_ai_writer
using (
    true
);

create policy "triggers lock what they copy"
on crm.activities
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
on crm.activities
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.activities
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table crm.activities to authenticated;

grant insert (
    agency_id,
    id,
    kind,
    type_id,
    subject,
    body,
    occurred_at,
    due_at,
    completed_at,
    owner_id,
    assignee_id,
    team_id,
    contact_id,
    company_id,
    deal_id,
    visibility,
    created_at,
    created_by,
    row_version
) on table crm.activities to authenticated;

grant update (
    agency_id,
    id,
    kind,
    type_id,
    subject,
    body,
    occurred_at,
    due_at,
    completed_at,
    owner_id,
    assignee_id,
    team_id,
    contact_id,
    company_id,
    deal_id,
    visibility,
    created_at,
    created_by,
    row_version,
    deleted_at
) on table crm.activities to authenticated;

grant select, insert, update, delete on table crm.activities to service_role;

grant select on table crm.activities to gardenos_auditor;

grant select on table crm.activities to gardenos_worker;

grant select on table crm.activities to gardenos_merger;

grant update (
    contact_id,
    company_id
) on table crm.activities to gardenos_merger;

grant select on table crm.activities to gardenos_search;

grant select, update, delete on table crm.activities to gardenos_eraser;

grant select on table crm.activities to gardenos_ai_writer;

grant update (
    id
) on table crm.activities to gardenos_ai_writer;
