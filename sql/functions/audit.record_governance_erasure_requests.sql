-- Appends the changes of governance.erasure_requests to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_governance_erasure_requests()
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
            'governance',
            'erasure_requests',
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
            'governance',
            'erasure_requests',
            n.id,
            'update',
            array_remove(array[
                case when (o.subject_kind is distinct from n.subject_kind) then 'subject_kind' end,
                case when (o.subject_id is distinct from n.subject_id) then 'subject_id' end,
                case when (o.label_masked is distinct from n.label_masked) then 'label_masked' end,
                case when (o.reason is distinct from n.reason) then 'reason' end,
                case when (o.status is distinct from n.status) then 'status' end,
                case when (o.legal_hold is distinct from n.legal_hold) then 'legal_hold' end,
                case when (o.requested_at is distinct from n.requested_at) then 'requested_at' end,
                case when (o.due_at is distinct from n.due_at) then 'due_at' end,
                case when (o.requested_by_id is distinct from n.requested_by_id) then 'requested_by_id' end,
                case when (o.approved_by_id is distinct from n.approved_by_id) then 'approved_by_id' end,
                case when (o.executed_at is distinct from n.executed_at) then 'executed_at' end,
                case when (o.report is distinct from n.report) then 'report' end,
                case when (o.exported_at is distinct from n.exported_at) then 'exported_at' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                case when (o.row_version is distinct from n.row_version) then 'row_version' end
            ], null),
            case when (o.subject_kind is distinct from n.subject_kind) then jsonb_build_object('subject_kind', o.subject_kind) else '{}' end
            || case when (o.subject_id is distinct from n.subject_id) then jsonb_build_object('subject_id', o.subject_id) else '{}' end
            || case when (o.label_masked is distinct from n.label_masked) then jsonb_build_object('label_masked', o.label_masked) else '{}' end
            || case when (o.reason is distinct from n.reason) then jsonb_build_object('reason', o.reason) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
            || case when (o.legal_hold is distinct from n.legal_hold) then jsonb_build_object('legal_hold', o.legal_hold) else '{}' end
            || case when (o.requested_at is distinct from n.requested_at) then jsonb_build_object('requested_at', o.requested_at) else '{}' end
            || case when (o.due_at is distinct from n.due_at) then jsonb_build_object('due_at', o.due_at) else '{}' end
            || case when (o.requested_by_id is distinct from n.requested_by_id) then jsonb_build_object('requested_by_id', o.requested_by_id) else '{}' end
            || case when (o.approved_by_id is distinct from n.approved_by_id) then jsonb_build_object('approved_by_id', o.approved_by_id) else '{}' end
            || case when (o.executed_at is distinct from n.executed_at) then jsonb_build_object('executed_at', o.executed_at) else '{}' end
            || case when (o.report is distinct from n.report) then jsonb_build_object('report', o.report) else '{}' end
            || case when (o.exported_at is distinct from n.exported_at) then jsonb_build_object('exported_at', o.exported_at) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
            case when (o.subject_kind is distinct from n.subject_kind) then jsonb_build_object('subject_kind', n.subject_kind) else '{}' end
            || case when (o.subject_id is distinct from n.subject_id) then jsonb_build_object('subject_id', n.subject_id) else '{}' end
            || case when (o.label_masked is distinct from n.label_masked) then jsonb_build_object('label_masked', n.label_masked) else '{}' end
            || case when (o.reason is distinct from n.reason) then jsonb_build_object('reason', n.reason) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
            || case when (o.legal_hold is distinct from n.legal_hold) then jsonb_build_object('legal_hold', n.legal_hold) else '{}' end
            || case when (o.requested_at is distinct from n.requested_at) then jsonb_build_object('requested_at', n.requested_at) else '{}' end
            || case when (o.due_at is distinct from n.due_at) then jsonb_build_object('due_at', n.due_at) else '{}' end
            || case when (o.requested_by_id is distinct from n.requested_by_id) then jsonb_build_object('requested_by_id', n.requested_by_id) else '{}' end
            || case when (o.approved_by_id is distinct from n.approved_by_id) then jsonb_build_object('approved_by_id', n.approved_by_id) else '{}' end
            || case when (o.executed_at is distinct from n.executed_at) then jsonb_build_object('executed_at', n.executed_at) else '{}' end
            || case when (o.report is distinct from n.report) then jsonb_build_object('report', n.report) else '{}' end
            || case when (o.exported_at is distinct from n.exported_at) then jsonb_build_object('exported_at', n.exported_at) else '{}' end
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
            'governance',
            'erasure_requests',
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

revoke all on function audit.record_governance_erasure_requests() from public;
grant execute on function audit.record_governance_erasure_requests() to gardenos_owner;

comment on function audit.record_governance_erasure_requests() is
'Appends the changes of governance.erasure_requests to the trail.';

set local role gardenos_owner;
