-- Erases what the trail holds of one record: old and new values and their salt, without which the hash that
-- is left in their place says nothing. Everything else stays, so every seal still holds, and a row "redact"
-- says that it was done. It comes last in an erasure: the deletes before it leave rows too. Called again it
-- finds nothing and records nothing.
--
-- SECURITY DEFINER, as the only role that may update the trail, and only those columns.
set local role gardenos_audit_redactor;

create or replace function audit.redact(agency uuid, record_table text, record uuid)
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
    update audit.log as l
       set values_hash = audit.values_hash(l.salt, l.old_values, l.new_values),
           old_values = null,
           new_values = null,
           salt = null
     where l.agency_id = redact.agency
       and l.schema_name = split_part(redact.record_table, '.', 1)
       and l.table_name = split_part(redact.record_table, '.', 2)
       and l.record_id = redact.record
       and l.salt is not null;
    get diagnostics emptied = row_count;
    if emptied > 0 then
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
        values (
            redact.agency,
            split_part(redact.record_table, '.', 1),
            split_part(redact.record_table, '.', 2),
            redact.record,
            'redact',
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
        );
    end if;
    return emptied;
end;
$function$;

revoke all on function audit.redact(uuid, text, uuid) from public;
grant execute on function audit.redact(uuid, text, uuid) to
    service_role;

comment on function audit.redact(uuid, text, uuid) is
'Erases the values that the trail holds of one record, and records that; returns how many rows it emptied.';

set local role gardenos_owner;
