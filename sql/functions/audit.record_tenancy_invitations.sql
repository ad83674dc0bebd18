-- Appends the changes of tenancy.invitations to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_tenancy_invitations()
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
            'invitations',
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
            'invitations',
            n.id,
            'update',
            array_remove(array[
                case when (o.email is distinct from n.email) then 'email' end,
                case when (o.role is distinct from n.role) then 'role' end,
                case when (o.record_scope is distinct from n.record_scope) then 'record_scope' end,
                case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                case when (o.invited_by_id is distinct from n.invited_by_id) then 'invited_by_id' end,
                case when (o.expires_at is distinct from n.expires_at) then 'expires_at' end,
                case when (o.accepted_at is distinct from n.accepted_at) then 'accepted_at' end,
                case when (o.revoked_at is distinct from n.revoked_at) then 'revoked_at' end,
                case when (o.accepted_by_id is distinct from n.accepted_by_id) then 'accepted_by_id' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                case when (o.row_version is distinct from n.row_version) then 'row_version' end
            ], null),
            case when (o.email is distinct from n.email) then jsonb_build_object('email', o.email) else '{}' end
            || case when (o.role is distinct from n.role) then jsonb_build_object('role', o.role) else '{}' end
            || case when (o.record_scope is distinct from n.record_scope) then jsonb_build_object('record_scope', o.record_scope) else '{}' end
            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
            || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
            || case when (o.invited_by_id is distinct from n.invited_by_id) then jsonb_build_object('invited_by_id', o.invited_by_id) else '{}' end
            || case when (o.expires_at is distinct from n.expires_at) then jsonb_build_object('expires_at', o.expires_at) else '{}' end
            || case when (o.accepted_at is distinct from n.accepted_at) then jsonb_build_object('accepted_at', o.accepted_at) else '{}' end
            || case when (o.revoked_at is distinct from n.revoked_at) then jsonb_build_object('revoked_at', o.revoked_at) else '{}' end
            || case when (o.accepted_by_id is distinct from n.accepted_by_id) then jsonb_build_object('accepted_by_id', o.accepted_by_id) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
            case when (o.email is distinct from n.email) then jsonb_build_object('email', n.email) else '{}' end
            || case when (o.role is distinct from n.role) then jsonb_build_object('role', n.role) else '{}' end
            || case when (o.record_scope is distinct from n.record_scope) then jsonb_build_object('record_scope', n.record_scope) else '{}' end
            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
            || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
            || case when (o.invited_by_id is distinct from n.invited_by_id) then jsonb_build_object('invited_by_id', n.invited_by_id) else '{}' end
            || case when (o.expires_at is distinct from n.expires_at) then jsonb_build_object('expires_at', n.expires_at) else '{}' end
            || case when (o.accepted_at is distinct from n.accepted_at) then jsonb_build_object('accepted_at', n.accepted_at) else '{}' end
            || case when (o.revoked_at is distinct from n.revoked_at) then jsonb_build_object('revoked_at', n.revoked_at) else '{}' end
            || case when (o.accepted_by_id is distinct from n.accepted_by_id) then jsonb_build_object('accepted_by_id', n.accepted_by_id) else '{}' end
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
            'invitations',
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

revoke all on function audit.record_tenancy_invitations() from public;
grant execute on function audit.record_tenancy_invitations() to gardenos_owner;

comment on function audit.record_tenancy_invitations() is
'Appends the changes of tenancy.invitations to the trail.';

set local role gardenos_owner;
