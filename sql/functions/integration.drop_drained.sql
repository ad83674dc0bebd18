-- Drops the months of integration.outbox_events that have passed and are drained: all published, nothing
-- awaited by a delivery. Answers how many it dropped. A month that a transaction still writes to is locked,
-- so it is refused after two seconds (55P03) and nothing is dropped: call it again.
--
-- SECURITY DEFINER, as the owner: only the owner of a table drops its partitions. Whether they are drained
-- app.is_drained says, asked when the month is locked: the owner sees no row.
create or replace function integration.drop_drained()
returns integer
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $function$
declare
    old record;
    dropped integer := 0;
begin
    for old in
        select c.relname::text as partition, to_date(c.relname, '"outbox_events_"YYYY_MM')::timestamp as month
          from pg_inherits as i
          join pg_class as c on c.oid = i.inhrelid
         where i.inhparent = 'integration.outbox_events'::regclass
           and c.relname ~ '^outbox_events_[0-9]{4}_[0-9]{2}$'
           and to_date(c.relname, '"outbox_events_"YYYY_MM') + interval '1 month' <= now() at time zone 'UTC'
         order by c.relname
    loop
        continue when not app.is_drained(
            app.uuid_v7_floor(old.month at time zone 'UTC'),
            app.uuid_v7_floor((old.month + interval '1 month') at time zone 'UTC')
        );
        lock table only integration.outbox_events in access exclusive mode;
        execute format('lock table integration.%I in access exclusive mode', old.partition);
        if app.is_drained(
            app.uuid_v7_floor(old.month at time zone 'UTC'),
            app.uuid_v7_floor((old.month + interval '1 month') at time zone 'UTC')
        ) then
            execute format('drop table integration.%I', old.partition);
            dropped := dropped + 1;
        end if;
    end loop;
    return dropped;
end;
$function$;

revoke all on function integration.drop_drained() from public;
grant execute on function integration.drop_drained() to
    gardenos_worker;

comment on function integration.drop_drained() is
'Drops the months of outbox_events that have passed and are drained; returns how many.';
