-- Where the trail of this transaction stands: an erasure notes it before it deletes, and so knows afterwards
-- which records went, cascades included. SECURITY DEFINER: who erases does not read the trail.
set local role gardenos_audit_redactor;

create or replace function audit.last_change(agency uuid)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select coalesce(max(l.seq), 0)
          from audit.log as l
         where l.agency_id = last_change.agency
           and l.epoch = (select max(e.epoch) from migration.epochs as e)
           and l.xid = pg_current_xact_id()
    );
end;
$function$;

revoke all on function audit.last_change(uuid) from public;
grant execute on function audit.last_change(uuid) to
    gardenos_eraser;

comment on function audit.last_change(uuid) is
'The number of the last row that this transaction left in the trail of an agency.';

set local role gardenos_owner;
