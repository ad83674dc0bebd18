-- Who waits for whom. sessions_waiting: for a lock; longest_wait_seconds: the longest of these, 0 when
-- nobody waits; sessions_blocking: that hold what others wait for; waiting_for_standby: commits that wait
-- for a synchronous standby, and are not acknowledged until it answers.
--
-- values: sessions_waiting, longest_wait_seconds, sessions_blocking, waiting_for_standby
with waiting as (
    select
        k.pid,
        min(k.waitstart) as waits_since
    from pg_catalog.pg_locks as k
    where not k.granted
    group by k.pid
),

blocking as (
    select count(distinct b.pid) as sessions
    from waiting as w
    cross join lateral unnest(pg_blocking_pids(w.pid)) as b (pid)
)

select
    count(w.pid) as sessions_waiting,
    coalesce(
        max(extract(epoch from clock_timestamp() - w.waits_since)),
        0
    )::double precision as longest_wait_seconds,
    max(b.sessions) as sessions_blocking,
    count(*) filter (where a.wait_event = 'SyncRep') as waiting_for_standby
from pg_catalog.pg_stat_activity as a
cross join blocking as b
left join waiting as w on a.pid = w.pid;
