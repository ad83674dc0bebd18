-- Which versions of the library's vectors these are: a revision says so, nobody else.
alter table langgraph.vector_migrations enable row level security;
alter table langgraph.vector_migrations force row level security;

create policy "no client reaches the versions of the library"
on langgraph.vector_migrations
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    false
)
with check (
    false
);

create policy "the auditor reads everything"
on langgraph.vector_migrations
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select on table langgraph.vector_migrations to gardenos_auditor;
