-- Appends the changes of crm.consents to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_crm_consents()
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
            'consents',
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
            'consents',
            n.id,
            'update',
            array_remove(array[
                case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                case when (o.purpose is distinct from n.purpose) then 'purpose' end,
                case when (o.lawful_basis is distinct from n.lawful_basis) then 'lawful_basis' end,
                case when (o.status is distinct from n.status) then 'status' end,
                case when (o.source is distinct from n.source) then 'source' end,
                case when (o.evidence is distinct from n.evidence) then 'evidence' end,
                case when (o.occurred_at is distinct from n.occurred_at) then 'occurred_at' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.created_by is distinct from n.created_by) then 'created_by' end
            ], null),
            case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
            || case when (o.purpose is distinct from n.purpose) then jsonb_build_object('purpose', o.purpose) else '{}' end
            || case when (o.lawful_basis is distinct from n.lawful_basis) then jsonb_build_object('lawful_basis', o.lawful_basis) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
            || case when (o.source is distinct from n.source) then jsonb_build_object('source', o.source) else '{}' end
            || case when (o.evidence is distinct from n.evidence) then jsonb_build_object('evidence', o.evidence) else '{}' end
            || case when (o.occurred_at is distinct from n.occurred_at) then jsonb_build_object('occurred_at', o.occurred_at) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end,
            case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
            || case when (o.purpose is distinct from n.purpose) then jsonb_build_object('purpose', n.purpose) else '{}' end
            || case when (o.lawful_basis is distinct from n.lawful_basis) then jsonb_build_object('lawful_basis', n.lawful_basis) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
            || case when (o.source is distinct from n.source) then jsonb_build_object('source', n.source) else '{}' end
            || case when (o.evidence is distinct from n.evidence) then jsonb_build_object('evidence', n.evidence) else '{}' end
            || case when (o.occurred_at is distinct from n.occurred_at) then jsonb_build_object('occurred_at', n.occurred_at) else '{}' end
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
            'consents',
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

revoke all on function audit.record_crm_consents() from public;
grant execute on function audit.record_crm_consents() to gardenos_owner;

comment on function audit.record_crm_consents() is
'Appends the changes of crm.consents to the trail.';

set local role gardenos_owner;
