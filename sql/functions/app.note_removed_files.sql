-- A file that is gone, by whichever cascade, leaves an event that says where its object lies: whoever removes
-- objects reads it there, because the row is gone by then. SECURITY DEFINER: nobody who deletes a file
-- writes the outbox.
set local role gardenos_eraser;

create or replace function app.note_removed_files()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    insert into integration.outbox_events (agency_id, aggregate, aggregate_id, type, payload, epoch, timeline)
    select
        o.agency_id,
        'crm.files',
        o.id,
        'crm.files.removed',
        jsonb_build_object('provider', o.provider, 'bucket', o.bucket, 'object_path', o.object_path),
        (select max(e.epoch) from migration.epochs as e),
        ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer
      from old_rows as o;
    return null;
end;
$function$;

revoke all on function app.note_removed_files() from public;
grant execute on function app.note_removed_files() to
    gardenos_owner;

comment on function app.note_removed_files() is
'Writes an event of the outbox for each file that is gone: where its object lies.';

set local role gardenos_owner;
