-- Appends the changes of crm.messages to the trail, with their values, private rows without.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_crm_messages()
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
            'messages',
            n.id,
            'insert',
            case
                when app.is_open_conversation(n.agency_id, n.conversation_id)
                    then to_jsonb(n) - 'search'
            end,
            case
                when app.is_open_conversation(n.agency_id, n.conversation_id)
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
            'messages',
            n.id,
            'update',
            case
                when app.is_open_conversation(n.agency_id, n.conversation_id)
                    then array_remove(array[
                        case when (o.conversation_id is distinct from n.conversation_id) then 'conversation_id' end,
                        case when (o.direction is distinct from n.direction) then 'direction' end,
                        case when (o.status is distinct from n.status) then 'status' end,
                        case when (o.sender_membership_id is distinct from n.sender_membership_id) then 'sender_membership_id' end,
                        case when (o.sender_contact_id is distinct from n.sender_contact_id) then 'sender_contact_id' end,
                        case when (o.sender_label is distinct from n.sender_label) then 'sender_label' end,
                        case when (o.body_text is distinct from n.body_text) then 'body_text' end,
                        case when (o.body_html_path is distinct from n.body_html_path) then 'body_html_path' end,
                        case when (o.sent_at is distinct from n.sent_at) then 'sent_at' end,
                        case when (o.external_id is distinct from n.external_id) then 'external_id' end,
                        case when (o.in_reply_to is distinct from n.in_reply_to) then 'in_reply_to' end,
                        case when (o.agent_run_id is distinct from n.agent_run_id) then 'agent_run_id' end,
                        case when (o.error is distinct from n.error) then 'error' end,
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
                when app.is_open_conversation(n.agency_id, n.conversation_id)
                    then case when (o.conversation_id is distinct from n.conversation_id) then jsonb_build_object('conversation_id', o.conversation_id) else '{}' end
                    || case when (o.direction is distinct from n.direction) then jsonb_build_object('direction', o.direction) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
                    || case when (o.sender_membership_id is distinct from n.sender_membership_id) then jsonb_build_object('sender_membership_id', o.sender_membership_id) else '{}' end
                    || case when (o.sender_contact_id is distinct from n.sender_contact_id) then jsonb_build_object('sender_contact_id', o.sender_contact_id) else '{}' end
                    || case when (o.sender_label is distinct from n.sender_label) then jsonb_build_object('sender_label', o.sender_label) else '{}' end
                    || case when (o.body_text is distinct from n.body_text) then jsonb_build_object('body_text', o.body_text) else '{}' end
                    || case when (o.body_html_path is distinct from n.body_html_path) then jsonb_build_object('body_html_path', o.body_html_path) else '{}' end
                    || case when (o.sent_at is distinct from n.sent_at) then jsonb_build_object('sent_at', o.sent_at) else '{}' end
                    || case when (o.external_id is distinct from n.external_id) then jsonb_build_object('external_id', o.external_id) else '{}' end
                    || case when (o.in_reply_to is distinct from n.in_reply_to) then jsonb_build_object('in_reply_to', o.in_reply_to) else '{}' end
                    || case when (o.agent_run_id is distinct from n.agent_run_id) then jsonb_build_object('agent_run_id', o.agent_run_id) else '{}' end
                    || case when (o.error is distinct from n.error) then jsonb_build_object('error', o.error) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', o.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', o.deleted_by) else '{}' end
            end,
            case
                when app.is_open_conversation(n.agency_id, n.conversation_id)
                    then case when (o.conversation_id is distinct from n.conversation_id) then jsonb_build_object('conversation_id', n.conversation_id) else '{}' end
                    || case when (o.direction is distinct from n.direction) then jsonb_build_object('direction', n.direction) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
                    || case when (o.sender_membership_id is distinct from n.sender_membership_id) then jsonb_build_object('sender_membership_id', n.sender_membership_id) else '{}' end
                    || case when (o.sender_contact_id is distinct from n.sender_contact_id) then jsonb_build_object('sender_contact_id', n.sender_contact_id) else '{}' end
                    || case when (o.sender_label is distinct from n.sender_label) then jsonb_build_object('sender_label', n.sender_label) else '{}' end
                    || case when (o.body_text is distinct from n.body_text) then jsonb_build_object('body_text', n.body_text) else '{}' end
                    || case when (o.body_html_path is distinct from n.body_html_path) then jsonb_build_object('body_html_path', n.body_html_path) else '{}' end
                    || case when (o.sent_at is distinct from n.sent_at) then jsonb_build_object('sent_at', n.sent_at) else '{}' end
                    || case when (o.external_id is distinct from n.external_id) then jsonb_build_object('external_id', n.external_id) else '{}' end
                    || case when (o.in_reply_to is distinct from n.in_reply_to) then jsonb_build_object('in_reply_to', n.in_reply_to) else '{}' end
                    || case when (o.agent_run_id is distinct from n.agent_run_id) then jsonb_build_object('agent_run_id', n.agent_run_id) else '{}' end
                    || case when (o.error is distinct from n.error) then jsonb_build_object('error', n.error) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
                    || case when (o.deleted_at is distinct from n.deleted_at) then jsonb_build_object('deleted_at', n.deleted_at) else '{}' end
                    || case when (o.deleted_by is distinct from n.deleted_by) then jsonb_build_object('deleted_by', n.deleted_by) else '{}' end
            end,
            case
                when app.is_open_conversation(n.agency_id, n.conversation_id)
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
            'messages',
            o.id,
            'delete',
            case
                when app.is_open_conversation(o.agency_id, o.conversation_id)
                    then to_jsonb(o) - 'search'
            end,
            case
                when app.is_open_conversation(o.agency_id, o.conversation_id)
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

revoke all on function audit.record_crm_messages() from public;
grant execute on function audit.record_crm_messages() to gardenos_owner;

comment on function audit.record_crm_messages() is
'Appends the changes of crm.messages to the trail.';

set local role gardenos_owner;
