-- What a table of ours must never lack, counted; each is an alarm above 0. tables_without_rls: row-level
-- security off or not forced, partitions included (schema migration needs none). triggers_off: disabled, or
-- fired for replication only. indexes_invalid: left by a CREATE INDEX CONCURRENTLY that failed.
-- tables_unlogged: empty after a failover. constraints_unproved: NOT VALID.
--
-- values: tables_without_rls, tables_unlogged, triggers_off, indexes_invalid, constraints_unproved
with ours as (
    select
        c.oid,
        c.relkind,
        c.relpersistence,
        n.nspname,
        c.relrowsecurity and c.relforcerowsecurity as is_guarded
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where
        c.relkind in ('r', 'p')
        and n.nspname in (
            'tenancy', 'crm', 'ai', 'langgraph', 'integration', 'governance', 'audit', 'migration'
        )
)

select
    count(*) filter (where o.nspname <> 'migration' and not o.is_guarded) as tables_without_rls,
    count(*) filter (where o.relpersistence <> 'p') as tables_unlogged,
    coalesce(
        sum((
            select count(*)
            from pg_catalog.pg_trigger as t
            where
                t.tgrelid = o.oid
                and t.tgenabled not in ('O', 'A')
        )),
        0
    )::bigint as triggers_off,
    coalesce(
        sum((
            select count(*)
            from pg_catalog.pg_index as i
            where
                i.indrelid = o.oid
                and not (i.indisvalid and i.indisready)
        )),
        0
    )::bigint as indexes_invalid,
    coalesce(
        sum((
            select count(*)
            from pg_catalog.pg_constraint as k
            where
                k.conrelid = o.oid
                and not k.convalidated
        )),
        0
    )::bigint as constraints_unproved
from ours as o;
