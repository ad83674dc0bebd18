-- Staff see their own agency; owners and admins change its settings. Clients do not see it: RLS cannot hide
-- columns. Its id is everybody's agency_id, so its floor compares that.
alter table tenancy.agencies enable row level security;
alter table tenancy.agencies force row level security;

create policy "tenant floor"
on tenancy.agencies
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    id = (select app.agency_id())
)
with check (
    id = (select app.agency_id())
);

create policy "staff see their own agency"
on tenancy.agencies
as permissive
for select
to authenticated
using (
    id = (select app.agency_id())
    and (
        select app.may(
            'tenancy.agencies:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
);

create policy "owners and admins change the settings of their agency"
on tenancy.agencies
as permissive
for update
to authenticated
using (
    id = (select app.agency_id())
    and (select app.may('tenancy.agencies:update', 'owner', 'admin'))
)
with check (
    id = (select app.agency_id())
    and (select app.may('tenancy.agencies:update', 'owner', 'admin'))
);

create policy "the membership reader proves claims"
on tenancy.agencies
as permissive
for select
to gardenos_membership_reader
using (
    true
);

create policy "tenancy functions read and write"
on tenancy.agencies
as permissive
for all
to gardenos_tenancy_writer
using (
    true
)
with check (
    true
);

create policy "search reads the model of an agency"
on tenancy.agencies
as permissive
for select
to gardenos_search
using (
    true
);

create policy "the publisher looks for work"
on tenancy.agencies
as permissive
for select
to gardenos_publisher
using (
    true
);

create policy "the auditor reads everything"
on tenancy.agencies
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select on table tenancy.agencies to authenticated;

grant update (
    id,
    name,
    default_currency,
    timezone,
    locale,
    logo_path,
    settings,
    created_at,
    row_version
) on table tenancy.agencies to authenticated;

grant select, insert, update, delete on table tenancy.agencies to service_role;

grant select on table tenancy.agencies to gardenos_membership_reader, gardenos_auditor, gardenos_search;

grant select, insert, update on table tenancy.agencies to gardenos_tenancy_writer;

grant select on table tenancy.agencies to gardenos_publisher;
