-- Appends the changes of crm.deals to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_crm_deals()
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
            'deals',
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
            'deals',
            n.id,
            'update',
            array_remove(array[
                case when (o.title is distinct from n.title) then 'title' end,
                case when (o.pipeline_id is distinct from n.pipeline_id) then 'pipeline_id' end,
                case when (o.stage_id is distinct from n.stage_id) then 'stage_id' end,
                case when (o.status is distinct from n.status) then 'status' end,
                case when (o.stage_entered_at is distinct from n.stage_entered_at) then 'stage_entered_at' end,
                case when (o.company_id is distinct from n.company_id) then 'company_id' end,
                case when (o.primary_contact_id is distinct from n.primary_contact_id) then 'primary_contact_id' end,
                case when (o.amount is distinct from n.amount) then 'amount' end,
                case when (o.currency is distinct from n.currency) then 'currency' end,
                case when (o.expected_close_on is distinct from n.expected_close_on) then 'expected_close_on' end,
                case when (o.closed_at is distinct from n.closed_at) then 'closed_at' end,
                case when (o.lost_reason_id is distinct from n.lost_reason_id) then 'lost_reason_id' end,
                case when (o.source_id is distinct from n.source_id) then 'source_id' end,
                case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                case when (o.custom is distinct from n.custom) then 'custom' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
            ], null),
            case when (o.title is distinct from n.title) then jsonb_build_object('title', o.title) else '{}' end
            || case when (o.pipeline_id is distinct from n.pipeline_id) then jsonb_build_object('pipeline_id', o.pipeline_id) else '{}' end
            || case when (o.stage_id is distinct from n.stage_id) then jsonb_build_object('stage_id', o.stage_id) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
            || case when (o.stage_entered_at is distinct from n.stage_entered_at) then jsonb_build_object('stage_entered_at', o.stage_entered_at) else '{}' end
            || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', o.company_id) else '{}' end
            || case when (o.primary_contact_id is distinct from n.primary_contact_id) then jsonb_build_object('primary_contact_id', o.primary_contact_id) else '{}' end
            || case when (o.amount is distinct from n.amount) then jsonb_build_object('amount', o.amount) else '{}' end
            || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', o.currency) else '{}' end
            || case when (o.expected_close_on is distinct from n.expected_close_on) then jsonb_build_object('expected_close_on', o.expected_close_on) else '{}' end
            || case when (o.closed_at is distinct from n.closed_at) then jsonb_build_object('closed_at', o.closed_at) else '{}' end
            || case when (o.lost_reason_id is distinct from n.lost_reason_id) then jsonb_build_object('lost_reason_id', o.lost_reason_id) else '{}' end
            || case when (o.source_id is distinct from n.source_id) then jsonb_build_object('source_id', o.source_id) else '{}' end
            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
            || case when (o.custom is distinct from n.custom) then jsonb_build_object('custom', o.custom) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
            || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
            || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end,
            case when (o.title is distinct from n.title) then jsonb_build_object('title', n.title) else '{}' end
            || case when (o.pipeline_id is distinct from n.pipeline_id) then jsonb_build_object('pipeline_id', n.pipeline_id) else '{}' end
            || case when (o.stage_id is distinct from n.stage_id) then jsonb_build_object('stage_id', n.stage_id) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
            || case when (o.stage_entered_at is distinct from n.stage_entered_at) then jsonb_build_object('stage_entered_at', n.stage_entered_at) else '{}' end
            || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', n.company_id) else '{}' end
            || case when (o.primary_contact_id is distinct from n.primary_contact_id) then jsonb_build_object('primary_contact_id', n.primary_contact_id) else '{}' end
            || case when (o.amount is distinct from n.amount) then jsonb_build_object('amount', n.amount) else '{}' end
            || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', n.currency) else '{}' end
            || case when (o.expected_close_on is distinct from n.expected_close_on) then jsonb_build_object('expected_close_on', n.expected_close_on) else '{}' end
            || case when (o.closed_at is distinct from n.closed_at) then jsonb_build_object('closed_at', n.closed_at) else '{}' end
            || case when (o.lost_reason_id is distinct from n.lost_reason_id) then jsonb_build_object('lost_reason_id', n.lost_reason_id) else '{}' end
            || case when (o.source_id is distinct from n.source_id) then jsonb_build_object('source_id', n.source_id) else '{}' end
            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
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
            'deals',
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

revoke all on function audit.record_crm_deals() from public;
grant execute on function audit.record_crm_deals() to gardenos_owner;

comment on function audit.record_crm_deals() is
'Appends the changes of crm.deals to the trail.';

set local role gardenos_owner;
