-- Which agencies have events to publish or deliveries that are due: what a worker that knows no agency asks
-- before it binds to one. Ids, nothing else. Hops from one agency to the next in the indexes of what is not
-- done: there are many events and few agencies.
--
-- SECURITY DEFINER: a worker sees one agency at a time, and only when it is bound.
set local role gardenos_publisher;

create or replace function app.agencies_with_work()
returns setof uuid
language sql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $function$
    with recursive publishing as (
        (
            select e.agency_id
              from integration.outbox_events as e
             where e.published_at is null
             order by e.agency_id
             limit 1
        )
        union all
        select (
            select e.agency_id
              from integration.outbox_events as e
             where e.agency_id > p.agency_id
               and e.published_at is null
             order by e.agency_id
             limit 1
        )
          from publishing as p
         where p.agency_id is not null
    ),
    delivering as (
        (
            select d.agency_id
              from integration.webhook_deliveries as d
             where d.status in ('pending', 'failed')
             order by d.agency_id
             limit 1
        )
        union all
        select (
            select d.agency_id
              from integration.webhook_deliveries as d
             where d.agency_id > p.agency_id
               and d.status in ('pending', 'failed')
             order by d.agency_id
             limit 1
        )
          from delivering as p
         where p.agency_id is not null
    )
    select p.agency_id
      from publishing as p
     where p.agency_id is not null
    union
    select w.agency_id
      from delivering as w
     where exists (
        select 1
          from integration.webhook_deliveries as d
         where d.agency_id = w.agency_id
           and d.status in ('pending', 'failed')
           and d.next_attempt_at <= now()
     );
$function$;

revoke all on function app.agencies_with_work() from public;
grant execute on function app.agencies_with_work() to
    gardenos_worker;

comment on function app.agencies_with_work() is
'The agencies with events to publish or deliveries that are due.';

set local role gardenos_owner;
