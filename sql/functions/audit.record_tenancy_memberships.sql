-- Appends the changes of tenancy.memberships to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_tenancy_memberships()
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
            'tenancy',
            'memberships',
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
            n.agency_id,
            'tenancy',
            'memberships',
            n.id,
            'update',
            array_remove(array[
                case when (o.user_id is distinct from n.user_id) then 'user_id' end,
                case when (o.role is distinct from n.role) then 'role' end,
                case when (o.record_scope is distinct from n.record_scope) then 'record_scope' end,
                case when (o.capabilities is distinct from n.capabilities) then 'capabilities' end,
                case when (o.status is distinct from n.status) then 'status' end,
                case when (o.display_name is distinct from n.display_name) then 'display_name' end,
                case when (o.job_title is distinct from n.job_title) then 'job_title' end,
                case when (o.work_email is distinct from n.work_email) then 'work_email' end,
                case when (o.avatar_path is distinct from n.avatar_path) then 'avatar_path' end,
                case when (o.default_team_id is distinct from n.default_team_id) then 'default_team_id' end,
                case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                case when (o.suspended_at is distinct from n.suspended_at) then 'suspended_at' end,
                case when (o.removed_at is distinct from n.removed_at) then 'removed_at' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                case when (o.row_version is distinct from n.row_version) then 'row_version' end
            ], null),
            case when (o.user_id is distinct from n.user_id) then jsonb_build_object('user_id', o.user_id) else '{}' end
            || case when (o.role is distinct from n.role) then jsonb_build_object('role', o.role) else '{}' end
            || case when (o.record_scope is distinct from n.record_scope) then jsonb_build_object('record_scope', o.record_scope) else '{}' end
            || case when (o.capabilities is distinct from n.capabilities) then jsonb_build_object('capabilities', o.capabilities) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
            || case when (o.display_name is distinct from n.display_name) then jsonb_build_object('display_name', o.display_name) else '{}' end
            || case when (o.job_title is distinct from n.job_title) then jsonb_build_object('job_title', o.job_title) else '{}' end
            || case when (o.work_email is distinct from n.work_email) then jsonb_build_object('work_email', o.work_email) else '{}' end
            || case when (o.avatar_path is distinct from n.avatar_path) then jsonb_build_object('avatar_path', o.avatar_path) else '{}' end
            || case when (o.default_team_id is distinct from n.default_team_id) then jsonb_build_object('default_team_id', o.default_team_id) else '{}' end
            || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
            || case when (o.suspended_at is distinct from n.suspended_at) then jsonb_build_object('suspended_at', o.suspended_at) else '{}' end
            || case when (o.removed_at is distinct from n.removed_at) then jsonb_build_object('removed_at', o.removed_at) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
            case when (o.user_id is distinct from n.user_id) then jsonb_build_object('user_id', n.user_id) else '{}' end
            || case when (o.role is distinct from n.role) then jsonb_build_object('role', n.role) else '{}' end
            || case when (o.record_scope is distinct from n.record_scope) then jsonb_build_object('record_scope', n.record_scope) else '{}' end
            || case when (o.capabilities is distinct from n.capabilities) then jsonb_build_object('capabilities', n.capabilities) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
            || case when (o.display_name is distinct from n.display_name) then jsonb_build_object('display_name', n.display_name) else '{}' end
            || case when (o.job_title is distinct from n.job_title) then jsonb_build_object('job_title', n.job_title) else '{}' end
            || case when (o.work_email is distinct from n.work_email) then jsonb_build_object('work_email', n.work_email) else '{}' end
            || case when (o.avatar_path is distinct from n.avatar_path) then jsonb_build_object('avatar_path', n.avatar_path) else '{}' end
            || case when (o.default_team_id is distinct from n.default_team_id) then jsonb_build_object('default_team_id', n.default_team_id) else '{}' end
            || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
            || case when (o.suspended_at is distinct from n.suspended_at) then jsonb_build_object('suspended_at', n.suspended_at) else '{}' end
            || case when (o.removed_at is distinct from n.removed_at) then jsonb_build_object('removed_at', n.removed_at) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
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
            'tenancy',
            'memberships',
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

revoke all on function audit.record_tenancy_memberships() from public;
grant execute on function audit.record_tenancy_memberships() to gardenos_owner;

comment on function audit.record_tenancy_memberships() is
'Appends the changes of tenancy.memberships to the trail.';

set local role gardenos_owner;
