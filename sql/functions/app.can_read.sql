-- Whether the caller can read this record now: a plain SELECT on its table, so that row-level security
-- answers and no rule is written twice. SECURITY INVOKER for that reason alone. Null and unknown tables: no.
create or replace function app.can_read(schema_name text, table_name text, record_id uuid)
returns boolean
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
begin
    return case can_read.schema_name || '.' || can_read.table_name
        when 'crm.companies' then exists (
            select 1 from crm.companies as r where r.agency_id = agency and r.id = can_read.record_id
        )
        when 'crm.contacts' then exists (
            select 1 from crm.contacts as r where r.agency_id = agency and r.id = can_read.record_id
        )
        when 'crm.contact_points' then exists (
            select 1 from crm.contact_points as r where r.agency_id = agency and r.id = can_read.record_id
        )
        when 'crm.deals' then exists (
            select 1 from crm.deals as r where r.agency_id = agency and r.id = can_read.record_id
        )
        when 'crm.deal_line_items' then exists (
            select 1 from crm.deal_line_items as r where r.agency_id = agency and r.id = can_read.record_id
        )
        when 'crm.activities' then exists (
            select 1 from crm.activities as r where r.agency_id = agency and r.id = can_read.record_id
        )
        when 'crm.conversations' then exists (
            select 1 from crm.conversations as r where r.agency_id = agency and r.id = can_read.record_id
        )
        when 'crm.calendar_events' then exists (
            select 1 from crm.calendar_events as r where r.agency_id = agency and r.id = can_read.record_id
        )
        when 'crm.files' then exists (
            select 1 from crm.files as r where r.agency_id = agency and r.id = can_read.record_id
        )
        when 'crm.products' then exists (
            select 1 from crm.products as r where r.agency_id = agency and r.id = can_read.record_id
        )
        else false
    end;
end;
$function$;

revoke all on function app.can_read(text, text, uuid) from public;
grant execute on function app.can_read(text, text, uuid) to
    authenticated;

comment on function app.can_read(text, text, uuid) is
'True when the caller can read this record of crm now; false for tables without a history for everybody.';
