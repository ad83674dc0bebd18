-- Has everything that happened between these ids been published, and does no delivery wait for it? A delivery
-- to an endpoint that is switched off waits as well, until app.purge_deliveries removes it.
--
-- SECURITY DEFINER: the owner, who drops months, sees no row.
set local role gardenos_publisher;

create or replace function app.is_drained(from_id uuid, to_id uuid)
returns boolean
language sql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $function$
    select not exists (
        select 1
          from integration.outbox_events as e
         where e.id >= from_id
           and e.id < to_id
           and e.published_at is null
    )
    and not exists (
        select 1
          from integration.webhook_deliveries as d
         where d.event_id >= from_id
           and d.event_id < to_id
           and d.status in ('pending', 'failed')
    );
$function$;

revoke all on function app.is_drained(uuid, uuid) from public;
grant execute on function app.is_drained(uuid, uuid) to
    gardenos_owner;

comment on function app.is_drained(uuid, uuid) is
'True when all events between two ids are published and no delivery waits for one of them.';

set local role gardenos_owner;
