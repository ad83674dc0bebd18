-- Appends the changes of ai.agent_runs to the trail, with their values, private rows without.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_ai_agent_runs()
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
            'agent_runs',
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
            'ai',
            'agent_runs',
            n.id,
            'update',
            case
                when o.visibility <> 'private' and n.visibility <> 'private'
                    then array_remove(array[
                        case when (o.agent_key is distinct from n.agent_key) then 'agent_key' end,
                        case when (o.agent_membership_id is distinct from n.agent_membership_id) then 'agent_membership_id' end,
                        case when (o.triggered_by_id is distinct from n.triggered_by_id) then 'triggered_by_id' end,
                        case when (o.on_behalf_of_id is distinct from n.on_behalf_of_id) then 'on_behalf_of_id' end,
                        case when (o.conversation_id is distinct from n.conversation_id) then 'conversation_id' end,
                        case when (o.parent_run_id is distinct from n.parent_run_id) then 'parent_run_id' end,
                        case when (o.status is distinct from n.status) then 'status' end,
                        case when (o.model is distinct from n.model) then 'model' end,
                        case when (o.input is distinct from n.input) then 'input' end,
                        case when (o.outcome is distinct from n.outcome) then 'outcome' end,
                        case when (o.cost is distinct from n.cost) then 'cost' end,
                        case when (o.currency is distinct from n.currency) then 'currency' end,
                        case when (o.started_at is distinct from n.started_at) then 'started_at' end,
                        case when (o.finished_at is distinct from n.finished_at) then 'finished_at' end,
                        case when (o.error is distinct from n.error) then 'error' end,
                        case when (o.team_id is distinct from n.team_id) then 'team_id' end,
                        case when (o.visibility is distinct from n.visibility) then 'visibility' end,
                        case when (o.request_id is distinct from n.request_id) then 'request_id' end,
                        case when (o.created_at is distinct from n.created_at) then 'created_at' end,
                        case when (o.created_by is distinct from n.created_by) then 'created_by' end,
                        case when (o.updated_at is distinct from n.updated_at) then 'updated_at' end,
                        case when (o.updated_by is distinct from n.updated_by) then 'updated_by' end,
                        case when (o.row_version is distinct from n.row_version) then 'row_version' end
                    ], null)
                else '{}'
            end,
            case
                when o.visibility <> 'private' and n.visibility <> 'private'
                    then case when (o.agent_key is distinct from n.agent_key) then jsonb_build_object('agent_key', o.agent_key) else '{}' end
                    || case when (o.agent_membership_id is distinct from n.agent_membership_id) then jsonb_build_object('agent_membership_id', o.agent_membership_id) else '{}' end
                    || case when (o.triggered_by_id is distinct from n.triggered_by_id) then jsonb_build_object('triggered_by_id', o.triggered_by_id) else '{}' end
                    || case when (o.on_behalf_of_id is distinct from n.on_behalf_of_id) then jsonb_build_object('on_behalf_of_id', o.on_behalf_of_id) else '{}' end
                    || case when (o.conversation_id is distinct from n.conversation_id) then jsonb_build_object('conversation_id', o.conversation_id) else '{}' end
                    || case when (o.parent_run_id is distinct from n.parent_run_id) then jsonb_build_object('parent_run_id', o.parent_run_id) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', o.status) else '{}' end
                    || case when (o.model is distinct from n.model) then jsonb_build_object('model', o.model) else '{}' end
                    || case when (o.input is distinct from n.input) then jsonb_build_object('input', o.input) else '{}' end
                    || case when (o.outcome is distinct from n.outcome) then jsonb_build_object('outcome', o.outcome) else '{}' end
                    || case when (o.cost is distinct from n.cost) then jsonb_build_object('cost', o.cost) else '{}' end
                    || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', o.currency) else '{}' end
                    || case when (o.started_at is distinct from n.started_at) then jsonb_build_object('started_at', o.started_at) else '{}' end
                    || case when (o.finished_at is distinct from n.finished_at) then jsonb_build_object('finished_at', o.finished_at) else '{}' end
                    || case when (o.error is distinct from n.error) then jsonb_build_object('error', o.error) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', o.team_id) else '{}' end
                    || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', o.visibility) else '{}' end
                    || case when (o.request_id is distinct from n.request_id) then jsonb_build_object('request_id', o.request_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', o.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', o.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', o.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', o.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', o.row_version) else '{}' end
            end,
            case
                when o.visibility <> 'private' and n.visibility <> 'private'
                    then case when (o.agent_key is distinct from n.agent_key) then jsonb_build_object('agent_key', n.agent_key) else '{}' end
                    || case when (o.agent_membership_id is distinct from n.agent_membership_id) then jsonb_build_object('agent_membership_id', n.agent_membership_id) else '{}' end
                    || case when (o.triggered_by_id is distinct from n.triggered_by_id) then jsonb_build_object('triggered_by_id', n.triggered_by_id) else '{}' end
                    || case when (o.on_behalf_of_id is distinct from n.on_behalf_of_id) then jsonb_build_object('on_behalf_of_id', n.on_behalf_of_id) else '{}' end
                    || case when (o.conversation_id is distinct from n.conversation_id) then jsonb_build_object('conversation_id', n.conversation_id) else '{}' end
                    || case when (o.parent_run_id is distinct from n.parent_run_id) then jsonb_build_object('parent_run_id', n.parent_run_id) else '{}' end
                    || case when (o.status is distinct from n.status) then jsonb_build_object('status', n.status) else '{}' end
                    || case when (o.model is distinct from n.model) then jsonb_build_object('model', n.model) else '{}' end
                    || case when (o.input is distinct from n.input) then jsonb_build_object('input', n.input) else '{}' end
                    || case when (o.outcome is distinct from n.outcome) then jsonb_build_object('outcome', n.outcome) else '{}' end
                    || case when (o.cost is distinct from n.cost) then jsonb_build_object('cost', n.cost) else '{}' end
                    || case when (o.currency is distinct from n.currency) then jsonb_build_object('currency', n.currency) else '{}' end
                    || case when (o.started_at is distinct from n.started_at) then jsonb_build_object('started_at', n.started_at) else '{}' end
                    || case when (o.finished_at is distinct from n.finished_at) then jsonb_build_object('finished_at', n.finished_at) else '{}' end
                    || case when (o.error is distinct from n.error) then jsonb_build_object('error', n.error) else '{}' end
                    || case when (o.team_id is distinct from n.team_id) then jsonb_build_object('team_id', n.team_id) else '{}' end
                    || case when (o.visibility is distinct from n.visibility) then jsonb_build_object('visibility', n.visibility) else '{}' end
                    || case when (o.request_id is distinct from n.request_id) then jsonb_build_object('request_id', n.request_id) else '{}' end
                    || case when (o.created_at is distinct from n.created_at) then jsonb_build_object('created_at', n.created_at) else '{}' end
                    || case when (o.created_by is distinct from n.created_by) then jsonb_build_object('created_by', n.created_by) else '{}' end
                    || case when (o.updated_at is distinct from n.updated_at) then jsonb_build_object('updated_at', n.updated_at) else '{}' end
                    || case when (o.updated_by is distinct from n.updated_by) then jsonb_build_object('updated_by', n.updated_by) else '{}' end
                    || case when (o.row_version is distinct from n.row_version) then jsonb_build_object('row_version', n.row_version) else '{}' end
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
            not (o.tokens_in is distinct from n.tokens_in)
            and not (o.tokens_out is distinct from n.tokens_out)
        )
        or (o.agency_id is distinct from n.agency_id)
        or (o.id is distinct from n.id)
        or (o.agent_key is distinct from n.agent_key)
        or (o.agent_membership_id is distinct from n.agent_membership_id)
        or (o.triggered_by_id is distinct from n.triggered_by_id)
        or (o.on_behalf_of_id is distinct from n.on_behalf_of_id)
        or (o.conversation_id is distinct from n.conversation_id)
        or (o.parent_run_id is distinct from n.parent_run_id)
        or (o.status is distinct from n.status)
        or (o.model is distinct from n.model)
        or (o.input is distinct from n.input)
        or (o.outcome is distinct from n.outcome)
        or (o.cost is distinct from n.cost)
        or (o.currency is distinct from n.currency)
        or (o.started_at is distinct from n.started_at)
        or (o.finished_at is distinct from n.finished_at)
        or (o.error is distinct from n.error)
        or (o.team_id is distinct from n.team_id)
        or (o.visibility is distinct from n.visibility)
        or (o.request_id is distinct from n.request_id)
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
            'ai',
            'agent_runs',
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

revoke all on function audit.record_ai_agent_runs() from public;
grant execute on function audit.record_ai_agent_runs() to gardenos_owner;

comment on function audit.record_ai_agent_runs() is
'Appends the changes of ai.agent_runs to the trail.';

set local role gardenos_owner;
