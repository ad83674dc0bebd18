-- Who waits for whom. sessions_waiting: for a lock; longest_wait_seconds: the longest of these, 0 when
-- nobody waits; sessions_blocking: that hold what others wait for; waiting_for_standby: commits that wait
-- for a synchronous standby, and are not acknowledged until it answers.
--
-- values: sessions_waiting, longest_wait_seconds, sessions_blocking, waiting_for_standby
select
    count(*) filter (where a.wait_event_type = 'Lock') as sessions_waiting,
    coalesce(
        max(extract(epoch from clock_timestamp() - l.waits_since)) filter (where a.wait_event_type = 'Lock'),
        0
    )::double precision as longest_wait_seconds,
    (
        select count(distinct b.pid)
        from pg_catalog.pg_stat_activity as w
        cross join lateral unnest(pg_blocking_pids(w.pid)) as b (pid)
        where w.wait_event_type = 'Lock'
    ) as sessions_blocking,
    count(*) filter (where a.wait_event = 'SyncRep') as waiting_for_standby
from pg_catalog.pg_stat_activity as a
left join (
    select
        k.pid,
        min(k.waitstart) as waits_since
    from pg_catalog.pg_locks as k
    where not k.granted
    group by k.pid
) as l on a.pid = l.pid;
