-- sessions of each login, how many of them are active and how many idle_in_transaction.
-- longest_transaction_seconds: an old transaction keeps dead rows, and the seals of the audit trail wait
-- for it: no batch ends behind it. connections_left is the same in every row: how many more can log in.
--
-- labels: login
-- values: sessions, active, idle_in_transaction, longest_transaction_seconds, connections_left
select
    coalesce(a.usename, 'none') as login,
    count(*) as sessions,
    count(*) filter (where a.state = 'active') as active,
    count(*) filter (where starts_with(a.state, 'idle in transaction')) as idle_in_transaction,
    coalesce(
        max(extract(epoch from clock_timestamp() - a.xact_start)),
        0
    )::double precision as longest_transaction_seconds,
    current_setting('max_connections')::integer - (
        select count(*)
        from pg_catalog.pg_stat_activity as b
        where b.backend_type = 'client backend'
    ) as connections_left
from pg_catalog.pg_stat_activity as a
where a.backend_type = 'client backend'
group by a.usename;
