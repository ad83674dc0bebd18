-- Who sees a deal sees how it got where it is. Nobody writes but the trigger on deals: a history that could
-- be corrected would be none.
alter table crm.deal_stage_history enable row level security;
alter table crm.deal_stage_history force row level security;

create policy "tenant floor"
on crm.deal_stage_history
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    agency_id = (select app.agency_id())
)
with check (
    agency_id = (select app.agency_id())
);

create policy "staff read the stage history of deals they see"
on crm.deal_stage_history
as permissive
for select
to authenticated
using (
    agency_id = (select app.agency_id())
    and (
        select app.may(
            'crm.deal_stage_history:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
    and exists (
        select 1
          from crm.deals as parent
         where parent.agency_id = crm.deal_stage_history.agency_id
           and parent.id = crm.deal_stage_history.deal_id
    )
);

create policy "triggers write the history"
on crm.deal_stage_history
as permissive
for all
to gardenos_crm_writer
using (
    true
)
with check (
    true
);

create policy "the auditor reads everything"
on crm.deal_stage_history
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select on table crm.deal_stage_history to authenticated;

grant select on table crm.deal_stage_history to service_role;

grant select on table crm.deal_stage_history to gardenos_auditor;

grant select, insert on table crm.deal_stage_history to gardenos_crm_writer;

grant update (
    left_at
) on table crm.deal_stage_history to gardenos_crm_writer;
