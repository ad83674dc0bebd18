-- What tasks wrote is for agents that can read the conversation, as langgraph.checkpoints are.
alter table langgraph.checkpoint_writes enable row level security;
alter table langgraph.checkpoint_writes force row level security;

create policy "tenant floor"
on langgraph.checkpoint_writes
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "agents read what tasks wrote in threads they see"
on langgraph.checkpoint_writes
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoint_writes:select'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoint_writes.agency_id
           and parent.id = langgraph.checkpoint_writes.conversation_id
    )
);

create policy "agents add what tasks wrote in threads they see"
on langgraph.checkpoint_writes
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoint_writes:insert'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoint_writes.agency_id
           and parent.id = langgraph.checkpoint_writes.conversation_id
    )
);

create policy "agents change what tasks wrote in threads they see"
on langgraph.checkpoint_writes
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoint_writes:update'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoint_writes.agency_id
           and parent.id = langgraph.checkpoint_writes.conversation_id
    )
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoint_writes:update'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoint_writes.agency_id
           and parent.id = langgraph.checkpoint_writes.conversation_id
    )
);

create policy "agents delete what tasks wrote in threads they see"
on langgraph.checkpoint_writes
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoint_writes:delete'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoint_writes.agency_id
           and parent.id = langgraph.checkpoint_writes.conversation_id
    )
);

create policy "the worker reads threads"
on langgraph.checkpoint_writes
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker prunes threads"
on langgraph.checkpoint_writes
as permissive
for delete
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "triggers look whose a thread is"
on langgraph.checkpoint_writes
as permissive
for select
to gardenos_crm_writer
using (
    true
);

create policy "the auditor reads everything"
on langgraph.checkpoint_writes
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on langgraph.checkpoint_writes
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table langgraph.checkpoint_writes to authenticated;

grant insert (
    thread_id,
    checkpoint_ns,
    checkpoint_id,
    task_id,
    idx,
    channel,
    type,
    blob,
    task_path,
    agency_id
) on table langgraph.checkpoint_writes to authenticated;

grant update (
    channel,
    type,
    blob,
    task_path
) on table langgraph.checkpoint_writes to authenticated;

grant select on table langgraph.checkpoint_writes to gardenos_auditor;

grant select, delete on table langgraph.checkpoint_writes to gardenos_worker;

grant select on table langgraph.checkpoint_writes to gardenos_crm_writer;

grant select, update, delete on table langgraph.checkpoint_writes to gardenos_eraser;
