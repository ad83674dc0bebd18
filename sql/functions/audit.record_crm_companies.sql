-- Appends the changes of crm.companies to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_crm_companies()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set plan_cache_mode = force_generic_plan
as $function$
declare
    context record;
    secret bytea;
begin
    -- no transaction id: the statement wrote nothing
    if pg_current_xact_id_if_assigned() is null then
        return null;
    end if;
    context := audit.context();
    secret := uuid_send(gen_random_uuid());
    if tg_op = 'INSERT' then
        insert into audit.log (
            agency_id,
            schema_name,
            table_name,
            record_id,
            op,
            new_values,
            salt,
            actor_kind,
            actor_user_id,
            actor_membership_id,
            on_behalf_of_id,
            api_key_id,
            agency_role,
            db_role,
            request_id,
            ip,
            xid,
            epoch,
            timeline
        )
        select
            n.agency_id,
            'crm',
            'companies',
            n.id,
            'insert',
            to_jsonb(n) - 'search',
            substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
            context.actor_kind,
            context.actor_user_id,
            context.actor_membership_id,
            context.on_behalf_of_id,
            context.api_key_id,
            context.agency_role,
            context.db_role,
            context.request_id,
            context.ip,
            context.xid,
            context.epoch,
            context.timeline
          from new_rows as n;
    elsif tg_op = 'UPDATE' then
        insert into audit.log (
            agency_id,
            schema_name,
            table_name,
            record_id,
            op,
            changed,
            old_values,
            new_values,
            salt,
            actor_kind,
            actor_user_id,
            actor_membership_id,
            on_behalf_of_id,
            api_key_id,
            agency_role,
            db_role,
            request_id,
            ip,
            xid,
            epoch,
            timeline
        )
        select
            n.agency_id,
            'crm',
            'companies',
            n.id,
            'update',
            array_remove(array[
                case when (o.name is distinct from n.name) then 'name' end,
                case when (o.domain is distinct from n.domain) then 'domain' end,
                case when (o.industry_id is distinct from n.industry_id) then 'industry_id' end,
                case when (o.employees is distinct from n.employees) then 'employees' end,
                case when (o.annual_revenue is distinct from n.annual_revenue) then 'annual_revenue' end,
                case when (o.currency is distinct from n.currency) then 'currency' end,
                case when (o.street is distinct from n.street) then 'street' end,
                case when (o.city is distinct from n.city) then 'city' end,
                case when (o.region is distinct from n.region) then 'region' end,
                case when (o.postal_code is distinct from n.postal_code) then 'postal_code' end,
                case when (o.country is distinct from n.country) then 'country' end,
                case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                case when (o.merged_into_id is distinct from n.merged_into_id) then 'merged_into_id' end,
                case when (o.custom is distinct from n.custom) then 'custom' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
            ], null),
            case when (o.name is distinct from n.name) then jsonb_build_object('name', o.name) else '{}' end
            || case when (o.domain is distinct from n.domain) then jsonb_build_object('domain', o.domain) else '{}' end
            || case when (o.industry_id is distinct from n.industry_id) then jsonb_build_object('industry_id', o.industry_id) else '{}' end
            || case when (o.employees is distinct from n.employees) then jsonb_build_object('employees', o.employees) else '{}' end
            || case when (o.annual_revenue is distinct from n.annual_revenue) then jsonb_build_object('annual_revenue', o.annual_revenue) else '{}' end
            || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', o.currency) else '{}' end
            || case when (o.street is distinct from n.street) then jsonb_build_object('street', o.street) else '{}' end
            || case when (o.city is distinct from n.city) then jsonb_build_object('city', o.city) else '{}' end
            || case when (o.region is distinct from n.region) then jsonb_build_object('region', o.region) else '{}' end
            || case when (o.postal_code is distinct from n.postal_code) then jsonb_build_object('postal_code', o.postal_code) else '{}' end
            || case when (o.country is distinct from n.country) then jsonb_build_object('country', o.country) else '{}' end
            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
            || case when (o.merged_into_id is distinct from n.merged_into_id) then jsonb_build_object('merged_into_id', o.merged_into_id) else '{}' end
            || case when (o.custom is distinct from n.custom) then jsonb_build_object('custom', o.custom) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end,
            case when (o.name is distinct from n.name) then jsonb_build_object('name', n.name) else '{}' end
            || case when (o.domain is distinct from n.domain) then jsonb_build_object('domain', n.domain) else '{}' end
            || case when (o.industry_id is distinct from n.industry_id) then jsonb_build_object('industry_id', n.industry_id) else '{}' end
            || case when (o.employees is distinct from n.employees) then jsonb_build_object('employees', n.employees) else '{}' end
            || case when (o.annual_revenue is distinct from n.annual_revenue) then jsonb_build_object('annual_revenue', n.annual_revenue) else '{}' end
            || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', n.currency) else '{}' end
            || case when (o.street is distinct from n.street) then jsonb_build_object('street', n.street) else '{}' end
            || case when (o.city is distinct from n.city) then jsonb_build_object('city', n.city) else '{}' end
            || case when (o.region is distinct from n.region) then jsonb_build_object('region', n.region) else '{}' end
            || case when (o.postal_code is distinct from n.postal_code) then jsonb_build_object('postal_code', n.postal_code) else '{}' end
            || case when (o.country is distinct from n.country) then jsonb_build_object('country', n.country) else '{}' end
            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
            || case when (o.merged_into_id is distinct from n.merged_into_id) then jsonb_build_object('merged_into_id', n.merged_into_id) else '{}' end
            || case when (o.custom is distinct from n.custom) then jsonb_build_object('custom', n.custom) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end,
            substring(sha256(secret || uuid_send(n.id)) from 1 for 16),
            context.actor_kind,
            context.actor_user_id,
            context.actor_membership_id,
            context.on_behalf_of_id,
            context.api_key_id,
            context.agency_role,
            context.db_role,
            context.request_id,
            context.ip,
            context.xid,
            context.epoch,
            context.timeline
          from old_rows as o
          join new_rows as n
            on n.agency_id = o.agency_id
           and n.id = o.id;
    elsif tg_op = 'DELETE' then
        insert into audit.log (
            agency_id,
            schema_name,
            table_name,
            record_id,
            op,
            old_values,
            salt,
            actor_kind,
            actor_user_id,
            actor_membership_id,
            on_behalf_of_id,
            api_key_id,
            agency_role,
            db_role,
            request_id,
            ip,
            xid,
            epoch,
            timeline
        )
        select
            o.agency_id,
            'crm',
            'companies',
            o.id,
            'delete',
            to_jsonb(o) - 'search',
            substring(sha256(secret || uuid_send(o.id)) from 1 for 16),
            context.actor_kind,
            context.actor_user_id,
            context.actor_membership_id,
            context.on_behalf_of_id,
            context.api_key_id,
            context.agency_role,
            context.db_role,
            context.request_id,
            context.ip,
            context.xid,
            context.epoch,
            context.timeline
          from old_rows as o;
    end if;
    return null;
end;
$function$;

revoke all on function audit.record_crm_companies() from public;
grant execute on function audit.record_crm_companies() to gardenos_owner;

comment on function audit.record_crm_companies() is
'Appends the changes of crm.companies to the trail.';

set local role gardenos_owner;
