-- Each replication slot. retained_bytes: WAL kept for it, which fills the disk when nobody reads it.
-- is_active: 1 or 0. is_lost: 1 when the WAL it needs is gone, and the consumer must start anew.
--
-- labels: slot, kind
-- values: is_active, is_lost, retained_bytes
select
    s.slot_name as slot,
    s.slot_type as kind,
    s.active::integer as is_active,
    (coalesce(s.wal_status, 'reserved') = 'lost')::integer as is_lost,
    coalesce(pg_wal_lsn_diff(
        case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_flush_lsn() end,
        s.restart_lsn
    ), 0)::bigint as retained_bytes
from pg_catalog.pg_replication_slots as s;
