-- Appends the changes of audit.retired to the trail, with their values. Written by
-- migrations.desired_state.recorders; do not edit.
set local role gardenos_audit_writer;

create or replace function audit.record_audit_retired()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    context record;
begin
    if tg_op = 'INSERT' then
        if not exists (select from new_rows) then
            return null;
        end if;
        context := audit.context();
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
            values_hash,
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
            tg_table_schema,
            tg_table_name,
            n.id,
            'insert',
            v.changed,
            v.old_values,
            v.new_values,
            s.salt,
            sha256(
                s.salt || convert_to(
                    concat(v.old_values::text, E'\n', v.new_values::text), 'UTF8'
                )
            ),
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
          from new_rows as n
         cross join lateral (select uuid_send(gen_random_uuid()) as salt offset 0) as s
         cross join lateral (
            select '{}'::text[] as changed, null::jsonb as old_values, to_jsonb(n) as new_values
            offset 0
         ) as v;
    elsif tg_op = 'UPDATE' then
        if not exists (select from new_rows) then
            return null;
        end if;
        context := audit.context();
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
            values_hash,
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
            tg_table_schema,
            tg_table_name,
            n.id,
            'update',
            v.changed,
            v.old_values,
            v.new_values,
            s.salt,
            sha256(
                s.salt || convert_to(
                    concat(v.old_values::text, E'\n', v.new_values::text), 'UTF8'
                )
            ),
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
           and n.id = o.id
         cross join lateral (select uuid_send(gen_random_uuid()) as salt offset 0) as s
         cross join lateral (
            select
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
                ], null) as changed,
                case when (o.month is distinct from n.month) then jsonb_build_object('month', o.month) else '{}' end
                || case when (o.row_count is distinct from n.row_count) then jsonb_build_object('row_count', o.row_count) else '{}' end
                || case when (o.first_seal is distinct from n.first_seal) then jsonb_build_object('first_seal', o.first_seal) else '{}' end
                || case when (o.last_seal is distinct from n.last_seal) then jsonb_build_object('last_seal', o.last_seal) else '{}' end
                || case when (o.head_hash is distinct from n.head_hash) then jsonb_build_object('head_hash', o.head_hash) else '{}' end
                || case when (o.export_rows is distinct from n.export_rows) then jsonb_build_object('export_rows', o.export_rows) else '{}' end
                || case when (o.export_sha256 is distinct from n.export_sha256) then jsonb_build_object('export_sha256', o.export_sha256) else '{}' end
                || case when (o.retired_at is distinct from n.retired_at) then jsonb_build_object('retired_at', o.retired_at) else '{}' end
                || case when (o.retired_by is distinct from n.retired_by) then jsonb_build_object('retired_by', o.retired_by) else '{}' end as old_values,
                case when (o.month is distinct from n.month) then jsonb_build_object('month', n.month) else '{}' end
                || case when (o.row_count is distinct from n.row_count) then jsonb_build_object('row_count', n.row_count) else '{}' end
                || case when (o.first_seal is distinct from n.first_seal) then jsonb_build_object('first_seal', n.first_seal) else '{}' end
                || case when (o.last_seal is distinct from n.last_seal) then jsonb_build_object('last_seal', n.last_seal) else '{}' end
                || case when (o.head_hash is distinct from n.head_hash) then jsonb_build_object('head_hash', n.head_hash) else '{}' end
                || case when (o.export_rows is distinct from n.export_rows) then jsonb_build_object('export_rows', n.export_rows) else '{}' end
                || case when (o.export_sha256 is distinct from n.export_sha256) then jsonb_build_object('export_sha256', n.export_sha256) else '{}' end
                || case when (o.retired_at is distinct from n.retired_at) then jsonb_build_object('retired_at', n.retired_at) else '{}' end
                || case when (o.retired_by is distinct from n.retired_by) then jsonb_build_object('retired_by', n.retired_by) else '{}' end as new_values
            offset 0
         ) as v;
    elsif tg_op = 'DELETE' then
        if not exists (select from old_rows) then
            return null;
        end if;
        context := audit.context();
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
            values_hash,
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
            tg_table_schema,
            tg_table_name,
            o.id,
            'delete',
            v.changed,
            v.old_values,
            v.new_values,
            s.salt,
            sha256(
                s.salt || convert_to(
                    concat(v.old_values::text, E'\n', v.new_values::text), 'UTF8'
                )
            ),
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
         cross join lateral (select uuid_send(gen_random_uuid()) as salt offset 0) as s
         cross join lateral (
            select '{}'::text[] as changed, to_jsonb(o) as old_values, null::jsonb as new_values
            offset 0
         ) as v;
    end if;
    return null;
end;
$function$;

revoke all on function audit.record_audit_retired() from public;
grant execute on function audit.record_audit_retired() to gardenos_owner;

comment on function audit.record_audit_retired() is
'Appends the changes of audit.retired to the trail.';

set local role gardenos_owner;
