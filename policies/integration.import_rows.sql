-- Who sees an import sees its lines. The import writes them.
alter table integration.import_rows enable row level security;
alter table integration.import_rows force row level security;

create policy "tenant floor"
on integration.import_rows
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the lines of imports they see"
on integration.import_rows
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'integration.import_rows:select',
            'owner', 'admin', 'manager', 'member'
        )
    )
    and exists (
        select 1
          from integration.import_jobs as parent
         where parent.agency_id = integration.import_rows.agency_id
           and parent.id = integration.import_rows.job_id
    )
);

create policy "the worker reads the lines of imports"
on integration.import_rows
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker adds the lines of imports"
on integration.import_rows
as permissive
for insert
to gardenos_worker
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker notes what came of the lines of imports"
on integration.import_rows
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
on integration.import_rows
as permissive
for all
to gardenos_merger
using (
    true
)
with check (
    true
);

create policy "reverting looks lines up"
on integration.import_rows
as permissive
for select
to gardenos_crm_writer
using (
    true
);

create policy "reverting notes what it undid"
on integration.import_rows
as permissive
for update
to gardenos_crm_writer
using (
    true
)
with check (
    true
);

create policy "the auditor reads everything"
on integration.import_rows
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on integration.import_rows
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select on table integration.import_rows to authenticated;

grant select, insert, update, delete on table integration.import_rows to service_role;

grant select on table integration.import_rows to gardenos_auditor;

grant select, insert, update on table integration.import_rows to gardenos_worker;

grant select on table integration.import_rows to gardenos_merger;

grant update (
    contact_id,
    company_id
) on table integration.import_rows to gardenos_merger;

grant select on table integration.import_rows to gardenos_crm_writer;

grant update (
    status
) on table integration.import_rows to gardenos_crm_writer;

grant select, update, delete on table integration.import_rows to gardenos_eraser;
