-- Counters of this database since stats_reset; they start again on a node that becomes primary. commits,
-- rollbacks, deadlocks, conflicts (queries that a standby cancelled), temp_bytes (sorts that did not fit),
-- blocks_read and blocks_hit. checksum_failures above 0: the disk changed what was written. bytes: the
-- database now.
--
-- values: commits, rollbacks, deadlocks, conflicts, temp_bytes, blocks_read, blocks_hit, checksum_failures
-- values: bytes
select
    d.xact_commit as commits,
    d.xact_rollback as rollbacks,
    d.deadlocks,
    d.conflicts,
    d.temp_bytes,
    d.blks_read as blocks_read,
    d.blks_hit as blocks_hit,
    coalesce(d.checksum_failures, 0) as checksum_failures,
    pg_database_size(current_database()) as bytes
from pg_catalog.pg_stat_database as d
where d.datname = current_database();
