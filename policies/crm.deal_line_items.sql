-- The lines of a deal follow the deal: who sees it sees them, who may change it keeps them. An agent
-- removes nothing.
alter table crm.deal_line_items enable row level security;
alter table crm.deal_line_items force row level security;

create policy "tenant floor"
on crm.deal_line_items
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read lines of deals they see"
on crm.deal_line_items
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.deal_line_items:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.deals as parent
         where parent.agency_id = crm.deal_line_items.agency_id
           and parent.id = crm.deal_line_items.deal_id
    )
);

create policy "staff add lines to deals they may change"
on crm.deal_line_items
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.deal_line_items:insert',
            'owner', 'admin', 'manager', 'member', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.deals as parent
         where parent.agency_id = crm.deal_line_items.agency_id
           and parent.id = crm.deal_line_items.deal_id
           for key share
    )
);

create policy "staff change lines of deals they may change"
on crm.deal_line_items
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.deal_line_items:update',
            'owner', 'admin', 'manager', 'member', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.deals as parent
         where parent.agency_id = crm.deal_line_items.agency_id
           and parent.id = crm.deal_line_items.deal_id
           for key share
    )
)
with check (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.deal_line_items:update',
            'owner', 'admin', 'manager', 'member', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.deals as parent
         where parent.agency_id = crm.deal_line_items.agency_id
           and parent.id = crm.deal_line_items.deal_id
           for key share
    )
);

create policy "staff remove lines of deals they may change"
on crm.deal_line_items
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.deal_line_items:delete',
            'owner', 'admin', 'manager', 'member'
        )
    )
    and exists (
        select 1
          from crm.deals as parent
         where parent.agency_id = crm.deal_line_items.agency_id
           and parent.id = crm.deal_line_items.deal_id
           for key share
    )
);

create policy "triggers total the lines"
on crm.deal_line_items
as permissive
for select
to gardenos_crm_writer
using (
    true
);

create policy "the auditor reads everything"
on crm.deal_line_items
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.deal_line_items
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table crm.deal_line_items to authenticated;

grant insert (
    agency_id,
    id,
    deal_id,
    product_id,
    position,
    description,
    quantity,
    unit_price,
    discount_pct,
    tax_rate,
    created_at,
    created_by,
    row_version
) on table crm.deal_line_items to authenticated;

grant update (
    agency_id,
    id,
    deal_id,
    product_id,
    position,
    description,
    quantity,
    unit_price,
    discount_pct,
    tax_rate,
    created_at,
    created_by,
    row_version
) on table crm.deal_line_items to authenticated;

grant select, insert, update, delete on table crm.deal_line_items to service_role;

grant select on table crm.deal_line_items to gardenos_auditor;

grant select on table crm.deal_line_items to gardenos_crm_writer;

grant select, update, delete on table crm.deal_line_items to gardenos_eraser;
