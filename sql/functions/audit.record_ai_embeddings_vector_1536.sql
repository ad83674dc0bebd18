-- Appends the changes of ai.embeddings_vector_1536 to the trail, without their values.
-- Written by migrations.desired_state.recorders; do not edit. One plan is kept for the session, and
-- one statement may touch one row and the next ten thousand: no nested loop of old and new rows.
set local role gardenos_audit_writer;

create or replace function audit.record_ai_embeddings_vector_1536()
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
begin
    -- no transaction id: the statement wrote nothing
    if pg_current_xact_id_if_assigned() is null then
        return null;
    end if;
    context := audit.context();
    if tg_op = 'INSERT' then
        insert into audit.log (
            agency_id,
            schema_name,
            table_name,
            record_id,
            op,
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
            'embeddings_vector_1536',
            n.id,
            'insert',
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
            'embeddings_vector_1536',
            n.id,
            'update',
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
           and n.tier = o.tier
         where (
            not (o.tier is distinct from n.tier)
            and not (o.participant_ids is distinct from n.participant_ids)
        )
        or (o.agency_id is distinct from n.agency_id)
        or (o.id is distinct from n.id)
        or (o.chunk_id is distinct from n.chunk_id)
        or (o.memory_id is distinct from n.memory_id)
        or (o.model_id is distinct from n.model_id)
        or (o.storage is distinct from n.storage)
        or (o.content_sha256 is distinct from n.content_sha256)
        or (o.embedding operator(extensions.<>) n.embedding)
        or (o.embedded_at is distinct from n.embedded_at)
        or (o.owner_id is distinct from n.owner_id)
        or (o.team_id is distinct from n.team_id)
        or (o.visibility is distinct from n.visibility)
        or (o.by_record is distinct from n.by_record);
    elsif tg_op = 'DELETE' then
        insert into audit.log (
            agency_id,
            schema_name,
            table_name,
            record_id,
            op,
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
            'embeddings_vector_1536',
            o.id,
            'delete',
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

revoke all on function audit.record_ai_embeddings_vector_1536() from public;
grant execute on function audit.record_ai_embeddings_vector_1536() to gardenos_owner;

comment on function audit.record_ai_embeddings_vector_1536() is
'Appends the changes of ai.embeddings_vector_1536 to the trail.';

set local role gardenos_owner;
