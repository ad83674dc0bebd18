-- The live record that has taken a unique value of a deleted one, as far as the caller sees it: for an
-- address the contact that has it.
create or replace function app.live_twin(violated text, record_id uuid)
returns uuid
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    case violated
        when 'companies_domain_key' then
            return (
                select l.id
                  from crm.companies as d
                  join crm.companies as l
                    on l.agency_id = d.agency_id
                   and l.domain = d.domain
                   and l.deleted_at is null
                 where d.agency_id = app.agency_id()
                   and d.id = live_twin.record_id
            );
        when 'contact_points_value_norm_key' then
            return (
                select l.contact_id
                  from crm.contact_points as d
                  join crm.contact_points as l
                    on l.agency_id = d.agency_id
                   and l.kind = d.kind
                   and l.value_norm = d.value_norm
                   and l.deleted_at is null
                   and not l.is_shared
                 where d.agency_id = app.agency_id()
                   and live_twin.record_id in (d.id, d.contact_id)
                   and d.deleted_at is not null
                   and not d.is_shared
                 limit 1
            );
        when 'tags_name_key' then
            return (
                select l.id
                  from crm.tags as d
                  join crm.tags as l
                    on l.agency_id = d.agency_id
                   and lower(l.name) = lower(d.name)
                   and l.deleted_at is null
                 where d.agency_id = app.agency_id()
                   and d.id = live_twin.record_id
            );
        when 'saved_views_name_key' then
            return (
                select l.id
                  from crm.saved_views as d
                  join crm.saved_views as l
                    on l.agency_id = d.agency_id
                   and l.owner_id = d.owner_id
                   and l.entity = d.entity
                   and lower(l.name) = lower(d.name)
                   and l.deleted_at is null
                 where d.agency_id = app.agency_id()
                   and d.id = live_twin.record_id
            );
        when 'pipelines_name_key' then
            return (
                select l.id
                  from crm.pipelines as d
                  join crm.pipelines as l
                    on l.agency_id = d.agency_id
                   and lower(l.name) = lower(d.name)
                   and l.deleted_at is null
                 where d.agency_id = app.agency_id()
                   and d.id = live_twin.record_id
            );
        when 'pipelines_default_key' then
            return (
                select l.id
                  from crm.pipelines as d
                  join crm.pipelines as l
                    on l.agency_id = d.agency_id
                   and l.is_default
                   and l.deleted_at is null
                 where d.agency_id = app.agency_id()
                   and d.id = live_twin.record_id
            );
        when 'products_sku_key' then
            return (
                select l.id
                  from crm.products as d
                  join crm.products as l
                    on l.agency_id = d.agency_id
                   and lower(l.sku) = lower(d.sku)
                   and l.deleted_at is null
                 where d.agency_id = app.agency_id()
                   and d.id = live_twin.record_id
            );
        when 'conversations_external_thread_id_key' then
            return (
                select l.id
                  from crm.conversations as d
                  join crm.conversations as l
                    on l.agency_id = d.agency_id
                   and l.channel = d.channel
                   and l.external_thread_id = d.external_thread_id
                   and l.deleted_at is null
                 where d.agency_id = app.agency_id()
                   and d.id = live_twin.record_id
            );
        when 'calendar_events_external_uid_key' then
            return (
                select l.id
                  from crm.calendar_events as d
                  join crm.calendar_events as l
                    on l.agency_id = d.agency_id
                   and l.owner_id = d.owner_id
                   and l.calendar_key = d.calendar_key
                   and l.external_uid = d.external_uid
                   and l.recurrence_id = d.recurrence_id
                   and l.deleted_at is null
                 where d.agency_id = app.agency_id()
                   and d.id = live_twin.record_id
            );
        when 'teams_name_key' then
            return (
                select l.id
                  from tenancy.teams as d
                  join tenancy.teams as l
                    on l.agency_id = d.agency_id
                   and lower(l.name) = lower(d.name)
                   and l.deleted_at is null
                 where d.agency_id = app.agency_id()
                   and d.id = live_twin.record_id
            );
        when 'webhook_endpoints_url_key' then
            return (
                select l.id
                  from integration.webhook_endpoints as d
                  join integration.webhook_endpoints as l
                    on l.agency_id = d.agency_id
                   and l.url = d.url
                   and l.deleted_at is null
                 where d.agency_id = app.agency_id()
                   and d.id = live_twin.record_id
            );
        else
            return null;
    end case;
end;
$function$;

revoke all on function app.live_twin(text, uuid) from public;
grant execute on function app.live_twin(text, uuid) to
    authenticated,
    service_role;

comment on function app.live_twin(text, uuid) is
'The live record that keeps a deleted one from being restored; null when the caller does not see it.';
