-- Who takes part follows the conversation or the event: who sees that sees them, who may change it adds and
-- removes them. That is also how somebody lets a colleague into a private one.
alter table crm.participants enable row level security;
alter table crm.participants force row level security;

create policy "tenant floor"
on crm.participants
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

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

create policy "triggers list who takes part"
on crm.participants
as permissive
for select
to gardenos_crm_writer
using (
    true
);

create policy "the worker reads participants"
on crm.participants
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker adds participants"
on crm.participants
as permissive
for insert
to gardenos_worker
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker notes what participants read"
on crm.participants
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
on crm.participants
as permissive
for all
to gardenos_merger
using (
    true
)
with check (
    true
);

create policy "the auditor reads everything"
on crm.participants
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.participants
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
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

grant select, insert, update, delete on table crm.participants to service_role;

grant select on table crm.participants to gardenos_auditor;

grant select on table crm.participants to gardenos_search;

grant select on table crm.participants to gardenos_crm_writer;

grant select, insert on table crm.participants to gardenos_worker;

grant update (
    last_read_at
) on table crm.participants to gardenos_worker;

grant select, insert, delete on table crm.participants to gardenos_merger;

grant update (
    contact_id
) on table crm.participants to gardenos_merger;

grant select, update, delete on table crm.participants to gardenos_eraser;
