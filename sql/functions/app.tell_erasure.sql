-- An erasure was done, or more of it: the event that makes the exporter read app.erasure_ledger and write it
-- to the store outside the database. It holds the id of the request, nothing else.
create or replace function app.tell_erasure(agency uuid, request uuid)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    insert into integration.outbox_events (agency_id, aggregate, aggregate_id, type, epoch, timeline)
    values (
        agency,
        'governance.erasure_requests',
        request,
        'governance.erasure_requests.executed',
        (select max(e.epoch) from migration.epochs as e),
        ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer
    );
end;
$function$;

revoke all on function app.tell_erasure(uuid, uuid) from public;
grant execute on function app.tell_erasure(uuid, uuid) to
    gardenos_eraser;

comment on function app.tell_erasure(uuid, uuid) is
'Writes the event that a request to be forgotten was executed.';
