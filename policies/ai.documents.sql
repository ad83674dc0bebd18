-- Staff see documents as far as their role reaches, and never more than the record that a document was made
-- of: who that is stands in the row (app.copy_source). What is said in a conversation is for who takes part
-- in it, and for managers and above; a viewer sees no conversation. The worker writes documents; an agent
-- that works for itself may add one, and only owners and admins remove some. Deleted ones are nobody's.
alter table ai.documents enable row level security;
alter table ai.documents force row level security;

create policy "tenant floor"
on ai.documents
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read documents within their scope"
on ai.documents
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'ai.documents:select',
            agency => '{owner,admin}',
            team => '{manager}',
            scope => '{member,viewer,ai_agent}'
        )
    )
        when 'all' then
            visibility <> 'private'
            or owner_id = (select app.membership_id())
            or (select app.membership_id()) = any(participant_ids)
        when 'team' then
            owner_id = (select app.membership_id())
            or (select app.membership_id()) = any(participant_ids)
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
        participant_ids is null
        or (select app.may('ai.documents:select', 'owner', 'admin', 'manager'))
        or (
            (select app.agency_role()) <> 'viewer'
            and (
                owner_id = (select app.membership_id())
                or (select app.membership_id()) = any(participant_ids)
            )
        )
    )
    and deleted_at is null
);

create policy "agents add documents within their scope"
on ai.documents
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and case (
        select app.reach(
            'ai.documents:insert',
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

create policy "owners and admins remove documents"
on ai.documents
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('ai.documents:delete', 'owner', 'admin'))
    and (
        visibility <> 'private'
        or owner_id = (select app.membership_id())
        or (select app.membership_id()) = any(participant_ids)
    )
);

create policy "the worker reads documents"
on ai.documents
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker adds documents"
on ai.documents
as permissive
for insert
to gardenos_worker
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker changes documents"
on ai.documents
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

create policy "the worker removes documents"
on ai.documents
as permissive
for delete
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "triggers copy who may read"
on ai.documents
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
on ai.documents
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
on ai.documents
as permissive
for select
to gardenos_search
using (
    true
);

create policy "the publisher looks for work"
on ai.documents
as permissive
for select
to gardenos_publisher
using (
    true
);

create policy "the auditor reads everything"
on ai.documents
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on ai.documents
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table ai.documents to authenticated;

grant insert (
    agency_id,
    id,
    source_kind,
    file_id,
    conversation_id,
    activity_id,
    contact_id,
    company_id,
    deal_id,
    title,
    content_sha256,
    owner_id,
    team_id,
    visibility,
    created_at,
    created_by,
    row_version
) on table ai.documents to authenticated;

grant select, insert, update, delete on table ai.documents to service_role;

grant select on table ai.documents to gardenos_auditor;

grant select, insert, update, delete on table ai.documents to gardenos_worker;

grant select on table ai.documents to gardenos_ai_writer;

grant update (
    visibility,
    participant_ids
) on table ai.documents to gardenos_ai_writer;

grant select on table ai.documents to gardenos_merger;

grant update (
    contact_id,
    company_id
) on table ai.documents to gardenos_merger;

grant select, update, delete on table ai.documents to gardenos_eraser;

grant select on table ai.documents to gardenos_search;

grant select on table ai.documents to gardenos_publisher;
