-- The deliveries of the bound agency that are due, each ready to be sent: address, body, signature. They are
-- leased: their next attempt is set to the end of the lease, and a worker that dies is followed by the next
-- one then, with the same webhook-id. Commit before sending, so that no transaction is open meanwhile.
--
-- Order is kept for each record and endpoint: a delivery waits until the one before it of the same record
-- was delivered or given up. The endpoint is locked while its heads are looked for, and skipped by others, so
-- two workers do not lease the same ones. `attempt` tells a worker that outlived its lease from the next one.
--
-- The body has no value of the row, and the signature is that of Standard Webhooks: HMAC-SHA256 of
-- "<webhook-id>.<webhook-timestamp>.<body>", one for each secret that is valid.
create or replace function app.claim_deliveries(batch integer default 20, lease interval default '1 minute')
returns table (
    delivery_id uuid,
    attempt integer,
    url text,
    webhook_id uuid,
    webhook_timestamp bigint,
    webhook_signature text,
    body text
)
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
    agency constant uuid := app.agency_id();
    this_second constant bigint := extract(epoch from clock_timestamp())::bigint;
    endpoints uuid[];
begin
    if agency is null then
        raise exception 'No agency is bound: a delivery belongs to one.'
            using errcode = '42501',
            hint = 'Begin with: select app.bind_worker(agency).';
    end if;
    if batch is null or batch not between 1 and 1000 then
        raise exception 'A batch has between 1 and 1000 deliveries, not %.', coalesce(batch::text, 'null')
            using errcode = '22023';
    end if;
    if lease is null or lease not between interval '5 seconds' and interval '1 hour' then
        raise exception 'A lease lasts between 5 seconds and 1 hour, not %.', coalesce(lease::text, 'null')
            using errcode = '22023';
    end if;
    endpoints := array(
        select w.id
          from integration.webhook_endpoints as w
         where w.agency_id = agency
           and w.is_active
           and w.deleted_at is null
         order by w.id
           for no key update skip locked
    );
    return query
        with head as (
            select distinct on (d.endpoint_id, e.aggregate, e.aggregate_id)
                d.id,
                d.next_attempt_at
              from integration.webhook_deliveries as d
              join integration.outbox_events as e
                on e.agency_id = d.agency_id
               and e.id = d.event_id
             where d.agency_id = agency
               and d.endpoint_id = any(endpoints)
               and d.status in ('pending', 'failed')
             order by d.endpoint_id, e.aggregate, e.aggregate_id, e.epoch, e.timeline, e.seq
        ),
        due as (
            select h.id
              from head as h
             where h.next_attempt_at <= now()
             order by h.next_attempt_at, h.id
             limit batch
        ),
        leased as (
            update integration.webhook_deliveries as d
               set attempts = d.attempts + 1,
                   next_attempt_at = now() + lease
              from due
             where d.agency_id = agency
               and d.id = due.id
            returning d.*
        ),
        message as (
            select
                l.id,
                l.endpoint_id,
                l.attempts::integer as attempt,
                e.id as event_id,
                e.epoch,
                e.timeline,
                e.seq,
                (
                    jsonb_build_object(
                        'id', e.id,
                        'type', e.type,
                        'agency_id', e.agency_id,
                        'record_id', e.aggregate_id,
                        'occurred_at', e.occurred_at
                    )
                    || (e.payload - array['provider', 'bucket', 'object_path'])
                )::text as body
              from leased as l
              join integration.outbox_events as e
                on e.agency_id = l.agency_id
               and e.id = l.event_id
        )
        select
            m.id,
            m.attempt,
            w.url::text,
            m.event_id,
            this_second,
            concat_ws(
                ' ',
                app.webhook_signature(s.agency_id, s.secret_ref, signed.text),
                case
                    when s.previous_until > now()
                        then app.webhook_signature(s.agency_id, s.previous_ref, signed.text)
                end
            ),
            m.body
          from message as m
         cross join lateral (
              select m.event_id::text || '.' || this_second::text || '.' || m.body
          ) as signed (text)
          join integration.webhook_endpoints as w
            on w.agency_id = agency
           and w.id = m.endpoint_id
          join integration.webhook_secrets as s
            on s.agency_id = agency
           and s.endpoint_id = m.endpoint_id
         order by m.epoch, m.timeline, m.seq;
end;
$function$;

revoke all on function app.claim_deliveries(integer, interval) from public;
grant execute on function app.claim_deliveries(integer, interval) to
    gardenos_worker;

comment on function app.claim_deliveries(integer, interval) is
'Leases the deliveries of the bound agency that are due, ready to be sent and signed.';
