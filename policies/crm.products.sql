-- All staff see what the agency sells; managers and above keep it, owners and admins delete it.
alter table crm.products enable row level security;
alter table crm.products force row level security;

create policy "tenant floor"
on crm.products
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the products of their agency"
on crm.products
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.products:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
    and (
        deleted_at is null
        or (select app.may('crm.products:update', 'owner', 'admin'))
    )
);

create policy "managers and above add products"
on crm.products
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.products:insert', 'owner', 'admin', 'manager'))
);

create policy "managers and above change products"
on crm.products
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may('crm.products:update', 'owner', 'admin', 'manager'))
    and (
        deleted_at is null
        or (select app.may('crm.products:update', 'owner', 'admin'))
    )
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may('crm.products:update', 'owner', 'admin', 'manager'))
    and (
        deleted_at is null
        or (select app.may('crm.products:update', 'owner', 'admin'))
    )
);

create policy "the auditor reads everything"
on crm.products
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.products
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table crm.products to authenticated;

grant insert (
    agency_id,
    id,
    sku,
    name,
    description,
    unit_price,
    currency,
    tax_rate,
    is_active,
    created_at,
    created_by,
    row_version
) on table crm.products to authenticated;

grant update (
    agency_id,
    id,
    sku,
    name,
    description,
    unit_price,
    currency,
    tax_rate,
    is_active,
    created_at,
    created_by,
    row_version,
    deleted_at
) on table crm.products to authenticated;

grant select, insert, update, delete on table crm.products to service_role;

grant select on table crm.products to gardenos_auditor;

grant select, update, delete on table crm.products to gardenos_eraser;
