-- An agent works in the conversations that it can read, as itself or for a person; a thread is one of them.
-- Nobody else reaches its state, of whatever role; readable is enough for writing, because an agent updates
-- no conversation.
alter table langgraph.checkpoints enable row level security;
alter table langgraph.checkpoints force row level security;

create policy "tenant floor"
on langgraph.checkpoints
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "agents read the steps of threads they see"
on langgraph.checkpoints
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoints:select'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoints.agency_id
           and parent.id = langgraph.checkpoints.conversation_id
    )
);

create policy "agents add the steps of threads they see"
on langgraph.checkpoints
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoints:insert'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoints.agency_id
           and parent.id = langgraph.checkpoints.conversation_id
    )
);

create policy "agents change the steps of threads they see"
on langgraph.checkpoints
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoints:update'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoints.agency_id
           and parent.id = langgraph.checkpoints.conversation_id
    )
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoints:update'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoints.agency_id
           and parent.id = langgraph.checkpoints.conversation_id
    )
);

create policy "agents delete the steps of threads they see"
on langgraph.checkpoints
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.checkpoints:delete'))
    and exists (
        select 1
          from crm.conversations as parent
         where parent.agency_id = langgraph.checkpoints.agency_id
           and parent.id = langgraph.checkpoints.conversation_id
    )
);

create policy "the worker reads threads"
on langgraph.checkpoints
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker cuts threads off from what it pruned"
on langgraph.checkpoints
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

create policy "the worker prunes threads"
on langgraph.checkpoints
as permissive
for delete
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "triggers look whose a thread is"
on langgraph.checkpoints
as permissive
for select
to gardenos_crm_writer
using (
    true
);

create policy "the auditor reads everything"
on langgraph.checkpoints
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on langgraph.checkpoints
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table langgraph.checkpoints to authenticated;

grant insert (
    thread_id,
    checkpoint_ns,
    checkpoint_id,
    parent_checkpoint_id,
    type,
    checkpoint,
    metadata,
    agency_id
) on table langgraph.checkpoints to authenticated;

grant update (
    parent_checkpoint_id,
    type,
    checkpoint,
    metadata
) on table langgraph.checkpoints to authenticated;

grant select on table langgraph.checkpoints to gardenos_auditor;

grant select, delete on table langgraph.checkpoints to gardenos_worker;

grant update (
    parent_checkpoint_id
) on table langgraph.checkpoints to gardenos_worker;

grant select on table langgraph.checkpoints to gardenos_crm_writer;

grant select, update, delete on table langgraph.checkpoints to gardenos_eraser;
