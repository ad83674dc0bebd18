-- Appends the changes of crm.files to the trail, with their values, private rows without.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_crm_files()
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
            'files',
            n.id,
            'insert',
            case
                when n.visibility <> 'private'
                    then to_jsonb(n)
            end,
            case
                when n.visibility <> 'private'
                    then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
            end,
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
            'files',
            n.id,
            'update',
            case
                when o.visibility <> 'private' and n.visibility <> 'private'
                    then array_remove(array[
                        case when (o.purpose is distinct from n.purpose) then 'purpose' end,
                        case when (o.provider is distinct from n.provider) then 'provider' end,
                        case when (o.bucket is distinct from n.bucket) then 'bucket' end,
                        case when (o.object_path is distinct from n.object_path) then 'object_path' end,
                        case when (o.file_name is distinct from n.file_name) then 'file_name' end,
                        case when (o.mime is distinct from n.mime) then 'mime' end,
                        case when (o.byte_size is distinct from n.byte_size) then 'byte_size' end,
                        case when (o.sha256 is distinct from n.sha256) then 'sha256' end,
                        case when (o.scan_status is distinct from n.scan_status) then 'scan_status' end,
                        case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                        case when (o.visibility is distinct from n.visibility) then 'visibility' end,
                        case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                        case when (o.company_id is distinct from n.company_id) then 'company_id' end,
                        case when (o.deal_id is distinct from n.deal_id) then 'deal_id' end,
                        case when (o.activity_id is distinct from n.activity_id) then 'activity_id' end,
                        case when (o.calendar_event_id is distinct from n.calendar_event_id) then 'calendar_event_id' end,
                        case when (o.message_id is distinct from n.message_id) then 'message_id' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end,
                        case when (o.deleted_at is distinct from n.deleted_at) then 'deleted_at' end,
                        case when (o.deleted_by is distinct from n.deleted_by) then 'deleted_by' end
                    ], null)
                else '{}'
            end,
            case
                when o.visibility <> 'private' and n.visibility <> 'private'
                    then case when (o.purpose is distinct from n.purpose) then jsonb_build_object('purpose', o.purpose) else '{}' end
                    || case when (o.provider is distinct from n.provider) then jsonb_build_object('provider', o.provider) else '{}' end
                    || case when (o.bucket is distinct from n.bucket) then jsonb_build_object('bucket', o.bucket) else '{}' end
                    || case when (o.object_path is distinct from n.object_path) then jsonb_build_object('object_path', o.object_path) else '{}' end
                    || case when (o.file_name is distinct from n.file_name) then jsonb_build_object('file_name', o.file_name) else '{}' end
                    || case when (o.mime is distinct from n.mime) then jsonb_build_object('mime', o.mime) else '{}' end
                    || case when (o.byte_size is distinct from n.byte_size) then jsonb_build_object('byte_size', o.byte_size) else '{}' end
                    || case when (o.sha256 is distinct from n.sha256) then jsonb_build_object('sha256', o.sha256) else '{}' end
                    || case when (o.scan_status is distinct from n.scan_status) then jsonb_build_object('scan_status', o.scan_status) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
                    || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', o.visibility) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                    || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', o.company_id) else '{}' end
                    || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', o.deal_id) else '{}' end
                    || case when (o.activity_id is distinct from n.activity_id) then jsonb_build_object('activity_id', o.activity_id) else '{}' end
                    || case when (o.calendar_event_id is distinct from n.calendar_event_id) then jsonb_build_object('calendar_event_id', o.calendar_event_id) else '{}' end
                    || case when (o.message_id is distinct from n.message_id) then jsonb_build_object('message_id', o.message_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end
            end,
            case
                when o.visibility <> 'private' and n.visibility <> 'private'
                    then case when (o.purpose is distinct from n.purpose) then jsonb_build_object('purpose', n.purpose) else '{}' end
                    || case when (o.provider is distinct from n.provider) then jsonb_build_object('provider', n.provider) else '{}' end
                    || case when (o.bucket is distinct from n.bucket) then jsonb_build_object('bucket', n.bucket) else '{}' end
                    || case when (o.object_path is distinct from n.object_path) then jsonb_build_object('object_path', n.object_path) else '{}' end
                    || case when (o.file_name is distinct from n.file_name) then jsonb_build_object('file_name', n.file_name) else '{}' end
                    || case when (o.mime is distinct from n.mime) then jsonb_build_object('mime', n.mime) else '{}' end
                    || case when (o.byte_size is distinct from n.byte_size) then jsonb_build_object('byte_size', n.byte_size) else '{}' end
                    || case when (o.sha256 is distinct from n.sha256) then jsonb_build_object('sha256', n.sha256) else '{}' end
                    || case when (o.scan_status is distinct from n.scan_status) then jsonb_build_object('scan_status', n.scan_status) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
                    || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', n.visibility) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                    || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', n.company_id) else '{}' end
                    || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', n.deal_id) else '{}' end
                    || case when (o.activity_id is distinct from n.activity_id) then jsonb_build_object('activity_id', n.activity_id) else '{}' end
                    || case when (o.calendar_event_id is distinct from n.calendar_event_id) then jsonb_build_object('calendar_event_id', n.calendar_event_id) else '{}' end
                    || case when (o.message_id is distinct from n.message_id) then jsonb_build_object('message_id', n.message_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end
            end,
            case
                when o.visibility <> 'private' and n.visibility <> 'private'
                    then substring(sha256(secret || uuid_send(n.id)) from 1 for 16)
            end,
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
            'files',
            o.id,
            'delete',
            case
                when o.visibility <> 'private'
                    then to_jsonb(o)
            end,
            case
                when o.visibility <> 'private'
                    then substring(sha256(secret || uuid_send(o.id)) from 1 for 16)
            end,
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

revoke all on function audit.record_crm_files() from public;
grant execute on function audit.record_crm_files() to gardenos_owner;

comment on function audit.record_crm_files() is
'Appends the changes of crm.files to the trail.';

set local role gardenos_owner;
