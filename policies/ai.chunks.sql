-- Who sees a document sees its chunks. A search reads thousands, so each says for itself who may read it, as
-- its document does (app.copy_document). The worker writes them.
alter table ai.chunks enable row level security;
alter table ai.chunks force row level security;

create policy "tenant floor"
on ai.chunks
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the chunks of documents they see"
on ai.chunks
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'ai.chunks:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
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
);

create policy "the worker reads chunks"
on ai.chunks
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker adds chunks"
on ai.chunks
as permissive
for insert
to gardenos_worker
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker changes chunks"
on ai.chunks
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

create policy "the worker removes chunks"
on ai.chunks
as permissive
for delete
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "triggers copy who may read"
on ai.chunks
as permissive
for all
to gardenos_ai_writer
using (
    true
)
with check (
    true
);

create policy "search finds by words"
on ai.chunks
as permissive
for select
to gardenos_search
using (
    true
);

create policy "the publisher looks for work"
on ai.chunks
as permissive
for select
to gardenos_publisher
using (
    true
);

create policy "the auditor reads everything"
on ai.chunks
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on ai.chunks
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table ai.chunks to authenticated;

grant select, insert, update, delete on table ai.chunks to service_role;

grant select on table ai.chunks to gardenos_auditor;

grant select, insert, update, delete on table ai.chunks to gardenos_worker;

grant select, delete on table ai.chunks to gardenos_ai_writer;

grant update (
    owner_id,
    team_id,
    visibility,
    participant_ids,
    by_record
) on table ai.chunks to gardenos_ai_writer;

grant select, update, delete on table ai.chunks to gardenos_eraser;

grant select on table ai.chunks to gardenos_search;

grant select on table ai.chunks to gardenos_publisher;
