-- Appends the changes of tenancy.issuers to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_tenancy_issuers()
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
            '00000000-0000-0000-0000-000000000000',
            'tenancy',
            'issuers',
            encode(substring(sha256(convert_to(n.issuer, 'UTF8')) from 1 for 16), 'hex')::uuid,
            'insert',
            to_jsonb(n),
            substring(sha256(secret || uuid_send(encode(substring(sha256(convert_to(n.issuer, 'UTF8')) from 1 for 16), 'hex')::uuid)) from 1 for 16),
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
            '00000000-0000-0000-0000-000000000000',
            'tenancy',
            'issuers',
            encode(substring(sha256(convert_to(coalesce(n.issuer, o.issuer), 'UTF8')) from 1 for 16), 'hex')::uuid,
            case
                when o.issuer is null then 'insert'
                when n.issuer is null then 'delete'
                else 'update'
            end::app.audit_op,
            array_remove(array[
                case when (o.issuer is distinct from n.issuer) then 'issuer' end,
                case when (o.kind is distinct from n.kind) then 'kind' end,
                case when (o.may_assert_user_id is distinct from n.may_assert_user_id) then 'may_assert_user_id' end,
                case when (o.active is distinct from n.active) then 'active' end
            ], null),
            case when (o.issuer is distinct from n.issuer) then jsonb_build_object('issuer', o.issuer) else '{}' end
            || case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', o.kind) else '{}' end
            || case when (o.may_assert_user_id is distinct from n.may_assert_user_id) then jsonb_build_object('may_assert_user_id', o.may_assert_user_id) else '{}' end
            || case when (o.active is distinct from n.active) then jsonb_build_object('active', o.active) else '{}' end,
            case when (o.issuer is distinct from n.issuer) then jsonb_build_object('issuer', n.issuer) else '{}' end
            || case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', n.kind) else '{}' end
            || case when (o.may_assert_user_id is distinct from n.may_assert_user_id) then jsonb_build_object('may_assert_user_id', n.may_assert_user_id) else '{}' end
            || case when (o.active is distinct from n.active) then jsonb_build_object('active', n.active) else '{}' end,
            substring(sha256(secret || uuid_send(encode(substring(sha256(convert_to(coalesce(n.issuer, o.issuer), 'UTF8')) from 1 for 16), 'hex')::uuid)) from 1 for 16),
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
            on n.issuer = o.issuer;
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
            '00000000-0000-0000-0000-000000000000',
            'tenancy',
            'issuers',
            encode(substring(sha256(convert_to(o.issuer, 'UTF8')) from 1 for 16), 'hex')::uuid,
            'delete',
            to_jsonb(o),
            substring(sha256(secret || uuid_send(encode(substring(sha256(convert_to(o.issuer, 'UTF8')) from 1 for 16), 'hex')::uuid)) from 1 for 16),
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

revoke all on function audit.record_tenancy_issuers() from public;
grant execute on function audit.record_tenancy_issuers() to gardenos_owner;

comment on function audit.record_tenancy_issuers() is
'Appends the changes of tenancy.issuers to the trail.';

set local role gardenos_owner;
