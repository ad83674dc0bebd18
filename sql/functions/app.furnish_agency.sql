-- What a new agency begins with: a pipeline, and how long it keeps what was deleted. All of it is the
-- agency's to change.
create or replace function app.furnish_agency(agency uuid)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    pipeline uuid := app.uuid_v7();
begin
    insert into crm.pipelines (agency_id, id, name, is_default)
    values (agency, pipeline, 'Sales', true);
    insert into crm.pipeline_stages (agency_id, pipeline_id, name, position, probability, outcome)
    values
    (agency, pipeline, 'New', 0, 10, 'open'),
    (agency, pipeline, 'Qualified', 1, 30, 'open'),
    (agency, pipeline, 'Proposal', 2, 60, 'open'),
    (agency, pipeline, 'Won', 3, 100, 'won'),
    (agency, pipeline, 'Lost', 4, 0, 'lost');
    insert into governance.retention_policies (agency_id, entity, keep, action)
    values
    (agency, 'crm.companies', '30 days', 'delete'),
    (agency, 'crm.contacts', '30 days', 'anonymise'),
    (agency, 'crm.contact_points', '30 days', 'delete'),
    (agency, 'crm.deals', '30 days', 'delete'),
    (agency, 'crm.activities', '30 days', 'delete'),
    (agency, 'crm.conversations', '30 days', 'delete'),
    (agency, 'crm.messages', '30 days', 'delete'),
    (agency, 'crm.calendar_events', '30 days', 'delete'),
    (agency, 'crm.files', '30 days', 'delete'),
    (agency, 'ai.memories', '30 days', 'delete'),
    (agency, 'integration.import_rows', '90 days', 'anonymise'),
    (agency, 'integration.webhook_deliveries', '30 days', 'delete');
end;
$function$;

revoke all on function app.furnish_agency(uuid) from public;
grant execute on function app.furnish_agency(uuid) to
    gardenos_tenancy_writer;

comment on function app.furnish_agency(uuid) is
'Gives a new agency its pipeline and its retention policies.';
