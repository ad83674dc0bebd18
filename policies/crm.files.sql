-- A file follows the one record it is attached to; one that is attached to nothing is its owner's. Who may
-- change that record attaches and removes files, a member changes the own. A private file is its owner's
-- alone. A client sees what is shared with it: open to clients, and about it or on an activity, event or
-- message that it sees; and it attaches files to itself and to such messages.
alter table crm.files enable row level security;
alter table crm.files force row level security;

create policy "tenant floor"
on crm.files
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

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

create policy "the worker reads files"
on crm.files
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker notes what scans found"
on crm.files
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
on crm.files
as permissive
for all
to gardenos_merger
using (
    true
)
with check (
    true
);

create policy "triggers copy who may read"
on crm.files
as permissive
for select
to gardenos_ai_writer
using (
    true
);

create policy "triggers lock what they copy"
on crm.files
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
on crm.files
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.files
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
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

grant select, insert, update, delete on table crm.files to service_role;

grant select on table crm.files to gardenos_auditor;

grant select on table crm.files to gardenos_worker;

grant update (
    scan_status,
    sha256
) on table crm.files to gardenos_worker;

grant select on table crm.files to gardenos_merger;

grant update (
    contact_id,
    company_id
) on table crm.files to gardenos_merger;

grant select, update, delete on table crm.files to gardenos_eraser;

grant select on table crm.files to gardenos_ai_writer;

grant update (
    id
) on table crm.files to gardenos_ai_writer;
