-- Appends the changes of ai.memories to the trail, with their values, private rows without.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_ai_memories()
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
            'ai',
            'memories',
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
            'ai',
            'memories',
            n.id,
            'update',
            case
                when o.visibility <> 'private' and n.visibility <> 'private'
                    then array_remove(array[
                        case when (o.subject is distinct from n.subject) then 'subject' end,
                        case when (o.membership_id is distinct from n.membership_id) then 'membership_id' end,
                        case when (o.contact_id is distinct from n.contact_id) then 'contact_id' end,
                        case when (o.company_id is distinct from n.company_id) then 'company_id' end,
                        case when (o.deal_id is distinct from n.deal_id) then 'deal_id' end,
                        case when (o.kind is distinct from n.kind) then 'kind' end,
                        case when (o.content is distinct from n.content) then 'content' end,
                        case when (o.content_sha256 is distinct from n.content_sha256) then 'content_sha256' end,
                        case when (o.importance is distinct from n.importance) then 'importance' end,
                        case when (o.confidence is distinct from n.confidence) then 'confidence' end,
                        case when (o.half_life is distinct from n.half_life) then 'half_life' end,
                        case when (o.expires_at is distinct from n.expires_at) then 'expires_at' end,
                        case when (o.source_run_id is distinct from n.source_run_id) then 'source_run_id' end,
                        case when (o.superseded_by_id is distinct from n.superseded_by_id) then 'superseded_by_id' end,
                        case when (o.owner_id is distinct from n.owner_id) then 'owner_id' end,
                        case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                        case when (o.visibility is distinct from n.visibility) then 'visibility' end,
                        case when (o.by_record is distinct from n.by_record) then 'by_record' end,
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
                    then case when (o.subject is distinct from n.subject) then jsonb_build_object('subject', o.subject) else '{}' end
                    || case when (o.membership_id is distinct from n.membership_id) then jsonb_build_object('membership_id', o.membership_id) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', o.contact_id) else '{}' end
                    || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', o.company_id) else '{}' end
                    || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', o.deal_id) else '{}' end
                    || case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', o.kind) else '{}' end
                    || case when (o.content is distinct from n.content) then jsonb_build_object('content', o.content) else '{}' end
                    || case when (o.content_sha256 is distinct from n.content_sha256) then jsonb_build_object('content_sha256', o.content_sha256) else '{}' end
                    || case when (o.importance is distinct from n.importance) then jsonb_build_object('importance', o.importance) else '{}' end
                    || case when (o.confidence is distinct from n.confidence) then jsonb_build_object('confidence', o.confidence) else '{}' end
                    || case when (o.half_life is distinct from n.half_life) then jsonb_build_object('half_life', o.half_life) else '{}' end
                    || case when (o.expires_at is distinct from n.expires_at) then jsonb_build_object('expires_at', o.expires_at) else '{}' end
                    || case when (o.source_run_id is distinct from n.source_run_id) then jsonb_build_object('source_run_id', o.source_run_id) else '{}' end
                    || case when (o.superseded_by_id is distinct from n.superseded_by_id) then jsonb_build_object('superseded_by_id', o.superseded_by_id) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', o.owner_id) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                    || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', o.visibility) else '{}' end
                    || case when (o.by_record is distinct from n.by_record) then jsonb_build_object('by_record', o.by_record) else '{}' end
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
                    then case when (o.subject is distinct from n.subject) then jsonb_build_object('subject', n.subject) else '{}' end
                    || case when (o.membership_id is distinct from n.membership_id) then jsonb_build_object('membership_id', n.membership_id) else '{}' end
                    || case when (o.contact_id is distinct from n.contact_id) then jsonb_build_object('contact_id', n.contact_id) else '{}' end
                    || case when (o.company_id is distinct from n.company_id) then jsonb_build_object('company_id', n.company_id) else '{}' end
                    || case when (o.deal_id is distinct from n.deal_id) then jsonb_build_object('deal_id', n.deal_id) else '{}' end
                    || case when (o.kind is distinct from n.kind) then jsonb_build_object('kind', n.kind) else '{}' end
                    || case when (o.content is distinct from n.content) then jsonb_build_object('content', n.content) else '{}' end
                    || case when (o.content_sha256 is distinct from n.content_sha256) then jsonb_build_object('content_sha256', n.content_sha256) else '{}' end
                    || case when (o.importance is distinct from n.importance) then jsonb_build_object('importance', n.importance) else '{}' end
                    || case when (o.confidence is distinct from n.confidence) then jsonb_build_object('confidence', n.confidence) else '{}' end
                    || case when (o.half_life is distinct from n.half_life) then jsonb_build_object('half_life', n.half_life) else '{}' end
                    || case when (o.expires_at is distinct from n.expires_at) then jsonb_build_object('expires_at', n.expires_at) else '{}' end
                    || case when (o.source_run_id is distinct from n.source_run_id) then jsonb_build_object('source_run_id', n.source_run_id) else '{}' end
                    || case when (o.superseded_by_id is distinct from n.superseded_by_id) then jsonb_build_object('superseded_by_id', n.superseded_by_id) else '{}' end
                    || case when (o.owner_id is distinct from n.owner_id) then jsonb_build_object('owner_id', n.owner_id) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                    || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', n.visibility) else '{}' end
                    || case when (o.by_record is distinct from n.by_record) then jsonb_build_object('by_record', n.by_record) else '{}' end
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
            not (o.last_accessed_at is distinct from n.last_accessed_at)
            and not (o.access_count is distinct from n.access_count)
            and not (o.participant_ids is distinct from n.participant_ids)
        )
        or (o.agency_id is distinct from n.agency_id)
        or (o.id is distinct from n.id)
        or (o.subject is distinct from n.subject)
        or (o.membership_id is distinct from n.membership_id)
        or (o.contact_id is distinct from n.contact_id)
        or (o.company_id is distinct from n.company_id)
        or (o.deal_id is distinct from n.deal_id)
        or (o.kind is distinct from n.kind)
        or (o.content is distinct from n.content)
        or (o.content_sha256 is distinct from n.content_sha256)
        or (o.importance is distinct from n.importance)
        or (o.confidence is distinct from n.confidence)
        or (o.half_life is distinct from n.half_life)
        or (o.expires_at is distinct from n.expires_at)
        or (o.source_run_id is distinct from n.source_run_id)
        or (o.superseded_by_id is distinct from n.superseded_by_id)
        or (o.owner_id is distinct from n.owner_id)
        or (o.team_id is distinct from n.team_id)
        or (o.visibility is distinct from n.visibility)
        or (o.by_record is distinct from n.by_record)
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
            'ai',
            'memories',
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

revoke all on function audit.record_ai_memories() from public;
grant execute on function audit.record_ai_memories() to gardenos_owner;

comment on function audit.record_ai_memories() is
'Appends the changes of ai.memories to the trail.';

set local role gardenos_owner;
