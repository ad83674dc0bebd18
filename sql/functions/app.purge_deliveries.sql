-- Removes what was delivered or given up, and what an endpoint that is switched off or deleted did not take,
-- 30 days after it was due; at most so many at a time. Answers how many it removed: call it until that is 0.
create or replace function app.purge_deliveries(batch integer default 10000)
returns integer
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    removed integer;
begin
    if batch is null or batch < 1 then
        raise exception 'A batch has at least one delivery, not %.', coalesce(batch::text, 'null')
            using errcode = '22023';
    end if;
    delete from integration.webhook_deliveries as d
     where d.agency_id = app.agency_id()
       and d.id in (
           select o.id
             from integration.webhook_deliveries as o
             join integration.webhook_endpoints as w
               on w.agency_id = o.agency_id
              and w.id = o.endpoint_id
            where o.agency_id = app.agency_id()
              and coalesce(o.delivered_at, o.next_attempt_at) < now() - interval '30 days'
              and (o.status in ('delivered', 'dead') or not w.is_active or w.deleted_at is not null)
            limit batch
       );
    get diagnostics removed = row_count;
    return removed;
end;
$function$;

revoke all on function app.purge_deliveries(integer) from public;
grant execute on function app.purge_deliveries(integer) to
    gardenos_worker;

comment on function app.purge_deliveries(integer) is
'Removes deliveries of the bound agency that are done, or never will be, after 30 days; returns how many.';
