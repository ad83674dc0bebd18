-- A tag on a record follows the one record it is on: who sees that sees the tag, who may change it tags it.
-- An agent removes nothing.
alter table crm.record_tags enable row level security;
alter table crm.record_tags force row level security;

create policy "tenant floor"
on crm.record_tags
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the tags of records they see"
on crm.record_tags
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.record_tags:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
    and (
        exists (
            select 1
              from crm.contacts as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.contact_id
        )
        or exists (
            select 1
              from crm.companies as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.company_id
        )
        or exists (
            select 1
              from crm.deals as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.deal_id
        )
    )
);

create policy "staff tag records they may change"
on crm.record_tags
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.record_tags:insert',
            'owner', 'admin', 'manager', 'member', 'ai_agent'
        )
    )
    and (
        exists (
            select 1
              from crm.contacts as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.contact_id
               for key share
        )
        or exists (
            select 1
              from crm.companies as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.company_id
               for key share
        )
        or exists (
            select 1
              from crm.deals as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.deal_id
               for key share
        )
    )
);

create policy "staff change the tags of records they may change"
on crm.record_tags
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.record_tags:update',
            'owner', 'admin', 'manager', 'member', 'ai_agent'
        )
    )
    and (
        exists (
            select 1
              from crm.contacts as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.contact_id
               for key share
        )
        or exists (
            select 1
              from crm.companies as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.company_id
               for key share
        )
        or exists (
            select 1
              from crm.deals as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.deal_id
               for key share
        )
    )
)
with check (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.record_tags:update',
            'owner', 'admin', 'manager', 'member', 'ai_agent'
        )
    )
    and (
        exists (
            select 1
              from crm.contacts as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.contact_id
               for key share
        )
        or exists (
            select 1
              from crm.companies as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.company_id
               for key share
        )
        or exists (
            select 1
              from crm.deals as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.deal_id
               for key share
        )
    )
);

create policy "staff untag records they may change"
on crm.record_tags
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('crm.record_tags:delete', 'owner', 'admin', 'manager', 'member'))
    and (
        exists (
            select 1
              from crm.contacts as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.contact_id
               for key share
        )
        or exists (
            select 1
              from crm.companies as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.company_id
               for key share
        )
        or exists (
            select 1
              from crm.deals as parent
             where parent.agency_id = crm.record_tags.agency_id
               and parent.id = crm.record_tags.deal_id
               for key share
        )
    )
);

create policy "merges move what hangs on a record"
on crm.record_tags
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
on crm.record_tags
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.record_tags
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table crm.record_tags to authenticated;

grant insert (
    agency_id,
    id,
    tag_id,
    contact_id,
    company_id,
    deal_id,
    created_at,
    created_by
) on table crm.record_tags to authenticated;

grant update (
    agency_id,
    id,
    tag_id,
    contact_id,
    company_id,
    deal_id,
    created_at,
    created_by
) on table crm.record_tags to authenticated;

grant select, insert, update, delete on table crm.record_tags to service_role;

grant select on table crm.record_tags to gardenos_auditor;

grant select, insert, delete on table crm.record_tags to gardenos_merger;

grant update (
    contact_id,
    company_id
) on table crm.record_tags to gardenos_merger;

grant select, update, delete on table crm.record_tags to gardenos_eraser;
