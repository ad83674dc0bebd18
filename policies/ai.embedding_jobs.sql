-- The queue is the worker's alone.
alter table ai.embedding_jobs enable row level security;
alter table ai.embedding_jobs force row level security;

create policy "tenant floor"
on ai.embedding_jobs
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "the worker reads jobs"
on ai.embedding_jobs
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker adds jobs"
on ai.embedding_jobs
as permissive
for insert
to gardenos_worker
with check (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker takes jobs"
on ai.embedding_jobs
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

create policy "the worker ends jobs"
on ai.embedding_jobs
as permissive
for delete
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "triggers remove the jobs of deleted memories"
on ai.embedding_jobs
as permissive
for all
to gardenos_ai_writer
using (
    true
)
with check (
    true
);

create policy "triggers queue texts"
on ai.embedding_jobs
as permissive
for all
to gardenos_publisher
using (
    true
)
with check (
    true
);

create policy "the auditor reads everything"
on ai.embedding_jobs
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on ai.embedding_jobs
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, insert, update, delete on table ai.embedding_jobs to service_role;

grant select on table ai.embedding_jobs to gardenos_auditor;

grant select, insert, update, delete on table ai.embedding_jobs to gardenos_worker;

grant select, delete on table ai.embedding_jobs to gardenos_ai_writer;

grant select, update, delete on table ai.embedding_jobs to gardenos_eraser;

grant select, insert, update on table ai.embedding_jobs to gardenos_publisher;
