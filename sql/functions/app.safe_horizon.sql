-- Up to where events may leave the house: of this epoch, those of transactions below txid. Every one of them
-- is over, so no event can appear among them any more, and all of them are on a second node: a transaction
-- whose wait for the standby was cancelled is visible here and may be lost in a failover (the cancel hole).
--
-- Notes the oldest transaction that still runs, then how far the log is written, and waits until as many
-- synchronous standbys as are configured have flushed that far. Where none is configured it answers at once.
-- Both columns are null when they have not within the patience: ask again. The caller has no transaction id
-- yet while it waits, so that it holds nobody back.
--
-- SECURITY DEFINER: the epoch, and what standbys have flushed, are not for everybody (pg_read_all_stats).
-- pg_stat_replication would answer from the statistics that a transaction reads once.
set local role gardenos_publisher;

create or replace function app.safe_horizon(
    patience interval default '5 seconds',
    out epoch integer,
    out txid xid8
)
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    standbys constant text := current_setting('synchronous_standby_names');
    -- FIRST 2 (a, b, c), ANY 1 (a, b), 2 (a, b), a, *
    wanted constant integer := coalesce(
        (regexp_match(standbys, '^\s*(?:(?:first|any)\s+)?(\d+)\s*\(', 'i'))[1]::integer,
        1
    );
    oldest constant xid8 := pg_snapshot_xmin(pg_current_snapshot());
    written pg_lsn;
    deadline constant timestamptz := clock_timestamp() + patience;
begin
    if patience is null or patience not between interval '0' and interval '1 minute' then
        raise exception 'The patience is between 0 and 1 minute, not %.', coalesce(patience::text, 'null')
            using errcode = '22023';
    end if;
    written := pg_current_wal_lsn();
    while btrim(standbys) <> '' loop
        exit when wanted <= (
            select count(*)
              from pg_stat_get_wal_senders() as s
             where s.sync_state in ('sync', 'quorum')
               and s.flush_lsn >= written
        );
        if clock_timestamp() >= deadline then
            return;
        end if;
        perform pg_sleep(0.01);
    end loop;
    epoch := (select max(e.epoch) from migration.epochs as e);
    txid := oldest;
end;
$function$;

revoke all on function app.safe_horizon(interval) from public;
grant execute on function app.safe_horizon(interval) to
    gardenos_worker;

comment on function app.safe_horizon(interval) is
'The epoch, and the transaction below which its events are final and flushed by a standby; null: not yet.';

set local role gardenos_owner;
