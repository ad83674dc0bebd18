-- Who sees a text sees its vector. A search reads thousands, so each says for itself who may read it, as its
-- chunk or its memory does (app.copy_text): the one by the rules of documents; the other if it is shared with
-- the reader, and about a record only if the reader sees that. The worker writes them. Partitions have no
-- policy and no grant: nobody reaches one but through this table.
alter table ai.embeddings_vector_1536 enable row level security;
alter table ai.embeddings_vector_1536 force row level security;
alter table ai.embeddings_vector_1536_small enable row level security;
alter table ai.embeddings_vector_1536_small force row level security;
alter table ai.embeddings_vector_1536_large enable row level security;
alter table ai.embeddings_vector_1536_large force row level security;

create policy "tenant floor"
on ai.embeddings_vector_1536
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the vectors of texts they see"
on ai.embeddings_vector_1536
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'ai.embeddings_vector_1536:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
    and case
        when memory_id is null then
            (
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
        else
            (
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
                not by_record
                or case (
                    select app.reach(
                        'ai.memories:select',
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
            )
    end
);

create policy "the worker reads vectors"
on ai.embeddings_vector_1536
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker adds vectors"
on ai.embeddings_vector_1536
as permissive
for insert
to gardenos_worker
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker changes vectors"
on ai.embeddings_vector_1536
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

create policy "the worker removes vectors"
on ai.embeddings_vector_1536
as permissive
for delete
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "triggers copy who may read"
on ai.embeddings_vector_1536
as permissive
for all
to gardenos_ai_writer
using (
    true
)
with check (
    true
);

create policy "the publisher looks for work"
on ai.embeddings_vector_1536
as permissive
for select
to gardenos_publisher
using (
    true
);

create policy "the auditor reads everything"
on ai.embeddings_vector_1536
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select on table ai.embeddings_vector_1536 to authenticated;

grant select, insert, update, delete on table ai.embeddings_vector_1536 to service_role;

grant select on table ai.embeddings_vector_1536 to gardenos_auditor;

grant select, insert, update, delete on table ai.embeddings_vector_1536 to gardenos_worker;

grant select, delete on table ai.embeddings_vector_1536 to gardenos_ai_writer;

grant update (
    owner_id,
    team_id,
    visibility,
    participant_ids,
    by_record
) on table ai.embeddings_vector_1536 to gardenos_ai_writer;

grant select on table ai.embeddings_vector_1536 to gardenos_publisher;
