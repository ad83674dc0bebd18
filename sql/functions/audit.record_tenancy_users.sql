-- Appends the changes of tenancy.users to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_tenancy_users()
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
            '00000000-0000-0000-0000-000000000000',
            'tenancy',
            'users',
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
            '00000000-0000-0000-0000-000000000000',
            'tenancy',
            'users',
            n.id,
            'update',
            array_remove(array[
                case when (o.kind is distinct from n.kind) then 'kind' end,
                case when (o.email is distinct from n.email) then 'email' end,
                case when (o.full_name is distinct from n.full_name) then 'full_name' end,
                case when (o.avatar_path is distinct from n.avatar_path) then 'avatar_path' end,
                case when (o.locale is distinct from n.locale) then 'locale' end,
                case when (o.timezone is distinct from n.timezone) then 'timezone' end,
                case when (o.status is distinct from n.status) then 'status' end,
                case when (o.active_agency_id is distinct from n.active_agency_id) then 'active_agency_id' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                case when (o.row_version is distinct from n.row_version) then 'row_version' end
            ], null),
            case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', o.kind) else '{}' end
            || case when (o.email is distinct from n.email) then jsonb_build_object('email', o.email) else '{}' end
            || case when (o.full_name is distinct from n.full_name) then jsonb_build_object('full_name', o.full_name) else '{}' end
            || case when (o.avatar_path is distinct from n.avatar_path) then jsonb_build_object('avatar_path', o.avatar_path) else '{}' end
            || case when (o.locale is distinct from n.locale) then jsonb_build_object('locale', o.locale) else '{}' end
            || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', o.timezone) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
            || case when (o.active_agency_id is distinct from n.active_agency_id) then jsonb_build_object('active_agency_id', o.active_agency_id) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
            case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', n.kind) else '{}' end
            || case when (o.email is distinct from n.email) then jsonb_build_object('email', n.email) else '{}' end
            || case when (o.full_name is distinct from n.full_name) then jsonb_build_object('full_name', n.full_name) else '{}' end
            || case when (o.avatar_path is distinct from n.avatar_path) then jsonb_build_object('avatar_path', n.avatar_path) else '{}' end
            || case when (o.locale is distinct from n.locale) then jsonb_build_object('locale', n.locale) else '{}' end
            || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', n.timezone) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
            || case when (o.active_agency_id is distinct from n.active_agency_id) then jsonb_build_object('active_agency_id', n.active_agency_id) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end,
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
            '00000000-0000-0000-0000-000000000000',
            'tenancy',
            'users',
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

revoke all on function audit.record_tenancy_users() from public;
grant execute on function audit.record_tenancy_users() to gardenos_owner;

comment on function audit.record_tenancy_users() is
'Appends the changes of tenancy.users to the trail.';

set local role gardenos_owner;
