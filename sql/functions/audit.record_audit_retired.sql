-- Appends the changes of audit.retired to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_audit_retired()
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
            'audit',
            'retired',
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
            'audit',
            'retired',
            n.id,
            'update',
            array_remove(array[
                case when (o.month is distinct from n.month) then 'month' end,
                case when (o.row_count is distinct from n.row_count) then 'row_count' end,
                case when (o.first_seal is distinct from n.first_seal) then 'first_seal' end,
                case when (o.last_seal is distinct from n.last_seal) then 'last_seal' end,
                case when (o.head_hash is distinct from n.head_hash) then 'head_hash' end,
                case when (o.export_rows is distinct from n.export_rows) then 'export_rows' end,
                case when (o.export_sha256 is distinct from n.export_sha256) then 'export_sha256' end,
                case when (o.retired_at is distinct from n.retired_at) then 'retired_at' end,
                case when (o.retired_by is distinct from n.retired_by) then 'retired_by' end
            ], null),
            case when (o.month is distinct from n.month) then jsonb_build_object('month', o.month) else '{}' end
            || case when (o.row_count is distinct from n.row_count) then jsonb_build_object('row_count', o.row_count) else '{}' end
            || case when (o.first_seal is distinct from n.first_seal) then jsonb_build_object('first_seal', o.first_seal) else '{}' end
            || case when (o.last_seal is distinct from n.last_seal) then jsonb_build_object('last_seal', o.last_seal) else '{}' end
            || case when (o.head_hash is distinct from n.head_hash) then jsonb_build_object('head_hash', o.head_hash) else '{}' end
            || case when (o.export_rows is distinct from n.export_rows) then jsonb_build_object('export_rows', o.export_rows) else '{}' end
            || case when (o.export_sha256 is distinct from n.export_sha256) then jsonb_build_object('export_sha256', o.export_sha256) else '{}' end
            || case when (o.retired_at is distinct from n.retired_at) then jsonb_build_object('retired_at', o.retired_at) else '{}' end
            || case when (o.retired_by is distinct from n.retired_by) then jsonb_build_object('retired_by', o.retired_by) else '{}' end,
            case when (o.month is distinct from n.month) then jsonb_build_object('month', n.month) else '{}' end
            || case when (o.row_count is distinct from n.row_count) then jsonb_build_object('row_count', n.row_count) else '{}' end
            || case when (o.first_seal is distinct from n.first_seal) then jsonb_build_object('first_seal', n.first_seal) else '{}' end
            || case when (o.last_seal is distinct from n.last_seal) then jsonb_build_object('last_seal', n.last_seal) else '{}' end
            || case when (o.head_hash is distinct from n.head_hash) then jsonb_build_object('head_hash', n.head_hash) else '{}' end
            || case when (o.export_rows is distinct from n.export_rows) then jsonb_build_object('export_rows', n.export_rows) else '{}' end
            || case when (o.export_sha256 is distinct from n.export_sha256) then jsonb_build_object('export_sha256', n.export_sha256) else '{}' end
            || case when (o.retired_at is distinct from n.retired_at) then jsonb_build_object('retired_at', n.retired_at) else '{}' end
            || case when (o.retired_by is distinct from n.retired_by) then jsonb_build_object('retired_by', n.retired_by) else '{}' end,
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
            'audit',
            'retired',
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

revoke all on function audit.record_audit_retired() from public;
grant execute on function audit.record_audit_retired() to gardenos_owner;

comment on function audit.record_audit_retired() is
'Appends the changes of audit.retired to the trail.';

set local role gardenos_owner;
