-- Who sees a conversation reads its messages; a client no internal one and no draft. Who takes part writes:
-- a client inbound, an agent drafts only. A draft is its sender's until it is queued. The conversations
-- that a client sees are those it takes part in.
alter table crm.messages enable row level security;
alter table crm.messages force row level security;

create policy "tenant floor"
on crm.messages
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

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

create policy "the worker reads messages"
on crm.messages
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker adds messages"
on crm.messages
as permissive
for insert
to gardenos_worker
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker notes how messages went"
on crm.messages
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
on crm.messages
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
on crm.messages
as permissive
for select
to gardenos_search
using (
    true
);

create policy "triggers copy who may read"
on crm.messages
as permissive
for select
to gardenos_ai_writer
using (
    true
);

create policy "triggers lock what they copy"
on crm.messages
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
on crm.messages
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.messages
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
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

grant select, insert, update, delete on table crm.messages to service_role;

grant select on table crm.messages to gardenos_auditor;

grant select, insert on table crm.messages to gardenos_worker;

grant update (
    status,
    external_id,
    error
) on table crm.messages to gardenos_worker;

grant select on table crm.messages to gardenos_merger;

grant update (
    sender_contact_id
) on table crm.messages to gardenos_merger;

grant select on table crm.messages to gardenos_search;

grant select, update, delete on table crm.messages to gardenos_eraser;

grant select on table crm.messages to gardenos_ai_writer;

grant update (
    id
) on table crm.messages to gardenos_ai_writer;
