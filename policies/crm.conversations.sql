-- A member sees the conversations they take part in; a manager those of the own teams, owners and admins
-- all, but a private one only who takes part. The lowest rung here is "participant". A client sees and
-- opens conversations about itself that are open to clients: the last condition. The id is ours: it is also
-- the id of an agent's thread.
alter table crm.conversations enable row level security;
alter table crm.conversations force row level security;

create policy "tenant floor"
on crm.conversations
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

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

create policy "triggers note who takes part and when something was said"
on crm.conversations
as permissive
for all
to gardenos_crm_writer
using (
    true
)
with check (
    true
);

create policy "the worker reads conversations"
on crm.conversations
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker adds conversations"
on crm.conversations
as permissive
for insert
to gardenos_worker
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker keeps the state of conversations"
on crm.conversations
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

create policy "merges move what hangs on a record"
on crm.conversations
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
on crm.conversations
as permissive
for select
to gardenos_search
using (
    true
);

create policy "triggers copy who may read"
on crm.conversations
as permissive
for select
to gardenos_ai_writer
using (
    true
);

create policy "triggers lock what they copy"
on crm.conversations
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
on crm.conversations
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.conversations
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
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

grant select, insert, update, delete on table crm.conversations to service_role;

grant select on table crm.conversations to gardenos_auditor;

grant select on table crm.conversations to gardenos_search;

grant select on table crm.conversations to gardenos_crm_writer;

grant update (
    participant_ids,
    last_message_at
) on table crm.conversations to gardenos_crm_writer;

grant select on table crm.conversations to gardenos_worker;

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
    participant_ids,
    last_message_at,
    snoozed_until,
    created_at,
    created_by,
    updated_at,
    updated_by,
    row_version,
    deleted_at,
    deleted_by
) on table crm.conversations to gardenos_worker;

grant update (
    status,
    last_message_at
) on table crm.conversations to gardenos_worker;

grant select on table crm.conversations to gardenos_merger;

grant update (
    contact_id
) on table crm.conversations to gardenos_merger;

grant select, update, delete on table crm.conversations to gardenos_eraser;

grant select on table crm.conversations to gardenos_ai_writer;

grant update (
    id
) on table crm.conversations to gardenos_ai_writer;
