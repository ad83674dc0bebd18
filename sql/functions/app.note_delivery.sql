-- What came of an attempt. An answer from 200 to 299 is a delivery. Anything else is tried again after 30
-- seconds, then twice as long each time, at most 6 hours, give or take a fifth, so that an endpoint that
-- comes back is not met by all of them at once. After 15 attempts, some two days, the delivery is dead.
--
-- An endpoint whose deliveries die, and which has taken none for a day, is switched off, and at once when it
-- answers 410 Gone. What it still had to get waits until an owner or admin switches it on again.
--
-- An attempt that is not the last one, of a worker that outlived its lease, changes nothing and gets null.
create or replace function app.note_delivery(
    delivery_id uuid,
    attempt integer,
    response_code integer default null,
    response_ms integer default null,
    error text default null
)
returns app.delivery_status
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    max_attempts constant integer := 15;
    outcome constant app.delivery_status := case
        when note_delivery.response_code between 200 and 299 then 'delivered'
        when note_delivery.attempt >= max_attempts or note_delivery.response_code = 410 then 'dead'
        else 'failed'
    end;
    pause constant interval := least(
        interval '30 seconds' * power(2, least(note_delivery.attempt, 20) - 1),
        interval '6 hours'
    ) * (0.8 + 0.4 * random());
    endpoint uuid;
begin
    update integration.webhook_deliveries as d
       set status = outcome,
           response_code = note_delivery.response_code,
           response_ms = note_delivery.response_ms,
           last_error = left(note_delivery.error, 1000),
           next_attempt_at = case when outcome = 'failed' then clock_timestamp() + pause else d.next_attempt_at end,
           delivered_at = case when outcome = 'delivered' then clock_timestamp() end
     where d.agency_id = app.agency_id()
       and d.id = note_delivery.delivery_id
       and d.attempts = note_delivery.attempt
       and d.status in ('pending', 'failed')
    returning d.endpoint_id into endpoint;
    if endpoint is null then
        return null;
    end if;
    if outcome = 'dead' then
        update integration.webhook_endpoints as w
           set is_active = false,
               disabled_at = now()
         where w.agency_id = app.agency_id()
           and w.id = endpoint
           and w.is_active
           and (
               note_delivery.response_code = 410
               or not exists (
                   select 1
                     from integration.webhook_deliveries as d
                    where d.agency_id = w.agency_id
                      and d.endpoint_id = w.id
                      and d.delivered_at > now() - interval '1 day'
               )
           );
    end if;
    return outcome;
end;
$function$;

revoke all on function app.note_delivery(uuid, integer, integer, integer, text) from public;
grant execute on function app.note_delivery(uuid, integer, integer, integer, text) to
    gardenos_worker;

comment on function app.note_delivery(uuid, integer, integer, integer, text) is
'Notes what came of an attempt: delivered, failed (tried again) or dead; null when it was not the last.';
