-- A file that is gone, by whichever cascade, leaves an event that says where its object lies, and so does a
-- message whose original is in storage: whoever removes objects reads it there, because the row is gone by
-- then. SECURITY DEFINER: nobody who deletes a record writes the outbox.
set local role gardenos_eraser;

create or replace function app.note_removed_objects()
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
        tg_table_schema || '.' || tg_table_name,
        o.id,
        tg_table_schema || '.' || tg_table_name || '.removed',
        jsonb_strip_nulls(
            jsonb_build_object(
                'provider', to_jsonb(o) -> 'provider',
                'bucket', to_jsonb(o) -> 'bucket',
                'object_path', coalesce(to_jsonb(o) -> 'object_path', to_jsonb(o) -> 'body_html_path')
            )
        ),
        (select max(e.epoch) from migration.epochs as e),
        ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer
      from old_rows as o
     where coalesce(to_jsonb(o) ->> 'object_path', to_jsonb(o) ->> 'body_html_path') is not null;
    return null;
end;
$function$;

revoke all on function app.note_removed_objects() from public;
grant execute on function app.note_removed_objects() to
    gardenos_owner;

comment on function app.note_removed_objects() is
'Writes an event of the outbox for each object whose row is gone: where it lies.';

set local role gardenos_owner;
