-- Each standby as its primary sees it; no row on a standby. sync_state says whether commits wait for it.
-- unreplayed_bytes: WAL it has yet to replay; replay_seconds: how long a commit takes to be visible there,
-- 0 when nothing was written lately.
--
-- labels: standby, state, sync_state
-- values: unreplayed_bytes, replay_seconds
select
    r.application_name as standby,
    coalesce(r.state, 'unknown') as state,
    coalesce(r.sync_state, 'unknown') as sync_state,
    coalesce(pg_wal_lsn_diff(pg_current_wal_flush_lsn(), r.replay_lsn), 0)::bigint as unreplayed_bytes,
    coalesce(extract(epoch from r.replay_lag), 0)::double precision as replay_seconds
from pg_catalog.pg_stat_replication as r
where not pg_is_in_recovery();
