-- Who works where follows the contact: who sees it sees this, who may change it keeps it. An agent removes
-- nothing.
alter table crm.contact_companies enable row level security;
alter table crm.contact_companies force row level security;

create policy "tenant floor"
on crm.contact_companies
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read employments of contacts they see"
on crm.contact_companies
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.contact_companies:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.contacts as parent
         where parent.agency_id = crm.contact_companies.agency_id
           and parent.id = crm.contact_companies.contact_id
    )
);

create policy "staff add employments to contacts they may change"
on crm.contact_companies
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.contact_companies:insert',
            'owner', 'admin', 'manager', 'member', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.contacts as parent
         where parent.agency_id = crm.contact_companies.agency_id
           and parent.id = crm.contact_companies.contact_id
           for key share
    )
);

create policy "staff change employments of contacts they may change"
on crm.contact_companies
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.contact_companies:update',
            'owner', 'admin', 'manager', 'member', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.contacts as parent
         where parent.agency_id = crm.contact_companies.agency_id
           and parent.id = crm.contact_companies.contact_id
           for key share
    )
)
with check (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.contact_companies:update',
            'owner', 'admin', 'manager', 'member', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.contacts as parent
         where parent.agency_id = crm.contact_companies.agency_id
           and parent.id = crm.contact_companies.contact_id
           for key share
    )
);

create policy "staff remove employments of contacts they may change"
on crm.contact_companies
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.contact_companies:delete',
            'owner', 'admin', 'manager', 'member'
        )
    )
    and exists (
        select 1
          from crm.contacts as parent
         where parent.agency_id = crm.contact_companies.agency_id
           and parent.id = crm.contact_companies.contact_id
           for key share
    )
);

create policy "merges move what hangs on a record"
on crm.contact_companies
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
on crm.contact_companies
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.contact_companies
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table crm.contact_companies to authenticated;

grant insert (
    agency_id,
    id,
    contact_id,
    company_id,
    role_title,
    is_primary,
    started_on,
    ended_on,
    created_at,
    created_by,
    row_version
) on table crm.contact_companies to authenticated;

grant update (
    agency_id,
    id,
    contact_id,
    company_id,
    role_title,
    is_primary,
    started_on,
    ended_on,
    created_at,
    created_by,
    row_version
) on table crm.contact_companies to authenticated;

grant select, insert, update, delete on table crm.contact_companies to service_role;

grant select on table crm.contact_companies to gardenos_auditor;

grant select, insert, delete on table crm.contact_companies to gardenos_merger;

grant update (
    contact_id,
    company_id,
    is_primary
) on table crm.contact_companies to gardenos_merger;

grant select, update, delete on table crm.contact_companies to gardenos_eraser;
