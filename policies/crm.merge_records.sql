-- What a merge moved, kept so that it can be undone. Owners and admins see all, a manager what became of
-- records they see. The merge functions write it, nobody else.
alter table crm.merge_records enable row level security;
alter table crm.merge_records force row level security;

create policy "tenant floor"
on crm.merge_records
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "owners and admins read merges, managers those they see"
on crm.merge_records
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        (select app.may('crm.merge_records:select', 'owner', 'admin'))
        or (
            (select app.may('crm.merge_records:select', 'manager'))
            and (
                exists (
                    select 1
                      from crm.contacts as parent
                     where parent.agency_id = crm.merge_records.agency_id
                       and parent.id = crm.merge_records.winner_contact_id
                )
                or exists (
                    select 1
                      from crm.companies as parent
                     where parent.agency_id = crm.merge_records.agency_id
                       and parent.id = crm.merge_records.winner_company_id
                )
            )
        )
    )
);

create policy "merges are written down"
on crm.merge_records
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
on crm.merge_records
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on crm.merge_records
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table crm.merge_records to authenticated;

grant select, insert, update, delete on table crm.merge_records to service_role;

grant select on table crm.merge_records to gardenos_auditor;

grant select, insert on table crm.merge_records to gardenos_merger;

grant update (
    undone_at,
    undone_by_id
) on table crm.merge_records to gardenos_merger;

grant select, update, delete on table crm.merge_records to gardenos_eraser;
