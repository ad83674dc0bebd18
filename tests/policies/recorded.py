"""Whatever a test of the suite writes, the trail has exactly one row for each row changed.

Not asked of the trail, which most roles may not read, but of the counters that PostgreSQL keeps for
the transaction, rows that are rolled back again included.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from migrations.desired_state.recorders import levels

Connection = psycopg.Connection[dict[str, Any]]

RECORDED = [table for table, level in levels().items() if level != "none"]
COUNTS = """
select
    coalesce(sum(w.changed) filter (where w.name = any (%s)), 0) as changed,
    coalesce(sum(w.inserted) filter (where w.name ~ '^audit[.]log_'), 0) as recorded
  from (
      select
          concat(n.nspname, '.', c.relname) as name,
          pg_stat_get_xact_tuples_inserted(c.oid) as inserted,
          pg_stat_get_xact_tuples_inserted(c.oid)
          + pg_stat_get_xact_tuples_updated(c.oid)
          + pg_stat_get_xact_tuples_deleted(c.oid) as changed
        from pg_catalog.pg_class as c
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
       where c.relkind = 'r'
         and n.nspname <> all ('{pg_catalog,information_schema,pg_toast}')
  ) as w
"""


_baselines: dict[int, tuple[int, int]] = {}


@contextmanager
def recorded(connection: Connection) -> Iterator[None]:
    """A block within one transaction, whose changes must all be recorded, once each.

    Raises:
        AssertionError: the trail has more or fewer new rows than were changed.
    """
    _baselines[id(connection)] = _counts(connection)
    try:
        yield
        if connection.info.transaction_status == TransactionStatus.INTRANS:
            changed, noted = _since(_baselines[id(connection)], connection)
            assert changed == noted, f"{changed} rows were changed, and {noted} recorded"
    finally:
        del _baselines[id(connection)]


@contextmanager
def unless_it_fails(connection: Connection) -> Iterator[None]:
    """A savepoint within such a block: what it counted before it failed was never done."""
    before = _counts(connection) if id(connection) in _baselines else None
    try:
        yield
    except psycopg.Error:
        if before is not None:
            changed, noted = _since(before, connection)
            earlier = _baselines[id(connection)]
            _baselines[id(connection)] = (earlier[0] + changed, earlier[1] + noted)
        raise


def _since(before: tuple[int, int], connection: Connection) -> tuple[int, int]:
    after = _counts(connection)
    return after[0] - before[0], after[1] - before[1]


def _counts(connection: Connection) -> tuple[int, int]:
    row = connection.execute(COUNTS, [RECORDED]).fetchone()
    assert row is not None
    return int(row["changed"]), int(row["recorded"])
