-- Appends the changes of integration.import_jobs to the trail, with their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_integration_import_jobs()
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
            'integration',
            'import_jobs',
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
            'integration',
            'import_jobs',
            n.id,
            'update',
            array_remove(array[
                case when (o.entity is distinct from n.entity) then 'entity' end,
                case when (o.file_id is distinct from n.file_id) then 'file_id' end,
                case when (o.mapping is distinct from n.mapping) then 'mapping' end,
                case when (o.dedupe is distinct from n.dedupe) then 'dedupe' end,
                case when (o.status is distinct from n.status) then 'status' end,
                case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                case when (o.started_at is distinct from n.started_at) then 'started_at' end,
                case when (o.finished_at is distinct from n.finished_at) then 'finished_at' end,
                case when (o.reverted_at is distinct from n.reverted_at) then 'reverted_at' end,
                case when (o.revert_until is distinct from n.revert_until) then 'revert_until' end,
                case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                case when (o.row_version is distinct from n.row_version) then 'row_version' end
            ], null),
            case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', o.entity) else '{}' end
            || case when (o.file_id is distinct from n.file_id) then jsonb_build_object('file_id', o.file_id) else '{}' end
            || case when (o.mapping is distinct from n.mapping) then jsonb_build_object('mapping', o.mapping) else '{}' end
            || case when (o.dedupe is distinct from n.dedupe) then jsonb_build_object('dedupe', o.dedupe) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
            || case when (o.started_at is distinct from n.started_at) then jsonb_build_object('started_at', o.started_at) else '{}' end
            || case when (o.finished_at is distinct from n.finished_at) then jsonb_build_object('finished_at', o.finished_at) else '{}' end
            || case when (o.reverted_at is distinct from n.reverted_at) then jsonb_build_object('reverted_at', o.reverted_at) else '{}' end
            || case when (o.revert_until is distinct from n.revert_until) then jsonb_build_object('revert_until', o.revert_until) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
            || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end,
            case when (o.entity is distinct from n.entity) then jsonb_build_object('entity', n.entity) else '{}' end
            || case when (o.file_id is distinct from n.file_id) then jsonb_build_object('file_id', n.file_id) else '{}' end
            || case when (o.mapping is distinct from n.mapping) then jsonb_build_object('mapping', n.mapping) else '{}' end
            || case when (o.dedupe is distinct from n.dedupe) then jsonb_build_object('dedupe', n.dedupe) else '{}' end
            || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
            || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
            || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
            || case when (o.started_at is distinct from n.started_at) then jsonb_build_object('started_at', n.started_at) else '{}' end
            || case when (o.finished_at is distinct from n.finished_at) then jsonb_build_object('finished_at', n.finished_at) else '{}' end
            || case when (o.reverted_at is distinct from n.reverted_at) then jsonb_build_object('reverted_at', n.reverted_at) else '{}' end
            || case when (o.revert_until is distinct from n.revert_until) then jsonb_build_object('revert_until', n.revert_until) else '{}' end
            || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
            || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
            || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
            || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
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
            on n.agency_id = o.agency_id
           and n.id = o.id
         where (
            not (o.total_rows is distinct from n.total_rows)
            and not (o.created_rows is distinct from n.created_rows)
            and not (o.updated_rows is distinct from n.updated_rows)
            and not (o.skipped_rows is distinct from n.skipped_rows)
            and not (o.failed_rows is distinct from n.failed_rows)
        )
        or (o.agency_id is distinct from n.agency_id)
        or (o.id is distinct from n.id)
        or (o.entity is distinct from n.entity)
        or (o.file_id is distinct from n.file_id)
        or (o.mapping is distinct from n.mapping)
        or (o.dedupe is distinct from n.dedupe)
        or (o.status is distinct from n.status)
        or (o.owner_id is distinct from n.owner_id)
        or (o.team_id is distinct from n.team_id)
        or (o.started_at is distinct from n.started_at)
        or (o.finished_at is distinct from n.finished_at)
        or (o.reverted_at is distinct from n.reverted_at)
        or (o.revert_until is distinct from n.revert_until)
        or (o.created_at is distinct from n.created_at)
        or (o.created_by is distinct from n.created_by)
        or (o.updated_at is distinct from n.updated_at)
        or (o.updated_by is distinct from n.updated_by)
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
            o.agency_id,
            'integration',
            'import_jobs',
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

revoke all on function audit.record_integration_import_jobs() from public;
grant execute on function audit.record_integration_import_jobs() to gardenos_owner;

comment on function audit.record_integration_import_jobs() is
'Appends the changes of integration.import_jobs to the trail.';

set local role gardenos_owner;
