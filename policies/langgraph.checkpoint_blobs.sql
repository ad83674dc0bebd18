-- The values of a thread are for agents that can read its conversation, as langgraph.checkpoints are.
alter table langgraph.checkpoint_blobs enable row level security;
alter table langgraph.checkpoint_blobs force row level security;

create policy "tenant floor"
on langgraph.checkpoint_blobs
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "agents read the values of threads they see"
on langgraph.checkpoint_blobs
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoint_blobs:select'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoint_blobs.agency_id
           and parent.id = langgraph.checkpoint_blobs.conversation_id
    )
);

create policy "agents add the values of threads they see"
on langgraph.checkpoint_blobs
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoint_blobs:insert'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoint_blobs.agency_id
           and parent.id = langgraph.checkpoint_blobs.conversation_id
    )
);

create policy "agents change the values of threads they see"
on langgraph.checkpoint_blobs
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoint_blobs:update'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoint_blobs.agency_id
           and parent.id = langgraph.checkpoint_blobs.conversation_id
    )
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoint_blobs:update'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoint_blobs.agency_id
           and parent.id = langgraph.checkpoint_blobs.conversation_id
    )
);

create policy "agents delete the values of threads they see"
on langgraph.checkpoint_blobs
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoint_blobs:delete'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoint_blobs.agency_id
           and parent.id = langgraph.checkpoint_blobs.conversation_id
    )
);

create policy "the worker reads threads"
on langgraph.checkpoint_blobs
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker prunes threads"
on langgraph.checkpoint_blobs
as permissive
for delete
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "triggers look whose a thread is"
on langgraph.checkpoint_blobs
as permissive
for select
to gardenos_crm_writer
using (
    true
);

create policy "the auditor reads everything"
on langgraph.checkpoint_blobs
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on langgraph.checkpoint_blobs
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table langgraph.checkpoint_blobs to authenticated;

grant insert (
    thread_id,
    checkpoint_ns,
    channel,
    version,
    type,
    blob,
    agency_id
) on table langgraph.checkpoint_blobs to authenticated;

grant update (
    type,
    blob
) on table langgraph.checkpoint_blobs to authenticated;

grant select on table langgraph.checkpoint_blobs to gardenos_auditor;

grant select, delete on table langgraph.checkpoint_blobs to gardenos_worker;

grant select on table langgraph.checkpoint_blobs to gardenos_crm_writer;

grant select, update, delete on table langgraph.checkpoint_blobs to gardenos_eraser;
