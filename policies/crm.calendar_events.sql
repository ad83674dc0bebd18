-- Staff see events as far as their record scope reaches, a manager those of the own teams; a private one
-- only its owner and who takes part. A client sees the events it is invited to and that are open to
-- clients: the last condition of reading.
alter table crm.calendar_events enable row level security;
alter table crm.calendar_events force row level security;

create policy "tenant floor"
on crm.calendar_events
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

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

create policy "triggers note who takes part"
on crm.calendar_events
as permissive
for all
to gardenos_crm_writer
using (
    true
)
with check (
    true
);

create policy "the worker reads events"
on crm.calendar_events
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "merges move what hangs on a record"
on crm.calendar_events
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
on crm.calendar_events
as permissive
for select
to gardenos_search
using (
    true
);

create policy "triggers copy who may read"
on crm.calendar_events
as permissive
for select
to gardenos_ai_writer
using (
    true
);

create policy "triggers lock what they copy"
on crm.calendar_events
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
on crm.calendar_events
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.calendar_events
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
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

grant select, insert, update, delete on table crm.calendar_events to service_role;

grant select on table crm.calendar_events to gardenos_auditor;

grant select on table crm.calendar_events to gardenos_search;

grant select on table crm.calendar_events to gardenos_crm_writer;

grant update (
    participant_ids
) on table crm.calendar_events to gardenos_crm_writer;

grant select on table crm.calendar_events to gardenos_worker;

grant select on table crm.calendar_events to gardenos_merger;

grant update (
    company_id
) on table crm.calendar_events to gardenos_merger;

grant select, update, delete on table crm.calendar_events to gardenos_eraser;

grant select on table crm.calendar_events to gardenos_ai_writer;

grant update (
    id
) on table crm.calendar_events to gardenos_ai_writer;
