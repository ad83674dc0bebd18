-- Appends the changes of tenancy.issuers to the trail, with their values. Written by
-- migrations.desired_state.recorders; do not edit.
set local role gardenos_audit_writer;

create or replace function audit.record_tenancy_issuers()
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
            '00000000-0000-0000-0000-000000000000',
            tg_table_schema,
            tg_table_name,
            encode(substring(sha256(convert_to(n.issuer, 'UTF8')) from 1 for 16), 'hex')::uuid,
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
            '00000000-0000-0000-0000-000000000000',
            tg_table_schema,
            tg_table_name,
            encode(substring(sha256(convert_to(coalesce(n.issuer, o.issuer), 'UTF8')) from 1 for 16), 'hex')::uuid,
            case
                when o.issuer is null then 'insert'
                when n.issuer is null then 'delete'
                else 'update'
            end::app.audit_op,
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
          full join new_rows as n
            on n.issuer = o.issuer
         cross join lateral (select uuid_send(gen_random_uuid()) as salt offset 0) as s
         cross join lateral (
            select
                array_remove(array[
                    case when (o.issuer is distinct from n.issuer) then 'issuer' end,
                    case when (o.kind is distinct from n.kind) then 'kind' end,
                    case when (o.may_assert_user_id is distinct from n.may_assert_user_id) then 'may_assert_user_id' end,
                    case when (o.active is distinct from n.active) then 'active' end
                ], null) as changed,
                case when (o.issuer is distinct from n.issuer) then jsonb_build_object('issuer', o.issuer) else '{}' end
                || case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', o.kind) else '{}' end
                || case when (o.may_assert_user_id is distinct from n.may_assert_user_id) then jsonb_build_object('may_assert_user_id', o.may_assert_user_id) else '{}' end
                || case when (o.active is distinct from n.active) then jsonb_build_object('active', o.active) else '{}' end as old_values,
                case when (o.issuer is distinct from n.issuer) then jsonb_build_object('issuer', n.issuer) else '{}' end
                || case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', n.kind) else '{}' end
                || case when (o.may_assert_user_id is distinct from n.may_assert_user_id) then jsonb_build_object('may_assert_user_id', n.may_assert_user_id) else '{}' end
                || case when (o.active is distinct from n.active) then jsonb_build_object('active', n.active) else '{}' end as new_values
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
            '00000000-0000-0000-0000-000000000000',
            tg_table_schema,
            tg_table_name,
            encode(substring(sha256(convert_to(o.issuer, 'UTF8')) from 1 for 16), 'hex')::uuid,
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

revoke all on function audit.record_tenancy_issuers() from public;
grant execute on function audit.record_tenancy_issuers() to gardenos_owner;

comment on function audit.record_tenancy_issuers() is
'Appends the changes of tenancy.issuers to the trail.';

set local role gardenos_owner;
