-- Claims the outbox of the agency that the transaction is bound to, until it ends, and answers its next
-- events in their order (epoch, timeline, seq). Nobody else gets an event of the stream meanwhile, so two
-- workers cannot break the order; a worker that dies loses the claim with its transaction.
--
-- The claim is a lock on the first event that is not published, skipped when another has it. It is asked for
-- by id: a search that skips would go on to the second event, and that would be a second claim. Only events
-- within app.safe_horizon are answered, asked before the lock, because a lock takes a transaction id and
-- would hold back the horizon of everybody. It stops at the first event beyond: a transaction that began
-- early may have changed a record last, and would overtake the one that changed it first.
create or replace function app.claim_outbox_stream(
    batch integer default 500,
    patience interval default '5 seconds'
)
returns setof integration.outbox_events
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency constant uuid := app.agency_id();
    horizon record;
    head uuid;
    event integration.outbox_events;
begin
    if agency is null then
        raise exception 'No agency is bound: a stream belongs to one.'
            using errcode = '42501',
            hint = 'Begin with: select app.bind_worker(agency).';
    end if;
    if batch is null or batch not between 1 and 10000 then
        raise exception 'A batch has between 1 and 10000 events, not %.', coalesce(batch::text, 'null')
            using errcode = '22023';
    end if;
    horizon := app.safe_horizon(patience);
    if horizon.txid is null then
        return;
    end if;
    select e.id
      into head
      from integration.outbox_events as e
     where e.agency_id = agency
       and e.published_at is null
     order by e.epoch, e.timeline, e.seq
     limit 1;
    perform 1
       from integration.outbox_events as e
      where e.agency_id = agency
        and e.id = head
        and e.published_at is null
        for no key update skip locked;
    if not found then
        return;
    end if;
    for event in
        select *
          from integration.outbox_events as e
         where e.agency_id = agency
           and e.published_at is null
         order by e.epoch, e.timeline, e.seq
         limit batch
    loop
        exit when event.epoch = horizon.epoch and event.txid >= horizon.txid;
        return next event;
    end loop;
end;
$function$;

revoke all on function app.claim_outbox_stream(integer, interval) from public;
grant execute on function app.claim_outbox_stream(integer, interval) to
    gardenos_worker;

comment on function app.claim_outbox_stream(integer, interval) is
'Claims the outbox of the bound agency for this transaction; its next events, none when it is taken.';
