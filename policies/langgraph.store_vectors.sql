-- Who reads an item reads its embeddings.
alter table langgraph.store_vectors enable row level security;
alter table langgraph.store_vectors force row level security;

create policy "tenant floor"
on langgraph.store_vectors
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "agents read the embeddings of items they see"
on langgraph.store_vectors
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.store_vectors:select'))
    and exists (
        select 1
          from langgraph.store as parent
         where parent.prefix = langgraph.store_vectors.prefix
           and parent.key = langgraph.store_vectors.key
    )
);

create policy "agents add the embeddings of items they see"
on langgraph.store_vectors
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.store_vectors:insert'))
    and exists (
        select 1
          from langgraph.store as parent
         where parent.prefix = langgraph.store_vectors.prefix
           and parent.key = langgraph.store_vectors.key
    )
);

create policy "agents change the embeddings of items they see"
on langgraph.store_vectors
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.store_vectors:update'))
    and exists (
        select 1
          from langgraph.store as parent
         where parent.prefix = langgraph.store_vectors.prefix
           and parent.key = langgraph.store_vectors.key
    )
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.store_vectors:update'))
    and exists (
        select 1
          from langgraph.store as parent
         where parent.prefix = langgraph.store_vectors.prefix
           and parent.key = langgraph.store_vectors.key
    )
);

create policy "agents delete the embeddings of items they see"
on langgraph.store_vectors
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.store_vectors:delete'))
    and exists (
        select 1
          from langgraph.store as parent
         where parent.prefix = langgraph.store_vectors.prefix
           and parent.key = langgraph.store_vectors.key
    )
);

create policy "the worker reads the embeddings of items"
on langgraph.store_vectors
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker deletes the embeddings of items"
on langgraph.store_vectors
as permissive
for delete
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "merges move what agents remember"
on langgraph.store_vectors
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
on langgraph.store_vectors
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on langgraph.store_vectors
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table langgraph.store_vectors to authenticated;

grant insert (
    prefix,
    key,
    field_name,
    embedding,
    created_at,
    updated_at
) on table langgraph.store_vectors to authenticated;

grant update (
    embedding,
    updated_at
) on table langgraph.store_vectors to authenticated;

grant select on table langgraph.store_vectors to gardenos_auditor;

grant select, delete on table langgraph.store_vectors to gardenos_worker;

grant select, insert, delete on table langgraph.store_vectors to gardenos_merger;

grant select, delete on table langgraph.store_vectors to gardenos_eraser;
