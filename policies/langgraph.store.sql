-- An agent remembers what it can read, as itself or for a person: an item is about a subject, and who does
-- not read that does not read the item. What is about a member is for that member, what is an agent's for
-- that agent, and what is the agency's for all of its agents, but not on behalf of a client.
alter table langgraph.store enable row level security;
alter table langgraph.store force row level security;

create policy "tenant floor"
on langgraph.store
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "agents read what they remember of what they see"
on langgraph.store
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.store:select'))
    and case subject
        when 'agency' then (select app.agency_role()) <> 'client'
        when 'agent' then
            (prefix || '.') like (select app.agency_id() || '.agent.' || app.acting_agent_id() || '.%')
        when 'member' then membership_id = (select app.membership_id())
        when 'contact' then exists (
            select 1
              from crm.contacts as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.contact_id
        )
        when 'company' then exists (
            select 1
              from crm.companies as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.company_id
        )
        when 'deal' then exists (
            select 1
              from crm.deals as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.deal_id
        )
        when 'conversation' then exists (
            select 1
              from crm.conversations as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.conversation_id
        )
    end
);

create policy "agents add what they remember of what they see"
on langgraph.store
as permissive
for insert
to authenticated
with check (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.store:insert'))
    and case subject
        when 'agency' then (select app.agency_role()) <> 'client'
        when 'agent' then
            (prefix || '.') like (select app.agency_id() || '.agent.' || app.acting_agent_id() || '.%')
        when 'member' then membership_id = (select app.membership_id())
        when 'contact' then exists (
            select 1
              from crm.contacts as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.contact_id
        )
        when 'company' then exists (
            select 1
              from crm.companies as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.company_id
        )
        when 'deal' then exists (
            select 1
              from crm.deals as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.deal_id
        )
        when 'conversation' then exists (
            select 1
              from crm.conversations as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.conversation_id
        )
    end
);

create policy "agents change what they remember of what they see"
on langgraph.store
as permissive
for update
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.store:update'))
    and case subject
        when 'agency' then (select app.agency_role()) <> 'client'
        when 'agent' then
            (prefix || '.') like (select app.agency_id() || '.agent.' || app.acting_agent_id() || '.%')
        when 'member' then membership_id = (select app.membership_id())
        when 'contact' then exists (
            select 1
              from crm.contacts as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.contact_id
        )
        when 'company' then exists (
            select 1
              from crm.companies as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.company_id
        )
        when 'deal' then exists (
            select 1
              from crm.deals as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.deal_id
        )
        when 'conversation' then exists (
            select 1
              from crm.conversations as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.conversation_id
        )
    end
)
with check (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.store:update'))
    and case subject
        when 'agency' then (select app.agency_role()) <> 'client'
        when 'agent' then
            (prefix || '.') like (select app.agency_id() || '.agent.' || app.acting_agent_id() || '.%')
        when 'member' then membership_id = (select app.membership_id())
        when 'contact' then exists (
            select 1
              from crm.contacts as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.contact_id
        )
        when 'company' then exists (
            select 1
              from crm.companies as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.company_id
        )
        when 'deal' then exists (
            select 1
              from crm.deals as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.deal_id
        )
        when 'conversation' then exists (
            select 1
              from crm.conversations as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.conversation_id
        )
    end
);

create policy "agents delete what they remember of what they see"
on langgraph.store
as permissive
for delete
to authenticated
using (
    agency_id = (select app.agency_id())
    and (select app.may_as_agent('langgraph.store:delete'))
    and case subject
        when 'agency' then (select app.agency_role()) <> 'client'
        when 'agent' then
            (prefix || '.') like (select app.agency_id() || '.agent.' || app.acting_agent_id() || '.%')
        when 'member' then membership_id = (select app.membership_id())
        when 'contact' then exists (
            select 1
              from crm.contacts as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.contact_id
        )
        when 'company' then exists (
            select 1
              from crm.companies as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.company_id
        )
        when 'deal' then exists (
            select 1
              from crm.deals as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.deal_id
        )
        when 'conversation' then exists (
            select 1
              from crm.conversations as parent
             where parent.agency_id = langgraph.store.agency_id
               and parent.id = langgraph.store.conversation_id
        )
    end
);

create policy "the worker reads what agents remember"
on langgraph.store
as permissive
for select
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "the worker sweeps what has expired"
on langgraph.store
as permissive
for delete
to gardenos_worker
using (
    agency_id = (select app.agency_id())
    and (select app.is_agency_active())
);

create policy "merges move what agents remember"
on langgraph.store
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
on langgraph.store
as permissive
for select
to gardenos_auditor
using (
    true
);

create policy "erasure reaches the agency it is bound to"
on langgraph.store
as permissive
for all
to gardenos_eraser
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

grant select, delete on table langgraph.store to authenticated;

grant insert (
    prefix,
    key,
    value,
    created_at,
    updated_at,
    expires_at,
    ttl_minutes
) on table langgraph.store to authenticated;

grant update (
    value,
    updated_at,
    expires_at,
    ttl_minutes
) on table langgraph.store to authenticated;

grant select on table langgraph.store to gardenos_auditor;

grant select, delete on table langgraph.store to gardenos_worker;

grant select, insert, delete on table langgraph.store to gardenos_merger;

grant select, update, delete on table langgraph.store to gardenos_eraser;
