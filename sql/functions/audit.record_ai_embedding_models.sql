-- Appends the changes of ai.embedding_models to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_ai_embedding_models()
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
            'ai',
            'embedding_models',
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
            'ai',
            'embedding_models',
            n.id,
            'update',
            array_remove(array[
                case when (o.key is distinct from n.key) then 'key' end,
                case when (o.provider is distinct from n.provider) then 'provider' end,
                case when (o.model is distinct from n.model) then 'model' end,
                case when (o.vector_type is distinct from n.vector_type) then 'vector_type' end,
                case when (o.dims is distinct from n.dims) then 'dims' end,
                case when (o.storage is distinct from n.storage) then 'storage' end,
                case when (o.distance is distinct from n.distance) then 'distance' end,
                case when (o.normalised is distinct from n.normalised) then 'normalised' end,
                case when (o.max_tokens is distinct from n.max_tokens) then 'max_tokens' end,
                case when (o.status is distinct from n.status) then 'status' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                case when (o.row_version is distinct from n.row_version) then 'row_version' end
            ], null),
            case when (o.key is distinct from n.key) then jsonb_build_object('key', o.key) else '{}' end
            || case when (o.provider is distinct from n.provider) then jsonb_build_object('provider', o.provider) else '{}' end
            || case when (o.model is distinct from n.model) then jsonb_build_object('model', o.model) else '{}' end
            || case when (o.vector_type is distinct from n.vector_type) then jsonb_build_object('vector_type', o.vector_type) else '{}' end
            || case when (o.dims is distinct from n.dims) then jsonb_build_object('dims', o.dims) else '{}' end
            || case when (o.storage is distinct from n.storage) then jsonb_build_object('storage', o.storage) else '{}' end
            || case when (o.distance is distinct from n.distance) then jsonb_build_object('distance', o.distance) else '{}' end
            || case when (o.normalised is distinct from n.normalised) then jsonb_build_object('normalised', o.normalised) else '{}' end
            || case when (o.max_tokens is distinct from n.max_tokens) then jsonb_build_object('max_tokens', o.max_tokens) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
            case when (o.key is distinct from n.key) then jsonb_build_object('key', n.key) else '{}' end
            || case when (o.provider is distinct from n.provider) then jsonb_build_object('provider', n.provider) else '{}' end
            || case when (o.model is distinct from n.model) then jsonb_build_object('model', n.model) else '{}' end
            || case when (o.vector_type is distinct from n.vector_type) then jsonb_build_object('vector_type', n.vector_type) else '{}' end
            || case when (o.dims is distinct from n.dims) then jsonb_build_object('dims', n.dims) else '{}' end
            || case when (o.storage is distinct from n.storage) then jsonb_build_object('storage', n.storage) else '{}' end
            || case when (o.distance is distinct from n.distance) then jsonb_build_object('distance', n.distance) else '{}' end
            || case when (o.normalised is distinct from n.normalised) then jsonb_build_object('normalised', n.normalised) else '{}' end
            || case when (o.max_tokens is distinct from n.max_tokens) then jsonb_build_object('max_tokens', n.max_tokens) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
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
            on n.id = o.id;
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
            'ai',
            'embedding_models',
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

revoke all on function audit.record_ai_embedding_models() from public;
grant execute on function audit.record_ai_embedding_models() to gardenos_owner;

comment on function audit.record_ai_embedding_models() is
'Appends the changes of ai.embedding_models to the trail.';

set local role gardenos_owner;
