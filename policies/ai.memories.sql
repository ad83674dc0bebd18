-- Staff see what is shared with them, and what is about a record only when they see the record: a memory must
-- not tell what that hides. Members write what is theirs, agents as far as they reach; what is about a record
-- is its owner's and its team's (app.copy_subject). Owners and admins may remove any that is not private.
alter table ai.memories enable row level security;
alter table ai.memories force row level security;

create policy "tenant floor"
on ai.memories
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read memories shared with them"
on ai.memories
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'ai.memories:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
    and (
        owner_id = (select app.membership_id())
        or visibility in ('agency', 'client')
        or (
            visibility = 'team'
            and team_id = any((select app.my_teams())::uuid[])
        )
    )
    and (
        subject in ('agency', 'member')
        or exists (
            select 1
              from crm.contacts as parent
             where parent.agency_id = ai.memories.agency_id
               and parent.id = ai.memories.contact_id
        )
        or exists (
            select 1
              from crm.companies as parent
             where parent.agency_id = ai.memories.agency_id
               and parent.id = ai.memories.company_id
        )
        or exists (
            select 1
              from crm.deals as parent
             where parent.agency_id = ai.memories.agency_id
               and parent.id = ai.memories.deal_id
        )
    )
    and (
        deleted_at is null
        or (
            (select app.may('ai.memories:update', 'owner', 'admin', 'manager', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
);

create policy "staff add their own memories and agents within their scope"
on ai.memories
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'ai.memories:insert',
            own => '{owner,admin,manager,member}',
            scope => '{ai_agent}'
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

create policy "staff change their own memories and agents within their scope"
on ai.memories
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'ai.memories:update',
            own => '{owner,admin,manager,member}',
            scope => '{ai_agent}'
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
    and (
        deleted_at is null
        or (
            (select app.may('ai.memories:update', 'owner', 'admin', 'manager', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
)
with check (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'ai.memories:update',
            own => '{owner,admin,manager,member}',
            scope => '{ai_agent}'
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
        when 'own' then
            owner_id = (select app.membership_id())
            or visibility in ('agency', 'client')
            or (
                visibility = 'team'
                and team_id = any((select app.my_teams())::uuid[])
            )
    end
    and (
        subject in ('agency', 'member')
        or exists (
            select 1
              from crm.contacts as parent
             where parent.agency_id = ai.memories.agency_id
               and parent.id = ai.memories.contact_id
        )
        or exists (
            select 1
              from crm.companies as parent
             where parent.agency_id = ai.memories.agency_id
               and parent.id = ai.memories.company_id
        )
        or exists (
            select 1
              from crm.deals as parent
             where parent.agency_id = ai.memories.agency_id
               and parent.id = ai.memories.deal_id
        )
    )
    and (
        deleted_at is null
        or (
            (select app.may('ai.memories:update', 'owner', 'admin', 'manager', 'member'))
            and owner_id = (select app.membership_id())
        )
    )
);

create policy "owners and admins remove memories and others their own"
on ai.memories
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'ai.memories:delete',
            agency => '{owner,admin}',
            own => '{manager,member}'
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

create policy "the worker reads memories"
on ai.memories
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker notes what was used and superseded"
on ai.memories
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

create policy "triggers copy who may read"
on ai.memories
as permissive
for all
to gardenos_ai_writer
using (
    true
)
with check (
    true
);

create policy "merges move what hangs on a record"
on ai.memories
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
on ai.memories
as permissive
for select
to gardenos_search
using (
    true
);

create policy "the publisher looks for work"
on ai.memories
as permissive
for select
to gardenos_publisher
using (
    true
);

create policy "the auditor reads everything"
on ai.memories
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on ai.memories
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table ai.memories to authenticated;

grant insert (
    agency_id,
    id,
    subject,
    membership_id,
    contact_id,
    company_id,
    deal_id,
    kind,
    content,
    importance,
    confidence,
    half_life,
    expires_at,
    source_run_id,
    superseded_by_id,
    owner_id,
    team_id,
    visibility,
    created_at,
    created_by,
    row_version
) on table ai.memories to authenticated;

grant update (
    agency_id,
    id,
    subject,
    membership_id,
    contact_id,
    company_id,
    deal_id,
    kind,
    content,
    importance,
    confidence,
    half_life,
    expires_at,
    source_run_id,
    superseded_by_id,
    owner_id,
    team_id,
    visibility,
    created_at,
    created_by,
    row_version,
    deleted_at
) on table ai.memories to authenticated;

grant select, insert, update, delete on table ai.memories to service_role;

grant select on table ai.memories to gardenos_auditor;

grant select on table ai.memories to gardenos_worker;

grant update (
    last_accessed_at,
    access_count,
    superseded_by_id
) on table ai.memories to gardenos_worker;

grant select on table ai.memories to gardenos_ai_writer;

grant update (
    owner_id,
    visibility,
    deleted_at
) on table ai.memories to gardenos_ai_writer;

grant select on table ai.memories to gardenos_merger;

grant update (
    contact_id,
    company_id
) on table ai.memories to gardenos_merger;

grant select, update, delete on table ai.memories to gardenos_eraser;

grant select on table ai.memories to gardenos_search;

grant select on table ai.memories to gardenos_publisher;
