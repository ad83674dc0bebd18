-- Appends the changes of crm.calendar_events to the trail, with their values, private rows without.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_crm_calendar_events()
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
            'calendar_events',
            n.id,
            'insert',
            case
                when n.visibility <> 'private'
                    then to_jsonb(n) - 'search'
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
            'calendar_events',
            n.id,
            'update',
            case
                when o.visibility <> 'private' and n.visibility <> 'private'
                    then array_remove(array[
                        case when (o.title is distinct from n.title) then 'title' end,
                        case when (o.description is distinct from n.description) then 'description' end,
                        case when (o.location is distinct from n.location) then 'location' end,
                        case when (o.starts_at is distinct from n.starts_at) then 'starts_at' end,
                        case when (o.ends_at is distinct from n.ends_at) then 'ends_at' end,
                        case when (o.all_day is distinct from n.all_day) then 'all_day' end,
                        case when (o.timezone is distinct from n.timezone) then 'timezone' end,
                        case when (o.calendar_key is distinct from n.calendar_key) then 'calendar_key' end,
                        case when (o.external_uid is distinct from n.external_uid) then 'external_uid' end,
                        case when (o.recurrence_id is distinct from n.recurrence_id) then 'recurrence_id' end,
                        case when (o.recurrence_rule is distinct from n.recurrence_rule) then 'recurrence_rule' end,
                        case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                        case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                        case when (o.company_id is distinct from n.company_id) then 'company_id' end,
                        case when (o.deal_id is distinct from n.deal_id) then 'deal_id' end,
                        case when (o.visibility is distinct from n.visibility) then 'visibility' end,
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
                    then case when (o.title is distinct from n.title) then jsonb_build_object('title', o.title) else '{}' end
                    || case when (o.description is distinct from n.description) then jsonb_build_object('description', o.description) else '{}' end
                    || case when (o.location is distinct from n.location) then jsonb_build_object('location', o.location) else '{}' end
                    || case when (o.starts_at is distinct from n.starts_at) then jsonb_build_object('starts_at', o.starts_at) else '{}' end
                    || case when (o.ends_at is distinct from n.ends_at) then jsonb_build_object('ends_at', o.ends_at) else '{}' end
                    || case when (o.all_day is distinct from n.all_day) then jsonb_build_object('all_day', o.all_day) else '{}' end
                    || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', o.timezone) else '{}' end
                    || case when (o.calendar_key is distinct from n.calendar_key) then jsonb_build_object('calendar_key', o.calendar_key) else '{}' end
                    || case when (o.external_uid is distinct from n.external_uid) then jsonb_build_object('external_uid', o.external_uid) else '{}' end
                    || case when (o.recurrence_id is distinct from n.recurrence_id) then jsonb_build_object('recurrence_id', o.recurrence_id) else '{}' end
                    || case when (o.recurrence_rule is distinct from n.recurrence_rule) then jsonb_build_object('recurrence_rule', o.recurrence_rule) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                    || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', o.company_id) else '{}' end
                    || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', o.deal_id) else '{}' end
                    || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', o.visibility) else '{}' end
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
                    then case when (o.title is distinct from n.title) then jsonb_build_object('title', n.title) else '{}' end
                    || case when (o.description is distinct from n.description) then jsonb_build_object('description', n.description) else '{}' end
                    || case when (o.location is distinct from n.location) then jsonb_build_object('location', n.location) else '{}' end
                    || case when (o.starts_at is distinct from n.starts_at) then jsonb_build_object('starts_at', n.starts_at) else '{}' end
                    || case when (o.ends_at is distinct from n.ends_at) then jsonb_build_object('ends_at', n.ends_at) else '{}' end
                    || case when (o.all_day is distinct from n.all_day) then jsonb_build_object('all_day', n.all_day) else '{}' end
                    || case when (o.timezone is distinct from n.timezone) then jsonb_build_object('timezone', n.timezone) else '{}' end
                    || case when (o.calendar_key is distinct from n.calendar_key) then jsonb_build_object('calendar_key', n.calendar_key) else '{}' end
                    || case when (o.external_uid is distinct from n.external_uid) then jsonb_build_object('external_uid', n.external_uid) else '{}' end
                    || case when (o.recurrence_id is distinct from n.recurrence_id) then jsonb_build_object('recurrence_id', n.recurrence_id) else '{}' end
                    || case when (o.recurrence_rule is distinct from n.recurrence_rule) then jsonb_build_object('recurrence_rule', n.recurrence_rule) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                    || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', n.company_id) else '{}' end
                    || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', n.deal_id) else '{}' end
                    || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', n.visibility) else '{}' end
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
           and n.id = o.id
         where (
            not (o.participant_ids is distinct from n.participant_ids)
        )
        or (o.agency_id is distinct from n.agency_id)
        or (o.id is distinct from n.id)
        or (o.title is distinct from n.title)
        or (o.description is distinct from n.description)
        or (o.location is distinct from n.location)
        or (o.starts_at is distinct from n.starts_at)
        or (o.ends_at is distinct from n.ends_at)
        or (o.all_day is distinct from n.all_day)
        or (o.timezone is distinct from n.timezone)
        or (o.calendar_key is distinct from n.calendar_key)
        or (o.external_uid is distinct from n.external_uid)
        or (o.recurrence_id is distinct from n.recurrence_id)
        or (o.recurrence_rule is distinct from n.recurrence_rule)
        or (o.owner_id is distinct from n.owner_id)
        or (o.team_id is distinct from n.team_id)
        or (o.company_id is distinct from n.company_id)
        or (o.deal_id is distinct from n.deal_id)
        or (o.visibility is distinct from n.visibility)
        or (o.created_at is distinct from n.created_at)
        or (o.created_by is distinct from n.created_by)
        or (o.updated_at is distinct from n.updated_at)
        or (o.updated_by is distinct from n.updated_by)
        or (o.row_version is distinct from n.row_version)
        or (o.deleted_at is distinct from n.deleted_at)
        or (o.deleted_by is distinct from n.deleted_by);
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
            'calendar_events',
            o.id,
            'delete',
            case
                when o.visibility <> 'private'
                    then to_jsonb(o) - 'search'
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

revoke all on function audit.record_crm_calendar_events() from public;
grant execute on function audit.record_crm_calendar_events() to gardenos_owner;

comment on function audit.record_crm_calendar_events() is
'Appends the changes of crm.calendar_events to the trail.';

set local role gardenos_owner;
