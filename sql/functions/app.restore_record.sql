-- Brings a deleted record back, with what was deleted together with it. True when it was deleted and now is
-- not. Nothing is merged or renamed silently: when a live record has taken a unique value meanwhile, the
-- whole restore fails with 23505, and the detail names that record, so that an interface can offer to
-- merge. SECURITY INVOKER: whoever may undelete may restore.
create or replace function app.restore_record(table_name text, record_id uuid)
returns boolean
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    touched integer;
    violated text;
    taken_by uuid;
begin
    begin
        case restore_record.table_name
            when 'crm.companies' then
                update crm.companies as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'crm.contacts' then
                update crm.contacts as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'crm.contact_points' then
                update crm.contact_points as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'crm.tags' then
                update crm.tags as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'crm.saved_views' then
                update crm.saved_views as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'crm.pipelines' then
                update crm.pipelines as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'crm.deals' then
                update crm.deals as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'crm.products' then
                update crm.products as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'crm.activities' then
                update crm.activities as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'crm.conversations' then
                update crm.conversations as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'crm.calendar_events' then
                update crm.calendar_events as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'crm.messages' then
                update crm.messages as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'crm.files' then
                update crm.files as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'tenancy.teams' then
                update tenancy.teams as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            when 'integration.webhook_endpoints' then
                update integration.webhook_endpoints as r set deleted_at = null
                 where r.agency_id = agency and r.id = restore_record.record_id and r.deleted_at is not null;
            else
                raise exception 'Nothing can be restored in %.', coalesce(restore_record.table_name, 'null')
                    using errcode = '42P01',
                    hint = 'Give the table as schema.table.';
        end case;
        get diagnostics touched = row_count;
    exception
        when unique_violation then
            get stacked diagnostics violated = constraint_name;
            taken_by := app.live_twin(violated, restore_record.record_id);
            raise exception 'It is not restored: a live record has taken its place (%).', violated
                using errcode = '23505',
                constraint = violated,
                detail = coalesce('{"live_id": "' || taken_by || '"}', '{"live_id": null}'),
                hint = 'Merge the two, or change the live one.';
    end;
    return touched = 1;
end;
$function$;

revoke all on function app.restore_record(text, uuid) from public;
grant execute on function app.restore_record(text, uuid) to
    authenticated,
    service_role;

comment on function app.restore_record(text, uuid) is
'Restores a deleted record, given as schema.table and id; 23505 when a live one has taken its place.';
