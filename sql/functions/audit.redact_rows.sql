-- Erases the values of these rows of the trail, and records that once for each record. The hash that is left
-- says nothing without the salt; every seal still holds. SECURITY DEFINER, as the only role that may update
-- the trail, and only those columns; the functions of erasure call it.
set local role gardenos_audit_redactor;

create or replace function audit.redact_rows(agency uuid, log_ids uuid[])
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    emptied bigint;
    context constant record := audit.context();
begin
    with emptied_rows as (
        update audit.log as l
           set values_hash = audit.values_hash(l.salt, l.old_values, l.new_values),
               old_values = null,
               new_values = null,
               salt = null
         where l.agency_id = redact_rows.agency
           and l.id = any(redact_rows.log_ids)
           and l.salt is not null
        returning l.schema_name, l.table_name, l.record_id
    ),
    recorded as (
        insert into audit.log (
            agency_id, schema_name, table_name, record_id, op, actor_kind, actor_user_id, actor_membership_id,
            on_behalf_of_id, api_key_id, agency_role, db_role, request_id, ip, xid, epoch, timeline
        )
        select distinct
            redact_rows.agency,
            e.schema_name,
            e.table_name,
            e.record_id,
            'redact'::app.audit_op,
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
          from emptied_rows as e
    )
    select count(*) into emptied from emptied_rows;
    return emptied;
end;
$function$;

revoke all on function audit.redact_rows(uuid, uuid[]) from public;

comment on function audit.redact_rows(uuid, uuid[]) is
'Erases the values of rows of the trail, and records that; returns how many it emptied.';

set local role gardenos_owner;
