-- The twenty tables of ours with most dead rows: live_rows, dead_rows. dead_share: dead rows of all, 0 to
-- 1, an estimate of bloat; above 0.2 in a large table autovacuum does not keep up. vacuumed_seconds,
-- analyzed_seconds: since the last time, by hand or not; Infinity when never. bytes: with indexes and
-- TOAST.
--
-- labels: table_name
-- values: live_rows, dead_rows, dead_share, vacuumed_seconds, analyzed_seconds, bytes
select
    s.n_live_tup as live_rows,
    s.n_dead_tup as dead_rows,
    s.schemaname || '.' || s.relname as table_name,
    coalesce(
        extract(epoch from now() - greatest(s.last_vacuum, s.last_autovacuum))::double precision,
        'Infinity'
    ) as vacuumed_seconds,
    coalesce(
        extract(epoch from now() - greatest(s.last_analyze, s.last_autoanalyze))::double precision,
        'Infinity'
    ) as analyzed_seconds,
    s.n_dead_tup / greatest(s.n_live_tup + s.n_dead_tup, 1)::double precision as dead_share,
    pg_total_relation_size(s.relid) as bytes
from pg_catalog.pg_stat_user_tables as s
where
    s.schemaname in ('tenancy', 'crm', 'ai', 'langgraph', 'integration', 'governance', 'audit', 'migration')
order by s.n_dead_tup desc, s.relname asc
limit 20;
