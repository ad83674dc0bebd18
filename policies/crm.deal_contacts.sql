-- Who takes part in a deal follows the deal: who sees it sees them, who may change it keeps them. An agent
-- removes nothing.
alter table crm.deal_contacts enable row level security;
alter table crm.deal_contacts force row level security;

create policy "tenant floor"
on crm.deal_contacts
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read contacts of deals they see"
on crm.deal_contacts
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.deal_contacts:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.deals as parent
         where parent.agency_id = crm.deal_contacts.agency_id
           and parent.id = crm.deal_contacts.deal_id
    )
);

create policy "staff add contacts to deals they may change"
on crm.deal_contacts
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.deal_contacts:insert',
            'owner', 'admin', 'manager', 'member', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.deals as parent
         where parent.agency_id = crm.deal_contacts.agency_id
           and parent.id = crm.deal_contacts.deal_id
           for key share
    )
);

create policy "staff change contacts of deals they may change"
on crm.deal_contacts
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.deal_contacts:update',
            'owner', 'admin', 'manager', 'member', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.deals as parent
         where parent.agency_id = crm.deal_contacts.agency_id
           and parent.id = crm.deal_contacts.deal_id
           for key share
    )
)
with check (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.deal_contacts:update',
            'owner', 'admin', 'manager', 'member', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.deals as parent
         where parent.agency_id = crm.deal_contacts.agency_id
           and parent.id = crm.deal_contacts.deal_id
           for key share
    )
);

create policy "staff remove contacts of deals they may change"
on crm.deal_contacts
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('crm.deal_contacts:delete', 'owner', 'admin', 'manager', 'member'))
    and exists (
        select 1
          from crm.deals as parent
         where parent.agency_id = crm.deal_contacts.agency_id
           and parent.id = crm.deal_contacts.deal_id
           for key share
    )
);

create policy "merges move what hangs on a record"
on crm.deal_contacts
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
on crm.deal_contacts
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.deal_contacts
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table crm.deal_contacts to authenticated;

grant insert (
    agency_id,
    id,
    deal_id,
    contact_id,
    role_title,
    created_at,
    created_by,
    row_version
) on table crm.deal_contacts to authenticated;

grant update (
    agency_id,
    id,
    deal_id,
    contact_id,
    role_title,
    created_at,
    created_by,
    row_version
) on table crm.deal_contacts to authenticated;

grant select, insert, update, delete on table crm.deal_contacts to service_role;

grant select on table crm.deal_contacts to gardenos_auditor;

grant select, insert, delete on table crm.deal_contacts to gardenos_merger;

grant update (
    contact_id
) on table crm.deal_contacts to gardenos_merger;

grant select, update, delete on table crm.deal_contacts to gardenos_eraser;
