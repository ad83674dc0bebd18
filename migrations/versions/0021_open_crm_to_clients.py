"""Open crm, integration and governance to clients

Reason:    people see and change records as far as policies/permissions.csv allows and no
           further: by owner, team and visibility, and what belongs to a record with it.
Locks:     AccessExclusive on each table of the three schemas; no client had a grant on them before.
Duration:  milliseconds.
Way back:  takes every grant and policy of clients away: they see nothing, no row is lost.
"""

from migrations.runner.execute import execute

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- Staff see activities as far as their record scope reaches, a manager those of the own teams; a private
        -- one only its owner and its assignee, whoever else asks. A client sees what is shared with it: the last
        -- condition of reading. New ones are in one's own name, or for a team.
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
        """
    )
    execute(
        r"""
        -- Staff see events as far as their record scope reaches, a manager those of the own teams; a private one
        -- only its owner and who takes part. A client sees the events it is invited to and that are open to
        -- clients: the last condition of reading.
        create policy "staff read events in their scope and clients shared ones"
        on crm.calendar_events
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and case (
                select app.reach(
                    'crm.calendar_events:select',
                    agency => '{owner,admin,client}',
                    team => '{manager}',
                    scope => '{member,viewer,ai_agent}'
                )
            )
                when 'all' then
                    visibility <> 'private' or (
                        owner_id = (select app.membership_id())
                        or (select app.membership_id()) = any(participant_ids)
                    )
                when 'team' then
                    (
                        owner_id = (select app.membership_id())
                        or (select app.membership_id()) = any(participant_ids)
                    )
                    or (
                        visibility <> 'private'
                        and (
                            team_id = any((select app.my_teams())::uuid[])
                            or (owner_id is null and team_id is null)
                        )
                    )
                when 'own' then owner_id = (select app.membership_id())
            end
            and (
                (select app.agency_role()) <> 'client'
                or owner_id = (select app.membership_id())
                or (
                    visibility = 'client'
                    and id = any((select app.my_events())::uuid[])
                )
            )
            and (
                deleted_at is null
                or (select app.may('crm.calendar_events:update', 'owner', 'admin', 'manager'))
                or (
                    (select app.may('crm.calendar_events:update', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
        );

        create policy "staff add events within their scope and members their own"
        on crm.calendar_events
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and case (
                select app.reach(
                    'crm.calendar_events:insert',
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
                            or (owner_id is null and team_id is null)
                        )
                    )
                when 'own' then owner_id = (select app.membership_id())
            end
        );

        create policy "staff change events of their teams and members their own"
        on crm.calendar_events
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and case (
                select app.reach(
                    'crm.calendar_events:update',
                    agency => '{owner,admin}',
                    team => '{manager}',
                    own => '{member}'
                )
            )
                when 'all' then
                    visibility <> 'private' or (
                        owner_id = (select app.membership_id())
                        or (select app.membership_id()) = any(participant_ids)
                    )
                when 'team' then
                    (
                        owner_id = (select app.membership_id())
                        or (select app.membership_id()) = any(participant_ids)
                    )
                    or (
                        visibility <> 'private'
                        and (
                            team_id = any((select app.my_teams())::uuid[])
                            or (owner_id is null and team_id is null)
                        )
                    )
                when 'own' then owner_id = (select app.membership_id())
            end
            and (
                deleted_at is null
                or (select app.may('crm.calendar_events:update', 'owner', 'admin', 'manager'))
                or (
                    (select app.may('crm.calendar_events:update', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and case (
                select app.reach(
                    'crm.calendar_events:update',
                    agency => '{owner,admin}',
                    team => '{manager}',
                    scope => '{member}'
                )
            )
                when 'all' then
                    visibility <> 'private' or (
                        owner_id = (select app.membership_id())
                        or (select app.membership_id()) = any(participant_ids)
                    )
                when 'team' then
                    (
                        owner_id = (select app.membership_id())
                        or (select app.membership_id()) = any(participant_ids)
                    )
                    or (
                        visibility <> 'private'
                        and (
                            team_id = any((select app.my_teams())::uuid[])
                            or (owner_id is null and team_id is null)
                        )
                    )
                when 'own' then owner_id = (select app.membership_id())
            end
            and (
                deleted_at is null
                or (select app.may('crm.calendar_events:update', 'owner', 'admin', 'manager'))
                or (
                    (select app.may('crm.calendar_events:update', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
        );

        grant select on table crm.calendar_events to authenticated;

        grant insert (
            agency_id,
            id,
            title,
            description,
            location,
            starts_at,
            ends_at,
            all_day,
            timezone,
            calendar_key,
            external_uid,
            recurrence_id,
            recurrence_rule,
            owner_id,
            team_id,
            company_id,
            deal_id,
            visibility,
            created_at,
            created_by,
            row_version
        ) on table crm.calendar_events to authenticated;

        grant update (
            agency_id,
            id,
            title,
            description,
            location,
            starts_at,
            ends_at,
            all_day,
            timezone,
            calendar_key,
            external_uid,
            recurrence_id,
            recurrence_rule,
            owner_id,
            team_id,
            company_id,
            deal_id,
            visibility,
            created_at,
            created_by,
            row_version,
            deleted_at
        ) on table crm.calendar_events to authenticated;
        """
    )
    execute(
        r"""
        -- Staff see companies as far as their record scope reaches. Managers and agents write within theirs; a
        -- member writes the own, and may hand them over as far as they see. Only an owner deletes for good. Deleted
        -- rows are seen by who could delete them.
        create policy "staff read companies within their scope"
        on crm.companies
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and case (
                select app.reach(
                    'crm.companies:select',
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
                or (select app.may('crm.companies:update', 'owner', 'admin', 'manager'))
                or (
                    (select app.may('crm.companies:update', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
        );

        create policy "staff add companies within their scope and members their own"
        on crm.companies
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and case (
                select app.reach(
                    'crm.companies:insert',
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

        create policy "staff change companies within their scope and members their own"
        on crm.companies
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and case (
                select app.reach(
                    'crm.companies:update',
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
                or (select app.may('crm.companies:update', 'owner', 'admin', 'manager'))
                or (
                    (select app.may('crm.companies:update', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and case (
                select app.reach(
                    'crm.companies:update',
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
                or (select app.may('crm.companies:update', 'owner', 'admin', 'manager'))
                or (
                    (select app.may('crm.companies:update', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
        );

        create policy "owners delete companies for good"
        on crm.companies
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.companies:delete', 'owner'))
        );

        grant select, delete on table crm.companies to authenticated;

        grant insert (
            agency_id,
            id,
            name,
            domain,
            industry_id,
            employees,
            annual_revenue,
            currency,
            street,
            city,
            region,
            postal_code,
            country,
            owner_id,
            team_id,
            custom,
            created_at,
            created_by,
            row_version
        ) on table crm.companies to authenticated;

        grant update (
            agency_id,
            id,
            name,
            domain,
            industry_id,
            employees,
            annual_revenue,
            currency,
            street,
            city,
            region,
            postal_code,
            country,
            owner_id,
            team_id,
            custom,
            created_at,
            created_by,
            row_version,
            deleted_at
        ) on table crm.companies to authenticated;
        """
    )
    execute(
        r"""
        -- Consent as events: added, never changed. Staff see and add those of contacts they see and may change; a
        -- client sees its own, and withdraws through the portal.
        create policy "staff read consents of contacts they see and clients their own"
        on crm.consents
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                (
                    (
                        select app.may(
                            'crm.consents:select',
                            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                        )
                    )
                    and exists (
                        select 1
                          from crm.contacts as parent
                         where parent.agency_id = crm.consents.agency_id
                           and parent.id = crm.consents.contact_id
                    )
                )
                or (
                    (select app.may('crm.consents:select', 'client'))
                    and contact_id = (select app.contact_id())
                )
            )
        );

        create policy "staff add consents and clients withdraw their own"
        on crm.consents
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (
                (
                    (select app.may('crm.consents:insert', 'owner', 'admin', 'manager', 'member'))
                    and exists (
                        select 1
                          from crm.contacts as parent
                         where parent.agency_id = crm.consents.agency_id
                           and parent.id = crm.consents.contact_id
                           for key share
                    )
                )
                or (
                    (select app.may('crm.consents:insert', 'client'))
                    and contact_id = (select app.contact_id())
                    and status = 'withdrawn'
                    and source = 'portal'
                )
            )
        );

        grant select on table crm.consents to authenticated;

        grant insert (
            agency_id,
            id,
            contact_id,
            purpose,
            lawful_basis,
            status,
            source,
            evidence,
            occurred_at,
            created_at,
            created_by
        ) on table crm.consents to authenticated;
        """
    )
    execute(
        r"""
        -- Who works where follows the contact: who sees it sees this, who may change it keeps it. An agent removes
        -- nothing.
        create policy "staff read employments of contacts they see"
        on crm.contact_companies
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.contact_companies:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.contacts as parent
                 where parent.agency_id = crm.contact_companies.agency_id
                   and parent.id = crm.contact_companies.contact_id
            )
        );

        create policy "staff add employments to contacts they may change"
        on crm.contact_companies
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.contact_companies:insert',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.contacts as parent
                 where parent.agency_id = crm.contact_companies.agency_id
                   and parent.id = crm.contact_companies.contact_id
                   for key share
            )
        );

        create policy "staff change employments of contacts they may change"
        on crm.contact_companies
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.contact_companies:update',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.contacts as parent
                 where parent.agency_id = crm.contact_companies.agency_id
                   and parent.id = crm.contact_companies.contact_id
                   for key share
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.contact_companies:update',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.contacts as parent
                 where parent.agency_id = crm.contact_companies.agency_id
                   and parent.id = crm.contact_companies.contact_id
                   for key share
            )
        );

        create policy "staff remove employments of contacts they may change"
        on crm.contact_companies
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.contact_companies:delete',
                    'owner', 'admin', 'manager', 'member'
                )
            )
            and exists (
                select 1
                  from crm.contacts as parent
                 where parent.agency_id = crm.contact_companies.agency_id
                   and parent.id = crm.contact_companies.contact_id
                   for key share
            )
        );

        grant select, delete on table crm.contact_companies to authenticated;

        grant insert (
            agency_id,
            id,
            contact_id,
            company_id,
            role_title,
            is_primary,
            started_on,
            ended_on,
            created_at,
            created_by,
            row_version
        ) on table crm.contact_companies to authenticated;

        grant update (
            agency_id,
            id,
            contact_id,
            company_id,
            role_title,
            is_primary,
            started_on,
            ended_on,
            created_at,
            created_by,
            row_version
        ) on table crm.contact_companies to authenticated;
        """
    )
    execute(
        r"""
        -- Addresses and numbers follow their contact: who sees it sees them, who may change it keeps them. Deleted
        -- ones are seen by who could delete them: who may change the contact.
        create policy "staff read contact points of contacts they see"
        on crm.contact_points
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.contact_points:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.contacts as parent
                 where parent.agency_id = crm.contact_points.agency_id
                   and parent.id = crm.contact_points.contact_id
            )
            and (
                deleted_at is null
                or (select app.may('crm.contact_points:update', 'owner', 'admin', 'manager'))
                or (
                    (select app.may('crm.contact_points:update', 'member'))
                    and exists (
                        select 1
                          from crm.contacts as parent
                         where parent.agency_id = crm.contact_points.agency_id
                           and parent.id = crm.contact_points.contact_id
                           and parent.owner_id = (select app.membership_id())
                    )
                )
            )
        );

        create policy "staff add contact points to contacts they may change"
        on crm.contact_points
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.contact_points:insert',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.contacts as parent
                 where parent.agency_id = crm.contact_points.agency_id
                   and parent.id = crm.contact_points.contact_id
                   for key share
            )
        );

        create policy "staff change contact points of contacts they may change"
        on crm.contact_points
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.contact_points:update',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.contacts as parent
                 where parent.agency_id = crm.contact_points.agency_id
                   and parent.id = crm.contact_points.contact_id
                   for key share
            )
            and (
                deleted_at is null
                or (select app.may('crm.contact_points:update', 'owner', 'admin', 'manager'))
                or (
                    (select app.may('crm.contact_points:update', 'member'))
                    and exists (
                        select 1
                          from crm.contacts as parent
                         where parent.agency_id = crm.contact_points.agency_id
                           and parent.id = crm.contact_points.contact_id
                           and parent.owner_id = (select app.membership_id())
                    )
                )
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.contact_points:update',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.contacts as parent
                 where parent.agency_id = crm.contact_points.agency_id
                   and parent.id = crm.contact_points.contact_id
                   for key share
            )
            and (
                deleted_at is null
                or (select app.may('crm.contact_points:update', 'owner', 'admin', 'manager'))
                or (
                    (select app.may('crm.contact_points:update', 'member'))
                    and exists (
                        select 1
                          from crm.contacts as parent
                         where parent.agency_id = crm.contact_points.agency_id
                           and parent.id = crm.contact_points.contact_id
                           and parent.owner_id = (select app.membership_id())
                    )
                )
            )
        );

        create policy "owners delete contact points for good"
        on crm.contact_points
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.contact_points:delete', 'owner'))
            and exists (
                select 1
                  from crm.contacts as parent
                 where parent.agency_id = crm.contact_points.agency_id
                   and parent.id = crm.contact_points.contact_id
                   for key share
            )
        );

        grant select, delete on table crm.contact_points to authenticated;

        grant insert (
            agency_id,
            id,
            contact_id,
            kind,
            label,
            value,
            e164,
            is_primary,
            is_shared,
            verified_at,
            bounced_at,
            created_at,
            created_by,
            row_version
        ) on table crm.contact_points to authenticated;

        grant update (
            agency_id,
            id,
            contact_id,
            kind,
            label,
            value,
            e164,
            is_primary,
            is_shared,
            verified_at,
            bounced_at,
            created_at,
            created_by,
            row_version,
            deleted_at
        ) on table crm.contact_points to authenticated;
        """
    )
    execute(
        r"""
        -- Staff see contacts as far as their record scope reaches. Managers and agents write within theirs; a
        -- member writes the own, and may hand them over as far as they see. Only an owner deletes for good. Deleted
        -- rows are seen by who could delete them.
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
        """
    )
    execute(
        r"""
        -- A member sees the conversations they take part in; a manager those of the own teams, owners and admins
        -- all, but a private one only who takes part. The lowest rung here is "participant". A client sees and
        -- opens conversations about itself that are open to clients: the last condition. The id is ours: it is also
        -- the id of an agent's thread.
        create policy "people read conversations they take part in, staff by role"
        on crm.conversations
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and case (
                select app.reach(
                    'crm.conversations:select',
                    agency => '{owner,admin,client}',
                    team => '{manager}',
                    scope => '{ai_agent}',
                    own => '{member}'
                )
            )
                when 'all' then
                    visibility <> 'private' or (
                        (select app.membership_id()) in (owner_id, assignee_id)
                        or (select app.membership_id()) = any(participant_ids)
                        or (
                            visibility = 'client'
                            and contact_id = (select app.contact_id())
                        )
                    )
                when 'team' then
                    (
                        (select app.membership_id()) in (owner_id, assignee_id)
                        or (select app.membership_id()) = any(participant_ids)
                        or (
                            visibility = 'client'
                            and contact_id = (select app.contact_id())
                        )
                    )
                    or (
                        visibility <> 'private'
                        and (
                            team_id = any((select app.my_teams())::uuid[])
                            or (owner_id is null and assignee_id is null and team_id is null)
                        )
                    )
                when 'own' then
                    (
                        (select app.membership_id()) in (owner_id, assignee_id)
                        or (select app.membership_id()) = any(participant_ids)
                        or (
                            visibility = 'client'
                            and contact_id = (select app.contact_id())
                        )
                    )
            end
            and (
                (select app.agency_role()) <> 'client'
                or (
                    visibility = 'client'
                    and contact_id = (select app.contact_id())
                )
            )
            and (
                deleted_at is null
                or (select app.may('crm.conversations:update', 'owner', 'admin'))
            )
        );

        create policy "staff open conversations and clients those about themselves"
        on crm.conversations
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and case (
                select app.reach(
                    'crm.conversations:insert',
                    agency => '{owner,admin,client}',
                    team => '{manager}',
                    own => '{member,ai_agent}'
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
            and (
                (select app.agency_role()) <> 'client'
                or (
                    visibility = 'client'
                    and contact_id = (select app.contact_id())
                    and (owner_id is null or owner_id = (select app.membership_id()))
                    and assignee_id is null
                )
            )
        );

        create policy "staff change conversations of their teams or their own"
        on crm.conversations
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and case (
                select app.reach(
                    'crm.conversations:update',
                    agency => '{owner,admin}',
                    team => '{manager}',
                    own => '{member}'
                )
            )
                when 'all' then
                    visibility <> 'private' or (
                        (select app.membership_id()) in (owner_id, assignee_id)
                        or (select app.membership_id()) = any(participant_ids)
                        or (
                            visibility = 'client'
                            and contact_id = (select app.contact_id())
                        )
                    )
                when 'team' then
                    (
                        (select app.membership_id()) in (owner_id, assignee_id)
                        or (select app.membership_id()) = any(participant_ids)
                        or (
                            visibility = 'client'
                            and contact_id = (select app.contact_id())
                        )
                    )
                    or (
                        visibility <> 'private'
                        and (
                            team_id = any((select app.my_teams())::uuid[])
                            or (owner_id is null and assignee_id is null and team_id is null)
                        )
                    )
                when 'own' then
                    (
                        (select app.membership_id()) in (owner_id, assignee_id)
                        or (select app.membership_id()) = any(participant_ids)
                        or (
                            visibility = 'client'
                            and contact_id = (select app.contact_id())
                        )
                    )
            end
            and (
                deleted_at is null
                or (select app.may('crm.conversations:update', 'owner', 'admin'))
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and case (
                select app.reach(
                    'crm.conversations:update',
                    agency => '{owner,admin}',
                    team => '{manager}',
                    own => '{member}'
                )
            )
                when 'all' then
                    visibility <> 'private' or (
                        (select app.membership_id()) in (owner_id, assignee_id)
                        or (select app.membership_id()) = any(participant_ids)
                        or (
                            visibility = 'client'
                            and contact_id = (select app.contact_id())
                        )
                    )
                when 'team' then
                    (
                        (select app.membership_id()) in (owner_id, assignee_id)
                        or (select app.membership_id()) = any(participant_ids)
                        or (
                            visibility = 'client'
                            and contact_id = (select app.contact_id())
                        )
                    )
                    or (
                        visibility <> 'private'
                        and (
                            team_id = any((select app.my_teams())::uuid[])
                            or (owner_id is null and assignee_id is null and team_id is null)
                        )
                    )
                when 'own' then
                    (
                        (select app.membership_id()) in (owner_id, assignee_id)
                        or (select app.membership_id()) = any(participant_ids)
                        or (
                            visibility = 'client'
                            and contact_id = (select app.contact_id())
                        )
                    )
            end
            and (
                deleted_at is null
                or (select app.may('crm.conversations:update', 'owner', 'admin'))
            )
        );

        grant select on table crm.conversations to authenticated;

        grant insert (
            agency_id,
            channel,
            subject,
            status,
            contact_id,
            deal_id,
            owner_id,
            assignee_id,
            team_id,
            visibility,
            external_thread_id,
            snoozed_until,
            created_at,
            created_by,
            row_version
        ) on table crm.conversations to authenticated;

        grant update (
            agency_id,
            id,
            channel,
            subject,
            status,
            contact_id,
            deal_id,
            owner_id,
            assignee_id,
            team_id,
            visibility,
            external_thread_id,
            snoozed_until,
            created_at,
            created_by,
            row_version,
            deleted_at
        ) on table crm.conversations to authenticated;
        """
    )
    execute(
        r"""
        -- All staff read which custom fields there are; owners and admins decide it, because it changes what every
        -- record may hold. Archived, never deleted.
        create policy "staff read the custom fields of their agency"
        on crm.custom_field_defs
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.custom_field_defs:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
        );

        create policy "owners and admins add custom fields"
        on crm.custom_field_defs
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.custom_field_defs:insert', 'owner', 'admin'))
        );

        create policy "owners and admins change custom fields"
        on crm.custom_field_defs
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.custom_field_defs:update', 'owner', 'admin'))
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.custom_field_defs:update', 'owner', 'admin'))
        );

        grant select on table crm.custom_field_defs to authenticated;

        grant insert (
            agency_id,
            id,
            entity,
            key,
            label,
            data_type,
            required,
            options,
            position,
            agent_writable,
            personal_data,
            archived_at,
            created_at,
            created_by,
            row_version
        ) on table crm.custom_field_defs to authenticated;

        grant update (
            agency_id,
            id,
            entity,
            key,
            label,
            data_type,
            required,
            options,
            position,
            agent_writable,
            personal_data,
            archived_at,
            created_at,
            created_by,
            row_version
        ) on table crm.custom_field_defs to authenticated;
        """
    )
    execute(
        r"""
        -- Who takes part in a deal follows the deal: who sees it sees them, who may change it keeps them. An agent
        -- removes nothing.
        create policy "staff read contacts of deals they see"
        on crm.deal_contacts
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.deal_contacts:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.deals as parent
                 where parent.agency_id = crm.deal_contacts.agency_id
                   and parent.id = crm.deal_contacts.deal_id
            )
        );

        create policy "staff add contacts to deals they may change"
        on crm.deal_contacts
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.deal_contacts:insert',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.deals as parent
                 where parent.agency_id = crm.deal_contacts.agency_id
                   and parent.id = crm.deal_contacts.deal_id
                   for key share
            )
        );

        create policy "staff change contacts of deals they may change"
        on crm.deal_contacts
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.deal_contacts:update',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.deals as parent
                 where parent.agency_id = crm.deal_contacts.agency_id
                   and parent.id = crm.deal_contacts.deal_id
                   for key share
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.deal_contacts:update',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.deals as parent
                 where parent.agency_id = crm.deal_contacts.agency_id
                   and parent.id = crm.deal_contacts.deal_id
                   for key share
            )
        );

        create policy "staff remove contacts of deals they may change"
        on crm.deal_contacts
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.deal_contacts:delete', 'owner', 'admin', 'manager', 'member'))
            and exists (
                select 1
                  from crm.deals as parent
                 where parent.agency_id = crm.deal_contacts.agency_id
                   and parent.id = crm.deal_contacts.deal_id
                   for key share
            )
        );

        grant select, delete on table crm.deal_contacts to authenticated;

        grant insert (
            agency_id,
            id,
            deal_id,
            contact_id,
            role_title,
            created_at,
            created_by,
            row_version
        ) on table crm.deal_contacts to authenticated;

        grant update (
            agency_id,
            id,
            deal_id,
            contact_id,
            role_title,
            created_at,
            created_by,
            row_version
        ) on table crm.deal_contacts to authenticated;
        """
    )
    execute(
        r"""
        -- The lines of a deal follow the deal: who sees it sees them, who may change it keeps them. An agent
        -- removes nothing.
        create policy "staff read lines of deals they see"
        on crm.deal_line_items
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.deal_line_items:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.deals as parent
                 where parent.agency_id = crm.deal_line_items.agency_id
                   and parent.id = crm.deal_line_items.deal_id
            )
        );

        create policy "staff add lines to deals they may change"
        on crm.deal_line_items
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.deal_line_items:insert',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.deals as parent
                 where parent.agency_id = crm.deal_line_items.agency_id
                   and parent.id = crm.deal_line_items.deal_id
                   for key share
            )
        );

        create policy "staff change lines of deals they may change"
        on crm.deal_line_items
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.deal_line_items:update',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.deals as parent
                 where parent.agency_id = crm.deal_line_items.agency_id
                   and parent.id = crm.deal_line_items.deal_id
                   for key share
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.deal_line_items:update',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.deals as parent
                 where parent.agency_id = crm.deal_line_items.agency_id
                   and parent.id = crm.deal_line_items.deal_id
                   for key share
            )
        );

        create policy "staff remove lines of deals they may change"
        on crm.deal_line_items
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.deal_line_items:delete',
                    'owner', 'admin', 'manager', 'member'
                )
            )
            and exists (
                select 1
                  from crm.deals as parent
                 where parent.agency_id = crm.deal_line_items.agency_id
                   and parent.id = crm.deal_line_items.deal_id
                   for key share
            )
        );

        grant select, delete on table crm.deal_line_items to authenticated;

        grant insert (
            agency_id,
            id,
            deal_id,
            product_id,
            position,
            description,
            quantity,
            unit_price,
            discount_pct,
            tax_rate,
            created_at,
            created_by,
            row_version
        ) on table crm.deal_line_items to authenticated;

        grant update (
            agency_id,
            id,
            deal_id,
            product_id,
            position,
            description,
            quantity,
            unit_price,
            discount_pct,
            tax_rate,
            created_at,
            created_by,
            row_version
        ) on table crm.deal_line_items to authenticated;
        """
    )
    execute(
        r"""
        -- Who sees a deal sees how it got where it is. Nobody writes but the trigger on deals: a history that could
        -- be corrected would be none.
        create policy "staff read the stage history of deals they see"
        on crm.deal_stage_history
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.deal_stage_history:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.deals as parent
                 where parent.agency_id = crm.deal_stage_history.agency_id
                   and parent.id = crm.deal_stage_history.deal_id
            )
        );

        grant select on table crm.deal_stage_history to authenticated;
        """
    )
    execute(
        r"""
        -- Staff see deals as far as their record scope reaches. Managers and agents write within theirs; a member
        -- writes the own, and may hand them over as far as they see. Only an owner deletes for good. Deleted rows
        -- are seen by who could delete them.
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
        """
    )
    execute(
        r"""
        -- A file follows the one record it is attached to; one that is attached to nothing is its owner's. Who may
        -- change that record attaches and removes files, a member changes the own. A private file is its owner's
        -- alone. A client sees what is shared with it: open to clients, and about it or on an activity, event or
        -- message that it sees; and it attaches files to itself and to such messages.
        create policy "people read files of records they see and clients shared ones"
        on crm.files
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.files:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'client', 'ai_agent'
                )
            )
            and (
                visibility <> 'private'
                or owner_id = (select app.membership_id())
            )
            and (
                (select app.agency_role()) <> 'client'
                or (
                    owner_id = (select app.membership_id())
                    or (
                        visibility = 'client'
                        and (
                            contact_id = (select app.contact_id())
                            or exists (
                                select 1
                                  from crm.activities as parent
                                 where parent.agency_id = crm.files.agency_id
                                   and parent.id = crm.files.activity_id
                            )
                            or exists (
                                select 1
                                  from crm.calendar_events as parent
                                 where parent.agency_id = crm.files.agency_id
                                   and parent.id = crm.files.calendar_event_id
                            )
                            or exists (
                                select 1
                                  from crm.messages as parent
                                 where parent.agency_id = crm.files.agency_id
                                   and parent.id = crm.files.message_id
                            )
                        )
                    )
                )
            )
            and (
                (select app.may('crm.files:select', 'client'))
                or (
                    (
                        purpose <> 'attachment'
                        and owner_id = (select app.membership_id())
                    )
                    or exists (
                        select 1
                          from crm.contacts as parent
                         where parent.agency_id = crm.files.agency_id
                           and parent.id = crm.files.contact_id
                    )
                    or exists (
                        select 1
                          from crm.companies as parent
                         where parent.agency_id = crm.files.agency_id
                           and parent.id = crm.files.company_id
                    )
                    or exists (
                        select 1
                          from crm.deals as parent
                         where parent.agency_id = crm.files.agency_id
                           and parent.id = crm.files.deal_id
                    )
                    or exists (
                        select 1
                          from crm.activities as parent
                         where parent.agency_id = crm.files.agency_id
                           and parent.id = crm.files.activity_id
                    )
                    or exists (
                        select 1
                          from crm.calendar_events as parent
                         where parent.agency_id = crm.files.agency_id
                           and parent.id = crm.files.calendar_event_id
                    )
                    or exists (
                        select 1
                          from crm.messages as parent
                         where parent.agency_id = crm.files.agency_id
                           and parent.id = crm.files.message_id
                    )
                )
            )
            and (
                deleted_at is null
                or (
                    (select app.may('crm.files:update', 'owner', 'admin', 'manager'))
                    and (
                        message_id is null
                        or exists (
                            select 1
                              from crm.messages as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.message_id
                               and parent.sender_membership_id = (select app.membership_id())
                               and parent.status = 'draft'
                        )
                    )
                )
                or (
                    (select app.may('crm.files:update', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
        );

        create policy "staff attach files to what they may change, clients to theirs"
        on crm.files
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (
                visibility <> 'private'
                or owner_id = (select app.membership_id())
            )
            and (
                (
                    (select app.may('crm.files:insert', 'owner', 'admin', 'manager', 'member'))
                    and (
                        (
                            purpose <> 'attachment'
                            and owner_id = (select app.membership_id())
                        )
                        or exists (
                            select 1
                              from crm.contacts as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.contact_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.companies as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.company_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.deals as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.deal_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.activities as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.activity_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.calendar_events as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.calendar_event_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.messages as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.message_id
                               for key share
                        )
                    )
                )
                or (
                    (select app.may('crm.files:insert', 'client'))
                    and visibility = 'client'
                    and (
                        owner_id is null
                        or owner_id = (select app.membership_id())
                    )
                    and (
                        contact_id = (select app.contact_id())
                        or exists (
                            select 1
                              from crm.messages as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.message_id
                        )
                    )
                )
            )
        );

        create policy "staff change files of what they may change, members their own"
        on crm.files
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                visibility <> 'private'
                or owner_id = (select app.membership_id())
            )
            and (
                (
                    (select app.may('crm.files:update', 'owner', 'admin', 'manager'))
                    and (
                        (
                            purpose <> 'attachment'
                            and owner_id = (select app.membership_id())
                        )
                        or exists (
                            select 1
                              from crm.contacts as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.contact_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.companies as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.company_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.deals as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.deal_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.activities as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.activity_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.calendar_events as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.calendar_event_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.messages as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.message_id
                               for key share
                        )
                    )
                )
                or (
                    (select app.may('crm.files:update', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
            and (
                deleted_at is null
                or (
                    (select app.may('crm.files:update', 'owner', 'admin', 'manager'))
                    and (
                        message_id is null
                        or exists (
                            select 1
                              from crm.messages as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.message_id
                               and parent.sender_membership_id = (select app.membership_id())
                               and parent.status = 'draft'
                        )
                    )
                )
                or (
                    (select app.may('crm.files:update', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (
                visibility <> 'private'
                or owner_id = (select app.membership_id())
            )
            and (
                (
                    (select app.may('crm.files:update', 'owner', 'admin', 'manager'))
                    and (
                        (
                            purpose <> 'attachment'
                            and owner_id = (select app.membership_id())
                        )
                        or exists (
                            select 1
                              from crm.contacts as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.contact_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.companies as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.company_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.deals as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.deal_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.activities as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.activity_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.calendar_events as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.calendar_event_id
                               for key share
                        )
                        or exists (
                            select 1
                              from crm.messages as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.message_id
                               for key share
                        )
                    )
                )
                or (
                    (select app.may('crm.files:update', 'member'))
                    and (
                        owner_id = (select app.membership_id())
                        or exists (
                            select 1
                              from crm.contacts as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.contact_id
                        )
                        or exists (
                            select 1
                              from crm.companies as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.company_id
                        )
                        or exists (
                            select 1
                              from crm.deals as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.deal_id
                        )
                        or exists (
                            select 1
                              from crm.activities as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.activity_id
                        )
                        or exists (
                            select 1
                              from crm.calendar_events as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.calendar_event_id
                        )
                        or exists (
                            select 1
                              from crm.messages as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.message_id
                        )
                    )
                )
            )
            and (
                deleted_at is null
                or (
                    (select app.may('crm.files:update', 'owner', 'admin', 'manager'))
                    and (
                        message_id is null
                        or exists (
                            select 1
                              from crm.messages as parent
                             where parent.agency_id = crm.files.agency_id
                               and parent.id = crm.files.message_id
                               and parent.sender_membership_id = (select app.membership_id())
                               and parent.status = 'draft'
                        )
                    )
                )
                or (
                    (select app.may('crm.files:update', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
        );

        create policy "owners delete files for good"
        on crm.files
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.files:delete', 'owner'))
            and (
                visibility <> 'private'
                or owner_id = (select app.membership_id())
            )
            and (
                (
                    purpose <> 'attachment'
                    and owner_id = (select app.membership_id())
                )
                or exists (
                    select 1
                      from crm.contacts as parent
                     where parent.agency_id = crm.files.agency_id
                       and parent.id = crm.files.contact_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.companies as parent
                     where parent.agency_id = crm.files.agency_id
                       and parent.id = crm.files.company_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.deals as parent
                     where parent.agency_id = crm.files.agency_id
                       and parent.id = crm.files.deal_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.activities as parent
                     where parent.agency_id = crm.files.agency_id
                       and parent.id = crm.files.activity_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.calendar_events as parent
                     where parent.agency_id = crm.files.agency_id
                       and parent.id = crm.files.calendar_event_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.messages as parent
                     where parent.agency_id = crm.files.agency_id
                       and parent.id = crm.files.message_id
                       for key share
                )
            )
        );

        grant select, delete on table crm.files to authenticated;

        grant insert (
            agency_id,
            id,
            purpose,
            provider,
            bucket,
            object_path,
            file_name,
            mime,
            byte_size,
            sha256,
            owner_id,
            visibility,
            contact_id,
            company_id,
            deal_id,
            activity_id,
            calendar_event_id,
            message_id,
            created_at,
            created_by,
            row_version
        ) on table crm.files to authenticated;

        grant update (
            agency_id,
            id,
            purpose,
            provider,
            bucket,
            object_path,
            file_name,
            mime,
            byte_size,
            owner_id,
            visibility,
            contact_id,
            company_id,
            deal_id,
            activity_id,
            calendar_event_id,
            message_id,
            created_at,
            created_by,
            row_version,
            deleted_at
        ) on table crm.files to authenticated;
        """
    )
    execute(
        r"""
        -- All staff read the short lists of the agency; owners and admins keep them, because they change what every
        -- record may hold. Archived, never deleted.
        create policy "staff read the lists of values of their agency"
        on crm.lookup_values
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.lookup_values:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
        );

        create policy "owners and admins add lists of values"
        on crm.lookup_values
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.lookup_values:insert', 'owner', 'admin'))
        );

        create policy "owners and admins change lists of values"
        on crm.lookup_values
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.lookup_values:update', 'owner', 'admin'))
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.lookup_values:update', 'owner', 'admin'))
        );

        grant select on table crm.lookup_values to authenticated;

        grant insert (
            agency_id,
            id,
            kind,
            label,
            position,
            archived_at,
            created_at,
            created_by,
            row_version
        ) on table crm.lookup_values to authenticated;

        grant update (
            agency_id,
            id,
            kind,
            label,
            position,
            archived_at,
            created_at,
            created_by,
            row_version
        ) on table crm.lookup_values to authenticated;
        """
    )
    execute(
        r"""
        -- What a merge moved, kept so that it can be undone. Owners and admins see all, a manager what became of
        -- records they see. The merge functions write it, nobody else.
        create policy "owners and admins read merges, managers those they see"
        on crm.merge_records
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                (select app.may('crm.merge_records:select', 'owner', 'admin'))
                or (
                    (select app.may('crm.merge_records:select', 'manager'))
                    and (
                        exists (
                            select 1
                              from crm.contacts as parent
                             where parent.agency_id = crm.merge_records.agency_id
                               and parent.id = crm.merge_records.winner_contact_id
                        )
                        or exists (
                            select 1
                              from crm.companies as parent
                             where parent.agency_id = crm.merge_records.agency_id
                               and parent.id = crm.merge_records.winner_company_id
                        )
                    )
                )
            )
        );

        grant select on table crm.merge_records to authenticated;
        """
    )
    execute(
        r"""
        -- Who sees a conversation reads its messages; a client no internal one and no draft. Who takes part writes:
        -- a client inbound, an agent drafts only. A draft is its sender's until it is queued. The conversations
        -- that a client sees are those it takes part in.
        create policy "people read the messages of conversations they see"
        on crm.messages
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.messages:select',
                    'owner', 'admin', 'manager', 'member', 'client', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = crm.messages.agency_id
                   and parent.id = crm.messages.conversation_id
            )
            and (
                (select app.agency_role()) <> 'client'
                or (
                    direction <> 'internal'
                    and status <> 'draft'
                )
            )
            and (
                deleted_at is null
                or (
                    (select app.may('crm.messages:update', 'owner', 'admin', 'manager', 'member'))
                    and sender_membership_id = (select app.membership_id())
                    and status = 'draft'
                )
            )
        );

        create policy "people write into conversations they take part in"
        on crm.messages
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.messages:insert',
                    'owner', 'admin', 'manager', 'member', 'client', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.conversations as parent
                 where parent.agency_id = crm.messages.agency_id
                   and parent.id = crm.messages.conversation_id
                   and (
                           (select app.agency_role()) = 'client'
                           or (select app.membership_id()) in (parent.owner_id, parent.assignee_id)
                           or (select app.membership_id()) = any(parent.participant_ids)
                       )
            )
            and (
                (select app.agency_role()) <> 'client'
                or direction = 'inbound'
            )
            and (
                not (select app.is_agent_acting())
                or status = 'draft'
            )
        );

        create policy "senders change and queue their drafts"
        on crm.messages
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.messages:update',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and sender_membership_id = (select app.membership_id())
            and status = 'draft'
            and (
                deleted_at is null
                or (
                    (select app.may('crm.messages:update', 'owner', 'admin', 'manager', 'member'))
                    and sender_membership_id = (select app.membership_id())
                    and status = 'draft'
                )
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.messages:update',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and sender_membership_id = (select app.membership_id())
            and status in ('draft', 'queued')
            and (
                not (select app.is_agent_acting())
                or status = 'draft'
            )
            and (
                deleted_at is null
                or (
                    (select app.may('crm.messages:update', 'owner', 'admin', 'manager', 'member'))
                    and sender_membership_id = (select app.membership_id())
                    and status = 'draft'
                )
            )
        );

        grant select on table crm.messages to authenticated;

        grant insert (
            agency_id,
            id,
            conversation_id,
            direction,
            status,
            sender_label,
            body_text,
            body_html_path,
            sent_at,
            external_id,
            in_reply_to,
            agent_run_id,
            created_at,
            created_by,
            row_version
        ) on table crm.messages to authenticated;

        grant update (
            agency_id,
            id,
            conversation_id,
            direction,
            status,
            sender_label,
            body_text,
            body_html_path,
            sent_at,
            in_reply_to,
            agent_run_id,
            created_at,
            created_by,
            row_version,
            deleted_at
        ) on table crm.messages to authenticated;
        """
    )
    execute(
        r"""
        -- Who takes part follows the conversation or the event: who sees that sees them, who may change it adds and
        -- removes them. That is also how somebody lets a colleague into a private one.
        create policy "staff read who takes part in what they see"
        on crm.participants
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.participants:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and (
                exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = crm.participants.agency_id
                       and parent.id = crm.participants.conversation_id
                )
                or exists (
                    select 1
                      from crm.calendar_events as parent
                     where parent.agency_id = crm.participants.agency_id
                       and parent.id = crm.participants.calendar_event_id
                )
            )
        );

        create policy "staff add participants to what they may change"
        on crm.participants
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.participants:insert', 'owner', 'admin', 'manager', 'member'))
            and (
                exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = crm.participants.agency_id
                       and parent.id = crm.participants.conversation_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.calendar_events as parent
                     where parent.agency_id = crm.participants.agency_id
                       and parent.id = crm.participants.calendar_event_id
                       for key share
                )
            )
        );

        create policy "staff change participants of what they may change"
        on crm.participants
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.participants:update', 'owner', 'admin', 'manager', 'member'))
            and (
                exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = crm.participants.agency_id
                       and parent.id = crm.participants.conversation_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.calendar_events as parent
                     where parent.agency_id = crm.participants.agency_id
                       and parent.id = crm.participants.calendar_event_id
                       for key share
                )
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.participants:update', 'owner', 'admin', 'manager', 'member'))
            and (
                exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = crm.participants.agency_id
                       and parent.id = crm.participants.conversation_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.calendar_events as parent
                     where parent.agency_id = crm.participants.agency_id
                       and parent.id = crm.participants.calendar_event_id
                       for key share
                )
            )
        );

        create policy "staff remove participants of what they may change"
        on crm.participants
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.participants:delete', 'owner', 'admin', 'manager', 'member'))
            and (
                exists (
                    select 1
                      from crm.conversations as parent
                     where parent.agency_id = crm.participants.agency_id
                       and parent.id = crm.participants.conversation_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.calendar_events as parent
                     where parent.agency_id = crm.participants.agency_id
                       and parent.id = crm.participants.calendar_event_id
                       for key share
                )
            )
        );

        create policy "events are looked up for the client who is invited"
        on crm.participants
        as permissive
        for select
        to gardenos_search
        using (
            contact_id is not null
            and calendar_event_id is not null
        );

        grant select, delete on table crm.participants to authenticated;

        grant insert (
            agency_id,
            id,
            conversation_id,
            calendar_event_id,
            membership_id,
            contact_id,
            address,
            role,
            response,
            last_read_at,
            created_at,
            created_by
        ) on table crm.participants to authenticated;

        grant update (
            agency_id,
            id,
            conversation_id,
            calendar_event_id,
            membership_id,
            contact_id,
            address,
            role,
            response,
            last_read_at,
            created_at,
            created_by
        ) on table crm.participants to authenticated;

        grant select on table crm.participants to gardenos_search;
        """
    )
    execute(
        r"""
        -- All staff see the stages of each pipeline; managers and above keep them. Stages are archived, never
        -- deleted.
        create policy "staff read the stages of their agency"
        on crm.pipeline_stages
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.pipeline_stages:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
        );

        create policy "managers and above add stages"
        on crm.pipeline_stages
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.pipeline_stages:insert', 'owner', 'admin', 'manager'))
        );

        create policy "managers and above change stages"
        on crm.pipeline_stages
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.pipeline_stages:update', 'owner', 'admin', 'manager'))
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.pipeline_stages:update', 'owner', 'admin', 'manager'))
        );

        grant select on table crm.pipeline_stages to authenticated;

        grant insert (
            agency_id,
            id,
            pipeline_id,
            name,
            position,
            probability,
            outcome,
            rotten_after,
            archived_at,
            created_at,
            created_by,
            row_version
        ) on table crm.pipeline_stages to authenticated;

        grant update (
            agency_id,
            id,
            pipeline_id,
            name,
            position,
            probability,
            outcome,
            rotten_after,
            archived_at,
            created_at,
            created_by,
            row_version
        ) on table crm.pipeline_stages to authenticated;
        """
    )
    execute(
        r"""
        -- All staff see the pipelines of the agency; managers and above keep them, owners and admins delete them.
        create policy "staff read the pipelines of their agency"
        on crm.pipelines
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.pipelines:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and (
                deleted_at is null
                or (select app.may('crm.pipelines:update', 'owner', 'admin'))
            )
        );

        create policy "managers and above add pipelines"
        on crm.pipelines
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.pipelines:insert', 'owner', 'admin', 'manager'))
        );

        create policy "managers and above change pipelines"
        on crm.pipelines
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.pipelines:update', 'owner', 'admin', 'manager'))
            and (
                deleted_at is null
                or (select app.may('crm.pipelines:update', 'owner', 'admin'))
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.pipelines:update', 'owner', 'admin', 'manager'))
            and (
                deleted_at is null
                or (select app.may('crm.pipelines:update', 'owner', 'admin'))
            )
        );

        grant select on table crm.pipelines to authenticated;

        grant insert (
            agency_id,
            id,
            name,
            is_default,
            position,
            created_at,
            created_by,
            row_version
        ) on table crm.pipelines to authenticated;

        grant update (
            agency_id,
            id,
            name,
            is_default,
            position,
            created_at,
            created_by,
            row_version,
            deleted_at
        ) on table crm.pipelines to authenticated;
        """
    )
    execute(
        r"""
        -- All staff see what the agency sells; managers and above keep it, owners and admins delete it.
        create policy "staff read the products of their agency"
        on crm.products
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.products:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and (
                deleted_at is null
                or (select app.may('crm.products:update', 'owner', 'admin'))
            )
        );

        create policy "managers and above add products"
        on crm.products
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.products:insert', 'owner', 'admin', 'manager'))
        );

        create policy "managers and above change products"
        on crm.products
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.products:update', 'owner', 'admin', 'manager'))
            and (
                deleted_at is null
                or (select app.may('crm.products:update', 'owner', 'admin'))
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.products:update', 'owner', 'admin', 'manager'))
            and (
                deleted_at is null
                or (select app.may('crm.products:update', 'owner', 'admin'))
            )
        );

        grant select on table crm.products to authenticated;

        grant insert (
            agency_id,
            id,
            sku,
            name,
            description,
            unit_price,
            currency,
            tax_rate,
            is_active,
            created_at,
            created_by,
            row_version
        ) on table crm.products to authenticated;

        grant update (
            agency_id,
            id,
            sku,
            name,
            description,
            unit_price,
            currency,
            tax_rate,
            is_active,
            created_at,
            created_by,
            row_version,
            deleted_at
        ) on table crm.products to authenticated;
        """
    )
    execute(
        r"""
        -- A tag on a record follows the one record it is on: who sees that sees the tag, who may change it tags it.
        -- An agent removes nothing.
        create policy "staff read the tags of records they see"
        on crm.record_tags
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.record_tags:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and (
                exists (
                    select 1
                      from crm.contacts as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.contact_id
                )
                or exists (
                    select 1
                      from crm.companies as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.company_id
                )
                or exists (
                    select 1
                      from crm.deals as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.deal_id
                )
            )
        );

        create policy "staff tag records they may change"
        on crm.record_tags
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.record_tags:insert',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and (
                exists (
                    select 1
                      from crm.contacts as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.contact_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.companies as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.company_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.deals as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.deal_id
                       for key share
                )
            )
        );

        create policy "staff change the tags of records they may change"
        on crm.record_tags
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.record_tags:update',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and (
                exists (
                    select 1
                      from crm.contacts as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.contact_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.companies as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.company_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.deals as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.deal_id
                       for key share
                )
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.record_tags:update',
                    'owner', 'admin', 'manager', 'member', 'ai_agent'
                )
            )
            and (
                exists (
                    select 1
                      from crm.contacts as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.contact_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.companies as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.company_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.deals as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.deal_id
                       for key share
                )
            )
        );

        create policy "staff untag records they may change"
        on crm.record_tags
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.record_tags:delete', 'owner', 'admin', 'manager', 'member'))
            and (
                exists (
                    select 1
                      from crm.contacts as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.contact_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.companies as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.company_id
                       for key share
                )
                or exists (
                    select 1
                      from crm.deals as parent
                     where parent.agency_id = crm.record_tags.agency_id
                       and parent.id = crm.record_tags.deal_id
                       for key share
                )
            )
        );

        grant select, delete on table crm.record_tags to authenticated;

        grant insert (
            agency_id,
            id,
            tag_id,
            contact_id,
            company_id,
            deal_id,
            created_at,
            created_by
        ) on table crm.record_tags to authenticated;

        grant update (
            agency_id,
            id,
            tag_id,
            contact_id,
            company_id,
            deal_id,
            created_at,
            created_by
        ) on table crm.record_tags to authenticated;
        """
    )
    execute(
        r"""
        -- A view is its owner's, and open to a team or to all staff when it says so. Owners and admins change what
        -- is shared with them, managers and members their own, which they may hand over. Agents only read.
        create policy "staff read views that are shared with them"
        on crm.saved_views
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.saved_views:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and (
                owner_id = (select app.membership_id())
                or visibility = 'agency'
                or (
                    visibility = 'team'
                    and team_id = any((select app.my_teams())::uuid[])
                )
            )
            and (
                deleted_at is null
                or (select app.may('crm.saved_views:update', 'owner', 'admin'))
                or (
                    (select app.may('crm.saved_views:update', 'manager', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
        );

        create policy "staff save views of their own"
        on crm.saved_views
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.saved_views:insert', 'owner', 'admin', 'manager', 'member'))
            and owner_id = (select app.membership_id())
        );

        create policy "owners and admins change shared views and others their own"
        on crm.saved_views
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                (
                    (select app.may('crm.saved_views:update', 'owner', 'admin'))
                    and (
                        owner_id = (select app.membership_id())
                        or visibility = 'agency'
                        or (
                            visibility = 'team'
                            and team_id = any((select app.my_teams())::uuid[])
                        )
                    )
                )
                or (
                    (select app.may('crm.saved_views:update', 'manager', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
            and (
                deleted_at is null
                or (select app.may('crm.saved_views:update', 'owner', 'admin'))
                or (
                    (select app.may('crm.saved_views:update', 'manager', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.saved_views:update', 'owner', 'admin', 'manager', 'member'))
            and (
                owner_id = (select app.membership_id())
                or visibility = 'agency'
                or (
                    visibility = 'team'
                    and team_id = any((select app.my_teams())::uuid[])
                )
            )
            and (
                deleted_at is null
                or (select app.may('crm.saved_views:update', 'owner', 'admin'))
                or (
                    (select app.may('crm.saved_views:update', 'manager', 'member'))
                    and owner_id = (select app.membership_id())
                )
            )
        );

        grant select on table crm.saved_views to authenticated;

        grant insert (
            agency_id,
            id,
            owner_id,
            team_id,
            visibility,
            entity,
            name,
            filter,
            columns,
            created_at,
            created_by,
            row_version
        ) on table crm.saved_views to authenticated;

        grant update (
            agency_id,
            id,
            owner_id,
            team_id,
            visibility,
            entity,
            name,
            filter,
            columns,
            created_at,
            created_by,
            row_version,
            deleted_at
        ) on table crm.saved_views to authenticated;
        """
    )
    execute(
        r"""
        -- All staff know the tags of the agency; managers and above keep them, owners and admins delete them.
        create policy "staff read the tags of their agency"
        on crm.tags
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'crm.tags:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and (
                deleted_at is null
                or (select app.may('crm.tags:update', 'owner', 'admin'))
            )
        );

        create policy "managers and above add tags"
        on crm.tags
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.tags:insert', 'owner', 'admin', 'manager'))
        );

        create policy "managers and above change tags"
        on crm.tags
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('crm.tags:update', 'owner', 'admin', 'manager'))
            and (
                deleted_at is null
                or (select app.may('crm.tags:update', 'owner', 'admin'))
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('crm.tags:update', 'owner', 'admin', 'manager'))
            and (
                deleted_at is null
                or (select app.may('crm.tags:update', 'owner', 'admin'))
            )
        );

        grant select on table crm.tags to authenticated;

        grant insert (
            agency_id,
            id,
            name,
            color,
            created_at,
            created_by,
            row_version
        ) on table crm.tags to authenticated;

        grant update (
            agency_id,
            id,
            name,
            color,
            created_at,
            created_by,
            row_version,
            deleted_at
        ) on table crm.tags to authenticated;
        """
    )
    execute(
        r"""
        -- Owners and admins see and make requests to be forgotten; owners decide them. Nobody deletes one: it is
        -- the proof.
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
        """
    )
    execute(
        r"""
        -- Owners decide how long the agency keeps what, admins read it: shortening a period deletes data.
        create policy "owners and admins read retention policies"
        on governance.retention_policies
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('governance.retention_policies:select', 'owner', 'admin'))
        );

        create policy "owners add retention policies"
        on governance.retention_policies
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('governance.retention_policies:insert', 'owner'))
        );

        create policy "owners change retention policies"
        on governance.retention_policies
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('governance.retention_policies:update', 'owner'))
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('governance.retention_policies:update', 'owner'))
        );

        grant select on table governance.retention_policies to authenticated;

        grant insert (
            agency_id,
            id,
            entity,
            keep,
            action,
            legal_hold,
            created_at,
            created_by,
            row_version
        ) on table governance.retention_policies to authenticated;

        grant update (
            agency_id,
            id,
            entity,
            keep,
            action,
            legal_hold,
            created_at,
            created_by,
            row_version
        ) on table governance.retention_policies to authenticated;
        """
    )
    execute(
        r"""
        -- Owners and admins see and run all imports, a manager those of the own teams, a member the own, and needs
        -- the capability for it.
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
        """
    )
    execute(
        r"""
        -- Who sees an import sees its lines. The import writes them.
        create policy "staff read the lines of imports they see"
        on integration.import_rows
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'integration.import_rows:select',
                    'owner', 'admin', 'manager', 'member'
                )
            )
            and exists (
                select 1
                  from integration.import_jobs as parent
                 where parent.agency_id = integration.import_rows.agency_id
                   and parent.id = integration.import_rows.job_id
            )
        );

        grant select on table integration.import_rows to authenticated;
        """
    )
    execute(
        r"""
        -- Owners and admins see what was delivered and what failed. The worker writes it.
        create policy "owners and admins read deliveries"
        on integration.webhook_deliveries
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('integration.webhook_deliveries:select', 'owner', 'admin'))
        );

        grant select on table integration.webhook_deliveries to authenticated;
        """
    )
    execute(
        r"""
        -- Owners and admins see and change where the agency is told what happened. Made by app.create_webhook only,
        -- which returns the secret once.
        create policy "owners and admins read webhooks"
        on integration.webhook_endpoints
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('integration.webhook_endpoints:select', 'owner', 'admin'))
            and (
                deleted_at is null
                or (select app.may('integration.webhook_endpoints:update', 'owner', 'admin'))
            )
        );

        create policy "owners and admins change webhooks"
        on integration.webhook_endpoints
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('integration.webhook_endpoints:update', 'owner', 'admin'))
            and (
                deleted_at is null
                or (select app.may('integration.webhook_endpoints:update', 'owner', 'admin'))
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('integration.webhook_endpoints:update', 'owner', 'admin'))
            and (
                deleted_at is null
                or (select app.may('integration.webhook_endpoints:update', 'owner', 'admin'))
            )
        );

        grant select on table integration.webhook_endpoints to authenticated;

        grant update (
            agency_id,
            id,
            name,
            url,
            event_types,
            is_active,
            created_at,
            created_by,
            row_version,
            deleted_at
        ) on table integration.webhook_endpoints to authenticated;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "owners and admins change webhooks" on integration.webhook_endpoints;

        drop policy "owners and admins read webhooks" on integration.webhook_endpoints;

        revoke all on table integration.webhook_endpoints from authenticated;
        """
    )
    execute(
        r"""
        drop policy "owners and admins read deliveries" on integration.webhook_deliveries;

        revoke all on table integration.webhook_deliveries from authenticated;
        """
    )
    execute(
        r"""
        drop policy "staff read the lines of imports they see" on integration.import_rows;

        revoke all on table integration.import_rows from authenticated;
        """
    )
    execute(
        r"""
        drop policy "staff who may import change imports" on integration.import_jobs;

        drop policy "staff who may import start imports" on integration.import_jobs;

        drop policy "staff read imports of their own or their teams" on integration.import_jobs;

        revoke all on table integration.import_jobs from authenticated;
        """
    )
    execute(
        r"""
        drop policy "owners change retention policies" on governance.retention_policies;

        drop policy "owners add retention policies" on governance.retention_policies;

        drop policy "owners and admins read retention policies" on governance.retention_policies;

        revoke all on table governance.retention_policies from authenticated;
        """
    )
    execute(
        r"""
        drop policy "owners change erasure requests" on governance.erasure_requests;

        drop policy "owners and admins request erasures" on governance.erasure_requests;

        drop policy "owners and admins read erasure requests" on governance.erasure_requests;

        revoke all on table governance.erasure_requests from authenticated;
        """
    )
    execute(
        r"""
        drop policy "managers and above change tags" on crm.tags;

        drop policy "managers and above add tags" on crm.tags;

        drop policy "staff read the tags of their agency" on crm.tags;

        revoke all on table crm.tags from authenticated;
        """
    )
    execute(
        r"""
        drop policy "owners and admins change shared views and others their own" on crm.saved_views;

        drop policy "staff save views of their own" on crm.saved_views;

        drop policy "staff read views that are shared with them" on crm.saved_views;

        revoke all on table crm.saved_views from authenticated;
        """
    )
    execute(
        r"""
        drop policy "staff untag records they may change" on crm.record_tags;

        drop policy "staff change the tags of records they may change" on crm.record_tags;

        drop policy "staff tag records they may change" on crm.record_tags;

        drop policy "staff read the tags of records they see" on crm.record_tags;

        revoke all on table crm.record_tags from authenticated;
        """
    )
    execute(
        r"""
        drop policy "managers and above change products" on crm.products;

        drop policy "managers and above add products" on crm.products;

        drop policy "staff read the products of their agency" on crm.products;

        revoke all on table crm.products from authenticated;
        """
    )
    execute(
        r"""
        drop policy "managers and above change pipelines" on crm.pipelines;

        drop policy "managers and above add pipelines" on crm.pipelines;

        drop policy "staff read the pipelines of their agency" on crm.pipelines;

        revoke all on table crm.pipelines from authenticated;
        """
    )
    execute(
        r"""
        drop policy "managers and above change stages" on crm.pipeline_stages;

        drop policy "managers and above add stages" on crm.pipeline_stages;

        drop policy "staff read the stages of their agency" on crm.pipeline_stages;

        revoke all on table crm.pipeline_stages from authenticated;
        """
    )
    execute(
        r"""
        drop policy "events are looked up for the client who is invited" on crm.participants;

        drop policy "staff remove participants of what they may change" on crm.participants;

        drop policy "staff change participants of what they may change" on crm.participants;

        drop policy "staff add participants to what they may change" on crm.participants;

        drop policy "staff read who takes part in what they see" on crm.participants;

        revoke all on table crm.participants from authenticated, gardenos_search;
        """
    )
    execute(
        r"""
        drop policy "senders change and queue their drafts" on crm.messages;

        drop policy "people write into conversations they take part in" on crm.messages;

        drop policy "people read the messages of conversations they see" on crm.messages;

        revoke all on table crm.messages from authenticated;
        """
    )
    execute(
        r"""
        drop policy "owners and admins read merges, managers those they see" on crm.merge_records;

        revoke all on table crm.merge_records from authenticated;
        """
    )
    execute(
        r"""
        drop policy "owners and admins change lists of values" on crm.lookup_values;

        drop policy "owners and admins add lists of values" on crm.lookup_values;

        drop policy "staff read the lists of values of their agency" on crm.lookup_values;

        revoke all on table crm.lookup_values from authenticated;
        """
    )
    execute(
        r"""
        drop policy "owners delete files for good" on crm.files;

        drop policy "staff change files of what they may change, members their own" on crm.files;

        drop policy "staff attach files to what they may change, clients to theirs" on crm.files;

        drop policy "people read files of records they see and clients shared ones" on crm.files;

        revoke all on table crm.files from authenticated;
        """
    )
    execute(
        r"""
        drop policy "owners delete deals for good" on crm.deals;

        drop policy "staff change deals within their scope and members their own" on crm.deals;

        drop policy "staff add deals within their scope and members their own" on crm.deals;

        drop policy "staff read deals within their scope" on crm.deals;

        revoke all on table crm.deals from authenticated;
        """
    )
    execute(
        r"""
        drop policy "staff read the stage history of deals they see" on crm.deal_stage_history;

        revoke all on table crm.deal_stage_history from authenticated;
        """
    )
    execute(
        r"""
        drop policy "staff remove lines of deals they may change" on crm.deal_line_items;

        drop policy "staff change lines of deals they may change" on crm.deal_line_items;

        drop policy "staff add lines to deals they may change" on crm.deal_line_items;

        drop policy "staff read lines of deals they see" on crm.deal_line_items;

        revoke all on table crm.deal_line_items from authenticated;
        """
    )
    execute(
        r"""
        drop policy "staff remove contacts of deals they may change" on crm.deal_contacts;

        drop policy "staff change contacts of deals they may change" on crm.deal_contacts;

        drop policy "staff add contacts to deals they may change" on crm.deal_contacts;

        drop policy "staff read contacts of deals they see" on crm.deal_contacts;

        revoke all on table crm.deal_contacts from authenticated;
        """
    )
    execute(
        r"""
        drop policy "owners and admins change custom fields" on crm.custom_field_defs;

        drop policy "owners and admins add custom fields" on crm.custom_field_defs;

        drop policy "staff read the custom fields of their agency" on crm.custom_field_defs;

        revoke all on table crm.custom_field_defs from authenticated;
        """
    )
    execute(
        r"""
        drop policy "staff change conversations of their teams or their own" on crm.conversations;

        drop policy "staff open conversations and clients those about themselves" on crm.conversations;

        drop policy "people read conversations they take part in, staff by role" on crm.conversations;

        revoke all on table crm.conversations from authenticated;
        """
    )
    execute(
        r"""
        drop policy "owners delete contacts for good" on crm.contacts;

        drop policy "staff change contacts within their scope and members their own" on crm.contacts;

        drop policy "staff add contacts within their scope and members their own" on crm.contacts;

        drop policy "staff read contacts within their scope" on crm.contacts;

        revoke all on table crm.contacts from authenticated;
        """
    )
    execute(
        r"""
        drop policy "owners delete contact points for good" on crm.contact_points;

        drop policy "staff change contact points of contacts they may change" on crm.contact_points;

        drop policy "staff add contact points to contacts they may change" on crm.contact_points;

        drop policy "staff read contact points of contacts they see" on crm.contact_points;

        revoke all on table crm.contact_points from authenticated;
        """
    )
    execute(
        r"""
        drop policy "staff remove employments of contacts they may change" on crm.contact_companies;

        drop policy "staff change employments of contacts they may change" on crm.contact_companies;

        drop policy "staff add employments to contacts they may change" on crm.contact_companies;

        drop policy "staff read employments of contacts they see" on crm.contact_companies;

        revoke all on table crm.contact_companies from authenticated;
        """
    )
    execute(
        r"""
        drop policy "staff add consents and clients withdraw their own" on crm.consents;

        drop policy "staff read consents of contacts they see and clients their own" on crm.consents;

        revoke all on table crm.consents from authenticated;
        """
    )
    execute(
        r"""
        drop policy "owners delete companies for good" on crm.companies;

        drop policy "staff change companies within their scope and members their own" on crm.companies;

        drop policy "staff add companies within their scope and members their own" on crm.companies;

        drop policy "staff read companies within their scope" on crm.companies;

        revoke all on table crm.companies from authenticated;
        """
    )
    execute(
        r"""
        drop policy "staff change events of their teams and members their own" on crm.calendar_events;

        drop policy "staff add events within their scope and members their own" on crm.calendar_events;

        drop policy "staff read events in their scope and clients shared ones" on crm.calendar_events;

        revoke all on table crm.calendar_events from authenticated;
        """
    )
    execute(
        r"""
        drop policy "staff change activities of their teams and members their own" on crm.activities;

        drop policy "staff add activities within their scope and members their own" on crm.activities;

        drop policy "staff read activities in their scope and clients shared ones" on crm.activities;

        revoke all on table crm.activities from authenticated;
        """
    )
