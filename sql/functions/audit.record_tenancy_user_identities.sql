-- Appends the changes of tenancy.user_identities to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_tenancy_user_identities()
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
            'user_identities',
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
            '00000000-0000-0000-0000-000000000000',
            'tenancy',
            'user_identities',
            n.id,
            'update',
            array_remove(array[
                case when (o.user_id is distinct from n.user_id) then 'user_id' end,
                case when (o.issuer is distinct from n.issuer) then 'issuer' end,
                case when (o.subject is distinct from n.subject) then 'subject' end,
                case when (o.provider is distinct from n.provider) then 'provider' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                case when (o.row_version is distinct from n.row_version) then 'row_version' end
            ], null),
            case when (o.user_id is distinct from n.user_id) then jsonb_build_object('user_id', o.user_id) else '{}' end
            || case when (o.issuer is distinct from n.issuer) then jsonb_build_object('issuer', o.issuer) else '{}' end
            || case when (o.subject is distinct from n.subject) then jsonb_build_object('subject', o.subject) else '{}' end
            || case when (o.provider is distinct from n.provider) then jsonb_build_object('provider', o.provider) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
            case when (o.user_id is distinct from n.user_id) then jsonb_build_object('user_id', n.user_id) else '{}' end
            || case when (o.issuer is distinct from n.issuer) then jsonb_build_object('issuer', n.issuer) else '{}' end
            || case when (o.subject is distinct from n.subject) then jsonb_build_object('subject', n.subject) else '{}' end
            || case when (o.provider is distinct from n.provider) then jsonb_build_object('provider', n.provider) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
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
            on n.id = o.id
         where (
            not (o.last_used_at is distinct from n.last_used_at)
        )
        or (o.id is distinct from n.id)
        or (o.user_id is distinct from n.user_id)
        or (o.issuer is distinct from n.issuer)
        or (o.subject is distinct from n.subject)
        or (o.provider is distinct from n.provider)
        or (o.created_at is distinct from n.created_at)
        or (o.updated_at is distinct from n.updated_at)
        or (o.row_version is distinct from n.row_version);
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
            'user_identities',
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

revoke all on function audit.record_tenancy_user_identities() from public;
grant execute on function audit.record_tenancy_user_identities() to gardenos_owner;

comment on function audit.record_tenancy_user_identities() is
'Appends the changes of tenancy.user_identities to the trail.';

set local role gardenos_owner;
