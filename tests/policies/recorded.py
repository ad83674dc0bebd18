"""Whatever a test of the suite writes, the trail has exactly one row for each row changed.

Not asked of the trail, which most roles may not read, but of the counters that PostgreSQL keeps for
the transaction, rows that are rolled back again included. Where a trigger keeps a column that is no
change of the row (`participant_ids`), an update of that table may be recorded or not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from migrations.desired_state.recorders import levels

Connection = psycopg.Connection[dict[str, Any]]

RECORDED = [table for table, level in levels().items() if level != "none"]
# A trigger keeps participant_ids or last_message_at there.
KEPT = [
    "crm.conversations",
    "crm.calendar_events",
    "ai.documents",
    "ai.chunks",
    "ai.embeddings_vector_1536",
    "ai.embeddings_halfvec_3072",
]
COUNTED = """
select
    array_agg(c.oid) filter (where w.name = any (%s)) as kept,
    array_agg(c.oid) filter (where w.name = any (%s)) as audited,
    array_agg(c.oid) filter (where own.name ~ '^audit[.]log_') as trail
  from pg_catalog.pg_class as c
 cross join concat(c.relnamespace::regnamespace, '.', c.relname) as own (name)
 -- a partition is recorded by its table
 cross join coalesce(pg_partition_root(c.oid)::regclass::text, own.name) as w (name)
 where c.relkind = 'r'
"""
COUNTS = """
select
    (select sum(pg_stat_get_xact_tuples_updated(t.id)) from unnest(%(kept)s::oid[]) as t (id))
    as kept,
    (
        select sum(
            pg_stat_get_xact_tuples_inserted(t.id)
            + pg_stat_get_xact_tuples_updated(t.id)
            + pg_stat_get_xact_tuples_deleted(t.id)
        )
          from unnest(%(audited)s::oid[]) as t (id)
    ) as changed,
    (select sum(pg_stat_get_xact_tuples_inserted(t.id)) from unnest(%(trail)s::oid[]) as t (id))
    as recorded
"""


Counts = tuple[int, int, int]

# of each connection in such a block: the tables that are counted, and their counts before it
_tables: dict[int, dict[str, Any]] = {}
_baselines: dict[int, Counts] = {}


@contextmanager
def recorded(connection: Connection) -> Iterator[None]:
    """A block within one transaction, whose changes must all be recorded, once each.

    Raises:
        AssertionError: the trail has more or fewer new rows than were changed.
    """
    (_tables[id(connection)],) = connection.execute(COUNTED, [KEPT, RECORDED]).fetchall()
    _baselines[id(connection)] = _counts(connection)
    try:
        yield
        if connection.info.transaction_status == TransactionStatus.INTRANS:
            changed, noted, kept = _since(_baselines[id(connection)], connection)
            assert changed - kept <= noted <= changed, (
                f"{changed} rows were changed, and {noted} recorded"
            )
    finally:
        del _baselines[id(connection)], _tables[id(connection)]


@contextmanager
def unless_it_fails(connection: Connection) -> Iterator[None]:
    """A savepoint within such a block: what it counted before it failed was never done."""
    before = _counts(connection) if id(connection) in _baselines else None
    try:
        yield
    except psycopg.Error:
        if before is not None:
            changed, noted, kept = _since(before, connection)
            earlier = _baselines[id(connection)]
            _baselines[id(connection)] = (
                earlier[0] + changed,
                earlier[1] + noted,
                earlier[2] + kept,
            )
        raise


def _since(before: Counts, connection: Connection) -> Counts:
    after = _counts(connection)
    return after[0] - before[0], after[1] - before[1], after[2] - before[2]


def _counts(connection: Connection) -> Counts:
    row = connection.execute(COUNTS, _tables[id(connection)]).fetchone()
    assert row is not None
    return int(row["changed"]), int(row["recorded"]), int(row["kept"])
