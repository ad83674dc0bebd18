-- Appends the changes of crm.record_tags to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_crm_record_tags()
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
            'record_tags',
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
            'record_tags',
            n.id,
            'update',
            array_remove(array[
                case when (o.tag_id is distinct from n.tag_id) then 'tag_id' end,
                case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                case when (o.company_id is distinct from n.company_id) then 'company_id' end,
                case when (o.deal_id is distinct from n.deal_id) then 'deal_id' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.created_by is distinct from n.created_by) then 'created_by' end
            ], null),
            case when (o.tag_id is distinct from n.tag_id) then jsonb_build_object('tag_id', o.tag_id) else '{}' end
            || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
            || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', o.company_id) else '{}' end
            || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', o.deal_id) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end,
            case when (o.tag_id is distinct from n.tag_id) then jsonb_build_object('tag_id', n.tag_id) else '{}' end
            || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
            || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', n.company_id) else '{}' end
            || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', n.deal_id) else '{}' end
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
            'record_tags',
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

revoke all on function audit.record_crm_record_tags() from public;
grant execute on function audit.record_crm_record_tags() to gardenos_owner;

comment on function audit.record_crm_record_tags() is
'Appends the changes of crm.record_tags to the trail.';

set local role gardenos_owner;
