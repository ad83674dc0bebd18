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


@contextmanager
def recorded(connection: psycopg.Connection[dict[str, Any]]) -> Iterator[None]:
    """A block within one transaction, whose changes must all be recorded, once each.

    Raises:
        AssertionError: the trail has more or fewer new rows than were changed.
    """
    before = _counts(connection)
    yield
    if connection.info.transaction_status == TransactionStatus.INTRANS:
        changed, noted = (
            after - earlier for after, earlier in zip(_counts(connection), before, strict=True)
        )
        assert changed == noted, f"{changed} rows were changed, and {noted} recorded"


def _counts(connection: psycopg.Connection[dict[str, Any]]) -> tuple[int, int]:
    row = connection.execute(COUNTS, [RECORDED]).fetchone()
    assert row is not None
    return int(row["changed"]), int(row["recorded"])
