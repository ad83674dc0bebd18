-- Consent as events: added, never changed. Staff see and add those of contacts they see and may change; a
-- client sees its own, and withdraws through the portal.
alter table crm.consents enable row level security;
alter table crm.consents force row level security;

create policy "tenant floor"
on crm.consents
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read consents of contacts they see and clients their own"
on crm.consents
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        (
            (
                select app.may(
                    'crm.consents:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and exists (
                select 1
                  from crm.contacts as parent
                 where parent.agency_id = crm.consents.agency_id
                   and parent.id = crm.consents.contact_id
            )
        )
        or (
            (select app.may('crm.consents:select', 'client'))
            and contact_id = (select app.contact_id())
        )
    )
);

create policy "staff add consents and clients withdraw their own"
on crm.consents
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (
        (
            (select app.may('crm.consents:insert', 'owner', 'admin', 'manager', 'member'))
            and exists (
                select 1
                  from crm.contacts as parent
                 where parent.agency_id = crm.consents.agency_id
                   and parent.id = crm.consents.contact_id
                   for key share
            )
        )
        or (
            (select app.may('crm.consents:insert', 'client'))
            and contact_id = (select app.contact_id())
            and status = 'withdrawn'
            and source = 'portal'
        )
    )
);

create policy "the worker reads consents"
on crm.consents
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker adds consents"
on crm.consents
as permissive
for insert
to gardenos_worker
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "merges read consents"
on crm.consents
as permissive
for select
to gardenos_merger
using (
    true
);

create policy "the auditor reads everything"
on crm.consents
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.consents
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table crm.consents to authenticated;

grant insert (
    agency_id,
    id,
    contact_id,
    purpose,
    lawful_basis,
    status,
    source,
    evidence,
    occurred_at,
    created_at,
    created_by
) on table crm.consents to authenticated;

grant select, insert on table crm.consents to service_role;

grant select on table crm.consents to gardenos_auditor;

grant select, insert on table crm.consents to gardenos_worker;

grant select on table crm.consents to gardenos_merger;

grant select on table crm.consents to gardenos_eraser;

grant update (
    evidence
) on table crm.consents to gardenos_eraser;
