-- Addresses and numbers follow their contact: who sees it sees them, who may change it keeps them. Deleted
-- ones are seen by who could delete them: who may change the contact.
alter table crm.contact_points enable row level security;
alter table crm.contact_points force row level security;

create policy "tenant floor"
on crm.contact_points
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

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

create policy "triggers delete and restore addresses with their contact"
on crm.contact_points
as permissive
for all
to gardenos_crm_writer
using (
    true
)
with check (
    true
);

create policy "the worker reads contact points"
on crm.contact_points
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "merges move what hangs on a record"
on crm.contact_points
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
on crm.contact_points
as permissive
for select
to gardenos_search
using (
    true
);

create policy "the auditor reads everything"
on crm.contact_points
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.contact_points
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
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

grant select, insert, update, delete on table crm.contact_points to service_role;

grant select on table crm.contact_points to gardenos_auditor;

grant select on table crm.contact_points to gardenos_search;

grant select on table crm.contact_points to gardenos_crm_writer;

grant update (
    deleted_at
) on table crm.contact_points to gardenos_crm_writer;

grant select on table crm.contact_points to gardenos_worker;

grant select on table crm.contact_points to gardenos_merger;

grant update (
    contact_id,
    is_primary
) on table crm.contact_points to gardenos_merger;

grant select, update, delete on table crm.contact_points to gardenos_eraser;
