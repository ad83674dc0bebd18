-- Appends the changes of tenancy.agencies to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_tenancy_agencies()
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
            n.id,
            'tenancy',
            'agencies',
            n.id,
            'insert',
            to_jsonb(n),
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
            n.id,
            'tenancy',
            'agencies',
            n.id,
            'update',
            array_remove(array[
                case when (o.slug is distinct from n.slug) then 'slug' end,
                case when (o.name is distinct from n.name) then 'name' end,
                case when (o.status is distinct from n.status) then 'status' end,
                case when (o.plan is distinct from n.plan) then 'plan' end,
                case when (o.data_region is distinct from n.data_region) then 'data_region' end,
                case when (o.default_currency is distinct from n.default_currency) then 'default_currency' end,
                case when (o.timezone is distinct from n.timezone) then 'timezone' end,
                case when (o.locale is distinct from n.locale) then 'locale' end,
                case when (o.logo_path is distinct from n.logo_path) then 'logo_path' end,
                case when (o.settings is distinct from n.settings) then 'settings' end,
                case when (o.embedding_model_id is distinct from n.embedding_model_id) then 'embedding_model_id' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
            ], null),
            case when (o.slug is distinct from n.slug) then jsonb_build_object('slug', o.slug) else '{}' end
            || case when (o.name is distinct from n.name) then jsonb_build_object('name', o.name) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
            || case when (o.plan is distinct from n.plan) then jsonb_build_object('plan', o.plan) else '{}' end
            || case when (o.data_region is distinct from n.data_region) then jsonb_build_object('data_region', o.data_region) else '{}' end
            || case when (o.default_currency is distinct from n.default_currency) then jsonb_build_object('default_currency', o.default_currency) else '{}' end
            || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', o.timezone) else '{}' end
            || case when (o.locale is distinct from n.locale) then jsonb_build_object('locale', o.locale) else '{}' end
            || case when (o.logo_path is distinct from n.logo_path) then jsonb_build_object('logo_path', o.logo_path) else '{}' end
            || case when (o.settings is distinct from n.settings) then jsonb_build_object('settings', o.settings) else '{}' end
            || case when (o.embedding_model_id is distinct from n.embedding_model_id) then jsonb_build_object('embedding_model_id', o.embedding_model_id) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end,
            case when (o.slug is distinct from n.slug) then jsonb_build_object('slug', n.slug) else '{}' end
            || case when (o.name is distinct from n.name) then jsonb_build_object('name', n.name) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
            || case when (o.plan is distinct from n.plan) then jsonb_build_object('plan', n.plan) else '{}' end
            || case when (o.data_region is distinct from n.data_region) then jsonb_build_object('data_region', n.data_region) else '{}' end
            || case when (o.default_currency is distinct from n.default_currency) then jsonb_build_object('default_currency', n.default_currency) else '{}' end
            || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', n.timezone) else '{}' end
            || case when (o.locale is distinct from n.locale) then jsonb_build_object('locale', n.locale) else '{}' end
            || case when (o.logo_path is distinct from n.logo_path) then jsonb_build_object('logo_path', n.logo_path) else '{}' end
            || case when (o.settings is distinct from n.settings) then jsonb_build_object('settings', n.settings) else '{}' end
            || case when (o.embedding_model_id is distinct from n.embedding_model_id) then jsonb_build_object('embedding_model_id', n.embedding_model_id) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
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
            on n.id = o.id;
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
            o.id,
            'tenancy',
            'agencies',
            o.id,
            'delete',
            to_jsonb(o),
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

revoke all on function audit.record_tenancy_agencies() from public;
grant execute on function audit.record_tenancy_agencies() to gardenos_owner;

comment on function audit.record_tenancy_agencies() is
'Appends the changes of tenancy.agencies to the trail.';

set local role gardenos_owner;
