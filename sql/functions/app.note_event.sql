-- Tells of each changed row of a table, once, in the transaction of the change: no commit, no event; no
-- event without a commit. Statement trigger of every table that has events. A change is what raises
-- row_version: what triggers and workers touch often does not, and is no event.
--
-- Columns are compared by name, table by table: taking rows apart as JSON cost two and a half times as much.
-- Each branch is planned when it first runs, so a table pays for its own only. A new column gets a line
-- here, a new table a branch and three triggers; a test names what is missing.
--
-- The payload has ids, row_version and names of columns, never a value: whoever delivers reads the row then,
-- with the rights it has then. One exception, because the row is gone by then: a file that was removed says
-- where its object lies, and so does a message whose original is in storage.
--
-- SECURITY DEFINER: nobody who changes a record writes the outbox. enable_nestloop: one statement may touch
-- one row and the next ten thousand.
set local role gardenos_publisher;

create or replace function app.note_event()
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
    aggregate constant app.label := tg_table_schema || '.' || tg_table_name;
    context record;
    headers app.json_object;
begin
    -- no transaction id: the statement wrote nothing
    if pg_current_xact_id_if_assigned() is null then
        return null;
    end if;
    -- visible before it is written, it could be published and lost: app.safe_horizon asks for what is written
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'local', true);
    end if;
    context := audit.context();
    headers := jsonb_strip_nulls(
        jsonb_build_object(
            'request_id', context.request_id,
            'actor_kind', context.actor_kind,
            'actor_id', context.actor_membership_id
        )
    );
    if tg_op = 'INSERT' then
        if tg_table_name = 'consents' then
            insert into integration.outbox_events (
                agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
            )
            select
                n.agency_id,
                aggregate,
                n.id,
                aggregate || '.created',
                '{}',
                headers,
                context.xid,
                context.epoch,
                context.timeline
              from new_rows as n;
        else
            insert into integration.outbox_events (
                agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
            )
            select
                n.agency_id,
                aggregate,
                n.id,
                aggregate || '.created',
                jsonb_build_object('row_version', n.row_version),
                headers,
                context.xid,
                context.epoch,
                context.timeline
              from new_rows as n;
        end if;
    elsif tg_op = 'UPDATE' then
        case tg_table_name
        when 'activities' then
            insert into integration.outbox_events (
                agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
            )
            select
                n.agency_id,
                aggregate,
                n.id,
                aggregate || case
                    when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                    when o.deleted_at is not null and n.deleted_at is null then '.restored'
                    else '.updated'
                end,
                jsonb_build_object(
                    'row_version', n.row_version,
                    'changed', to_jsonb(array_remove(array[
                        case when n.kind is distinct from o.kind then 'kind' end,
                        case when n.type_id is distinct from o.type_id then 'type_id' end,
                        case when n.subject is distinct from o.subject then 'subject' end,
                        case when n.body is distinct from o.body then 'body' end,
                        case when n.occurred_at is distinct from o.occurred_at then 'occurred_at' end,
                        case when n.due_at is distinct from o.due_at then 'due_at' end,
                        case when n.completed_at is distinct from o.completed_at then 'completed_at' end,
                        case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                        case when n.assignee_id is distinct from o.assignee_id then 'assignee_id' end,
                        case when n.team_id is distinct from o.team_id then 'team_id' end,
                        case when n.contact_id is distinct from o.contact_id then 'contact_id' end,
                        case when n.company_id is distinct from o.company_id then 'company_id' end,
                        case when n.deal_id is distinct from o.deal_id then 'deal_id' end,
                        case when n.visibility is distinct from o.visibility then 'visibility' end,
                        case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                        case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                    ], null))
                ),
                headers,
                context.xid,
                context.epoch,
                context.timeline
              from old_rows as o
              join new_rows as n
                on n.agency_id = o.agency_id
               and n.id = o.id
             where n.row_version <> o.row_version;
        when 'calendar_events' then
            insert into integration.outbox_events (
                agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
            )
            select
                n.agency_id,
                aggregate,
                n.id,
                aggregate || case
                    when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                    when o.deleted_at is not null and n.deleted_at is null then '.restored'
                    else '.updated'
                end,
                jsonb_build_object(
                    'row_version', n.row_version,
                    'changed', to_jsonb(array_remove(array[
                        case when n.title is distinct from o.title then 'title' end,
                        case when n.description is distinct from o.description then 'description' end,
                        case when n.location is distinct from o.location then 'location' end,
                        case when n.starts_at is distinct from o.starts_at then 'starts_at' end,
                        case when n.ends_at is distinct from o.ends_at then 'ends_at' end,
                        case when n.all_day is distinct from o.all_day then 'all_day' end,
                        case when n.timezone is distinct from o.timezone then 'timezone' end,
                        case when n.calendar_key is distinct from o.calendar_key then 'calendar_key' end,
                        case when n.external_uid is distinct from o.external_uid then 'external_uid' end,
                        case when n.recurrence_id is distinct from o.recurrence_id then 'recurrence_id' end,
                        case when n.recurrence_rule is distinct from o.recurrence_rule then 'recurrence_rule' end,
                        case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                        case when n.team_id is distinct from o.team_id then 'team_id' end,
                        case when n.company_id is distinct from o.company_id then 'company_id' end,
                        case when n.deal_id is distinct from o.deal_id then 'deal_id' end,
                        case when n.visibility is distinct from o.visibility then 'visibility' end,
                        case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                        case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                    ], null))
                ),
                headers,
                context.xid,
                context.epoch,
                context.timeline
              from old_rows as o
              join new_rows as n
                on n.agency_id = o.agency_id
               and n.id = o.id
             where n.row_version <> o.row_version;
        when 'companies' then
            insert into integration.outbox_events (
                agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
            )
            select
                n.agency_id,
                aggregate,
                n.id,
                aggregate || case
                    when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                    when o.deleted_at is not null and n.deleted_at is null then '.restored'
                    else '.updated'
                end,
                jsonb_build_object(
                    'row_version', n.row_version,
                    'changed', to_jsonb(array_remove(array[
                        case when n.name is distinct from o.name then 'name' end,
                        case when n.domain is distinct from o.domain then 'domain' end,
                        case when n.industry_id is distinct from o.industry_id then 'industry_id' end,
                        case when n.employees is distinct from o.employees then 'employees' end,
                        case when n.annual_revenue is distinct from o.annual_revenue then 'annual_revenue' end,
                        case when n.currency is distinct from o.currency then 'currency' end,
                        case when n.street is distinct from o.street then 'street' end,
                        case when n.city is distinct from o.city then 'city' end,
                        case when n.region is distinct from o.region then 'region' end,
                        case when n.postal_code is distinct from o.postal_code then 'postal_code' end,
                        case when n.country is distinct from o.country then 'country' end,
                        case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                        case when n.team_id is distinct from o.team_id then 'team_id' end,
                        case when n.merged_into_id is distinct from o.merged_into_id then 'merged_into_id' end,
                        case when n.custom is distinct from o.custom then 'custom' end,
                        case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                        case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                    ], null))
                ),
                headers,
                context.xid,
                context.epoch,
                context.timeline
              from old_rows as o
              join new_rows as n
                on n.agency_id = o.agency_id
               and n.id = o.id
             where n.row_version <> o.row_version;
        when 'consents' then
            insert into integration.outbox_events (
                agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
            )
            select
                n.agency_id,
                aggregate,
                n.id,
                aggregate || '.updated',
                jsonb_build_object(
                    'changed', to_jsonb(array_remove(array[
                        case when n.contact_id is distinct from o.contact_id then 'contact_id' end,
                        case when n.purpose is distinct from o.purpose then 'purpose' end,
                        case when n.lawful_basis is distinct from o.lawful_basis then 'lawful_basis' end,
                        case when n.status is distinct from o.status then 'status' end,
                        case when n.source is distinct from o.source then 'source' end,
                        case when n.evidence is distinct from o.evidence then 'evidence' end,
                        case when n.occurred_at is distinct from o.occurred_at then 'occurred_at' end
                    ], null))
                ),
                headers,
                context.xid,
                context.epoch,
                context.timeline
              from old_rows as o
              join new_rows as n
                on n.agency_id = o.agency_id
               and n.id = o.id;
        when 'contacts' then
            insert into integration.outbox_events (
                agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
            )
            select
                n.agency_id,
                aggregate,
                n.id,
                aggregate || case
                    when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                    when o.deleted_at is not null and n.deleted_at is null then '.restored'
                    else '.updated'
                end,
                jsonb_build_object(
                    'row_version', n.row_version,
                    'changed', to_jsonb(array_remove(array[
                        case when n.full_name is distinct from o.full_name then 'full_name' end,
                        case when n.first_name is distinct from o.first_name then 'first_name' end,
                        case when n.last_name is distinct from o.last_name then 'last_name' end,
                        case when n.job_title is distinct from o.job_title then 'job_title' end,
                        case when n.lifecycle_id is distinct from o.lifecycle_id then 'lifecycle_id' end,
                        case when n.source_id is distinct from o.source_id then 'source_id' end,
                        case when n.locale is distinct from o.locale then 'locale' end,
                        case when n.timezone is distinct from o.timezone then 'timezone' end,
                        case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                        case when n.team_id is distinct from o.team_id then 'team_id' end,
                        case when n.do_not_contact is distinct from o.do_not_contact then 'do_not_contact' end,
                        case when n.merged_into_id is distinct from o.merged_into_id then 'merged_into_id' end,
                        case when n.anonymised_at is distinct from o.anonymised_at then 'anonymised_at' end,
                        case when n.custom is distinct from o.custom then 'custom' end,
                        case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                        case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                    ], null))
                ),
                headers,
                context.xid,
                context.epoch,
                context.timeline
              from old_rows as o
              join new_rows as n
                on n.agency_id = o.agency_id
               and n.id = o.id
             where n.row_version <> o.row_version;
        when 'conversations' then
            insert into integration.outbox_events (
                agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
            )
            select
                n.agency_id,
                aggregate,
                n.id,
                aggregate || case
                    when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                    when o.deleted_at is not null and n.deleted_at is null then '.restored'
                    else '.updated'
                end,
                jsonb_build_object(
                    'row_version', n.row_version,
                    'changed', to_jsonb(array_remove(array[
                        case when n.channel is distinct from o.channel then 'channel' end,
                        case when n.subject is distinct from o.subject then 'subject' end,
                        case when n.status is distinct from o.status then 'status' end,
                        case when n.contact_id is distinct from o.contact_id then 'contact_id' end,
                        case when n.deal_id is distinct from o.deal_id then 'deal_id' end,
                        case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                        case when n.assignee_id is distinct from o.assignee_id then 'assignee_id' end,
                        case when n.team_id is distinct from o.team_id then 'team_id' end,
                        case when n.visibility is distinct from o.visibility then 'visibility' end,
                        case when n.external_thread_id is distinct from o.external_thread_id then 'external_thread_id' end,
                        case when n.snoozed_until is distinct from o.snoozed_until then 'snoozed_until' end,
                        case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                        case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                    ], null))
                ),
                headers,
                context.xid,
                context.epoch,
                context.timeline
              from old_rows as o
              join new_rows as n
                on n.agency_id = o.agency_id
               and n.id = o.id
             where n.row_version <> o.row_version;
        when 'deals' then
            insert into integration.outbox_events (
                agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
            )
            select
                n.agency_id,
                aggregate,
                n.id,
                aggregate || case
                    when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                    when o.deleted_at is not null and n.deleted_at is null then '.restored'
                    else '.updated'
                end,
                jsonb_build_object(
                    'row_version', n.row_version,
                    'changed', to_jsonb(array_remove(array[
                        case when n.title is distinct from o.title then 'title' end,
                        case when n.pipeline_id is distinct from o.pipeline_id then 'pipeline_id' end,
                        case when n.stage_id is distinct from o.stage_id then 'stage_id' end,
                        case when n.status is distinct from o.status then 'status' end,
                        case when n.stage_entered_at is distinct from o.stage_entered_at then 'stage_entered_at' end,
                        case when n.company_id is distinct from o.company_id then 'company_id' end,
                        case when n.primary_contact_id is distinct from o.primary_contact_id then 'primary_contact_id' end,
                        case when n.amount is distinct from o.amount then 'amount' end,
                        case when n.currency is distinct from o.currency then 'currency' end,
                        case when n.expected_close_on is distinct from o.expected_close_on then 'expected_close_on' end,
                        case when n.closed_at is distinct from o.closed_at then 'closed_at' end,
                        case when n.lost_reason_id is distinct from o.lost_reason_id then 'lost_reason_id' end,
                        case when n.source_id is distinct from o.source_id then 'source_id' end,
                        case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                        case when n.team_id is distinct from o.team_id then 'team_id' end,
                        case when n.custom is distinct from o.custom then 'custom' end,
                        case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                        case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                    ], null))
                ),
                headers,
                context.xid,
                context.epoch,
                context.timeline
              from old_rows as o
              join new_rows as n
                on n.agency_id = o.agency_id
               and n.id = o.id
             where n.row_version <> o.row_version;
        when 'files' then
            insert into integration.outbox_events (
                agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
            )
            select
                n.agency_id,
                aggregate,
                n.id,
                aggregate || case
                    when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                    when o.deleted_at is not null and n.deleted_at is null then '.restored'
                    else '.updated'
                end,
                jsonb_build_object(
                    'row_version', n.row_version,
                    'changed', to_jsonb(array_remove(array[
                        case when n.purpose is distinct from o.purpose then 'purpose' end,
                        case when n.provider is distinct from o.provider then 'provider' end,
                        case when n.bucket is distinct from o.bucket then 'bucket' end,
                        case when n.object_path is distinct from o.object_path then 'object_path' end,
                        case when n.file_name is distinct from o.file_name then 'file_name' end,
                        case when n.mime is distinct from o.mime then 'mime' end,
                        case when n.byte_size is distinct from o.byte_size then 'byte_size' end,
                        case when n.sha256 is distinct from o.sha256 then 'sha256' end,
                        case when n.scan_status is distinct from o.scan_status then 'scan_status' end,
                        case when n.owner_id is distinct from o.owner_id then 'owner_id' end,
                        case when n.visibility is distinct from o.visibility then 'visibility' end,
                        case when n.contact_id is distinct from o.contact_id then 'contact_id' end,
                        case when n.company_id is distinct from o.company_id then 'company_id' end,
                        case when n.deal_id is distinct from o.deal_id then 'deal_id' end,
                        case when n.activity_id is distinct from o.activity_id then 'activity_id' end,
                        case when n.calendar_event_id is distinct from o.calendar_event_id then 'calendar_event_id' end,
                        case when n.message_id is distinct from o.message_id then 'message_id' end,
                        case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                        case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                    ], null))
                ),
                headers,
                context.xid,
                context.epoch,
                context.timeline
              from old_rows as o
              join new_rows as n
                on n.agency_id = o.agency_id
               and n.id = o.id
             where n.row_version <> o.row_version;
        when 'messages' then
            insert into integration.outbox_events (
                agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
            )
            select
                n.agency_id,
                aggregate,
                n.id,
                aggregate || case
                    when o.deleted_at is null and n.deleted_at is not null then '.deleted'
                    when o.deleted_at is not null and n.deleted_at is null then '.restored'
                    else '.updated'
                end,
                jsonb_build_object(
                    'row_version', n.row_version,
                    'changed', to_jsonb(array_remove(array[
                        case when n.conversation_id is distinct from o.conversation_id then 'conversation_id' end,
                        case when n.direction is distinct from o.direction then 'direction' end,
                        case when n.status is distinct from o.status then 'status' end,
                        case when n.sender_membership_id is distinct from o.sender_membership_id then 'sender_membership_id' end,
                        case when n.sender_contact_id is distinct from o.sender_contact_id then 'sender_contact_id' end,
                        case when n.sender_label is distinct from o.sender_label then 'sender_label' end,
                        case when n.body_text is distinct from o.body_text then 'body_text' end,
                        case when n.body_html_path is distinct from o.body_html_path then 'body_html_path' end,
                        case when n.sent_at is distinct from o.sent_at then 'sent_at' end,
                        case when n.external_id is distinct from o.external_id then 'external_id' end,
                        case when n.in_reply_to is distinct from o.in_reply_to then 'in_reply_to' end,
                        case when n.agent_run_id is distinct from o.agent_run_id then 'agent_run_id' end,
                        case when n.error is distinct from o.error then 'error' end,
                        case when n.deleted_at is distinct from o.deleted_at then 'deleted_at' end,
                        case when n.deleted_by is distinct from o.deleted_by then 'deleted_by' end
                    ], null))
                ),
                headers,
                context.xid,
                context.epoch,
                context.timeline
              from old_rows as o
              join new_rows as n
                on n.agency_id = o.agency_id
               and n.id = o.id
             where n.row_version <> o.row_version;
        end case;
    elsif tg_table_name = 'consents' then
        insert into integration.outbox_events (
            agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
        )
        select
            o.agency_id,
            aggregate,
            o.id,
            aggregate || '.removed',
            '{}',
            headers,
            context.xid,
            context.epoch,
            context.timeline
          from old_rows as o;
    elsif tg_table_name = 'files' then
        insert into integration.outbox_events (
            agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
        )
        select
            o.agency_id,
            aggregate,
            o.id,
            aggregate || '.removed',
            jsonb_strip_nulls(
                jsonb_build_object(
                    'row_version', o.row_version,
                    'provider', o.provider,
                    'bucket', o.bucket,
                    'object_path', o.object_path
                )
            ),
            headers,
            context.xid,
            context.epoch,
            context.timeline
          from old_rows as o;
    elsif tg_table_name = 'messages' then
        insert into integration.outbox_events (
            agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
        )
        select
            o.agency_id,
            aggregate,
            o.id,
            aggregate || '.removed',
            jsonb_strip_nulls(
                jsonb_build_object('row_version', o.row_version, 'object_path', o.body_html_path)
            ),
            headers,
            context.xid,
            context.epoch,
            context.timeline
          from old_rows as o;
    else
        insert into integration.outbox_events (
            agency_id, aggregate, aggregate_id, type, payload, headers, txid, epoch, timeline
        )
        select
            o.agency_id,
            aggregate,
            o.id,
            aggregate || '.removed',
            jsonb_build_object('row_version', o.row_version),
            headers,
            context.xid,
            context.epoch,
            context.timeline
          from old_rows as o;
    end if;
    return null;
end;
$function$;

revoke all on function app.note_event() from public;
grant execute on function app.note_event() to
    gardenos_owner;

comment on function app.note_event() is
'Writes one event of the outbox for each row that a statement changed.';

set local role gardenos_owner;
