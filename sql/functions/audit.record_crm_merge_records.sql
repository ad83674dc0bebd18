-- Appends the changes of crm.merge_records to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_crm_merge_records()
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
            'merge_records',
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
            'crm',
            'merge_records',
            n.id,
            'update',
            array_remove(array[
                case when (o.entity is distinct from n.entity) then 'entity' end,
                case when (o.winner_contact_id is distinct from n.winner_contact_id) then 'winner_contact_id' end,
                case when (o.loser_contact_id is distinct from n.loser_contact_id) then 'loser_contact_id' end,
                case when (o.winner_company_id is distinct from n.winner_company_id) then 'winner_company_id' end,
                case when (o.loser_company_id is distinct from n.loser_company_id) then 'loser_company_id' end,
                case when (o.snapshot is distinct from n.snapshot) then 'snapshot' end,
                case when (o.moved is distinct from n.moved) then 'moved' end,
                case when (o.merged_by_id is distinct from n.merged_by_id) then 'merged_by_id' end,
                case when (o.undo_until is distinct from n.undo_until) then 'undo_until' end,
                case when (o.undone_at is distinct from n.undone_at) then 'undone_at' end,
                case when (o.undone_by_id is distinct from n.undone_by_id) then 'undone_by_id' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.created_by is distinct from n.created_by) then 'created_by' end
            ], null),
            case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', o.entity) else '{}' end
            || case when (o.winner_contact_id is distinct from n.winner_contact_id) then jsonb_build_object('winner_contact_id', o.winner_contact_id) else '{}' end
            || case when (o.loser_contact_id is distinct from n.loser_contact_id) then jsonb_build_object('loser_contact_id', o.loser_contact_id) else '{}' end
            || case when (o.winner_company_id is distinct from n.winner_company_id) then jsonb_build_object('winner_company_id', o.winner_company_id) else '{}' end
            || case when (o.loser_company_id is distinct from n.loser_company_id) then jsonb_build_object('loser_company_id', o.loser_company_id) else '{}' end
            || case when (o.snapshot is distinct from n.snapshot) then jsonb_build_object('snapshot', o.snapshot) else '{}' end
            || case when (o.moved is distinct from n.moved) then jsonb_build_object('moved', o.moved) else '{}' end
            || case when (o.merged_by_id is distinct from n.merged_by_id) then jsonb_build_object('merged_by_id', o.merged_by_id) else '{}' end
            || case when (o.undo_until is distinct from n.undo_until) then jsonb_build_object('undo_until', o.undo_until) else '{}' end
            || case when (o.undone_at is distinct from n.undone_at) then jsonb_build_object('undone_at', o.undone_at) else '{}' end
            || case when (o.undone_by_id is distinct from n.undone_by_id) then jsonb_build_object('undone_by_id', o.undone_by_id) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end,
            case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', n.entity) else '{}' end
            || case when (o.winner_contact_id is distinct from n.winner_contact_id) then jsonb_build_object('winner_contact_id', n.winner_contact_id) else '{}' end
            || case when (o.loser_contact_id is distinct from n.loser_contact_id) then jsonb_build_object('loser_contact_id', n.loser_contact_id) else '{}' end
            || case when (o.winner_company_id is distinct from n.winner_company_id) then jsonb_build_object('winner_company_id', n.winner_company_id) else '{}' end
            || case when (o.loser_company_id is distinct from n.loser_company_id) then jsonb_build_object('loser_company_id', n.loser_company_id) else '{}' end
            || case when (o.snapshot is distinct from n.snapshot) then jsonb_build_object('snapshot', n.snapshot) else '{}' end
            || case when (o.moved is distinct from n.moved) then jsonb_build_object('moved', n.moved) else '{}' end
            || case when (o.merged_by_id is distinct from n.merged_by_id) then jsonb_build_object('merged_by_id', n.merged_by_id) else '{}' end
            || case when (o.undo_until is distinct from n.undo_until) then jsonb_build_object('undo_until', n.undo_until) else '{}' end
            || case when (o.undone_at is distinct from n.undone_at) then jsonb_build_object('undone_at', n.undone_at) else '{}' end
            || case when (o.undone_by_id is distinct from n.undone_by_id) then jsonb_build_object('undone_by_id', n.undone_by_id) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end,
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
            'merge_records',
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

revoke all on function audit.record_crm_merge_records() from public;
grant execute on function audit.record_crm_merge_records() to gardenos_owner;

comment on function audit.record_crm_merge_records() is
'Appends the changes of crm.merge_records to the trail.';

set local role gardenos_owner;
