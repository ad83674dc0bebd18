-- Marks events of a claimed stream as published, and queues them for the webhooks that want them, in one
-- transaction: all or nothing, and the same event is queued once for an endpoint whatever is retried.
-- Answers how many it published. A transaction that would not wait for its standby is refused, because what
-- is queued here is sent by others.
create or replace function app.publish_events(events uuid[])
returns integer
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency constant uuid := app.agency_id();
    published integer;
begin
    if current_setting('synchronous_commit') not in ('on', 'remote_apply') then
        raise exception 'Events are not published with synchronous_commit %.', current_setting('synchronous_commit')
            using errcode = '55000',
            hint = 'Set synchronous_commit to on.';
    end if;
    insert into integration.webhook_deliveries (agency_id, endpoint_id, event_id, event_type)
    select e.agency_id, w.id, e.id, e.type
      from integration.outbox_events as e
      join integration.webhook_endpoints as w
        on w.agency_id = e.agency_id
       and w.is_active
       and w.deleted_at is null
       and (w.event_types = '{}' or e.type = any(w.event_types))
     where e.agency_id = agency
       and e.id = any(publish_events.events)
       and e.published_at is null
     order by e.epoch, e.timeline, e.seq
    on conflict (agency_id, endpoint_id, event_id) do nothing;
    update integration.outbox_events as e
       set published_at = clock_timestamp()
     where e.agency_id = agency
       and e.id = any(publish_events.events)
       and e.published_at is null;
    get diagnostics published = row_count;
    return published;
end;
$function$;

revoke all on function app.publish_events(uuid[]) from public;
grant execute on function app.publish_events(uuid[]) to
    gardenos_worker;

comment on function app.publish_events(uuid[]) is
'Marks claimed events as published and queues them for webhooks; returns how many.';
