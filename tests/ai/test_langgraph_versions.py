"""Our tables are those of the library that is installed: a new version of it must be looked at."""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256

import pytest
from langgraph.checkpoint.postgres import base as checkpoints
from langgraph.store.postgres import base as store

from tests.ai.threads import Studio, studio_in
from tests.database import Cluster

# of each table: its columns, then those of the primary key, as the library's migrations make them
SHAPE = """
select
    array_agg(a.attname::text order by a.attname) as columns,
    array_agg(a.attname::text order by a.attname) filter (where a.attnum = any (i.indkey)) as key
  from pg_class as c
  join pg_index as i on i.indrelid = c.oid and i.indisprimary
  join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where c.oid = %s::regclass
"""


@pytest.fixture(scope="module")
def studio(cluster: Cluster) -> Iterator[Studio]:
    with cluster.migrated() as database, studio_in(database) as found:
        yield found


def migrations() -> dict[str, Sequence[str]]:
    """What the library would run, by the table that counts it."""
    return {
        "checkpoint_migrations": checkpoints.MIGRATIONS,
        "store_migrations": store.MIGRATIONS,
        "vector_migrations": [each.sql for each in store.VECTOR_MIGRATIONS],
    }


def differences(studio: Studio) -> list[str]:
    """Where the installed library and the stamp in the database disagree, a sentence each."""
    found = []
    for table, texts in migrations().items():
        (row,) = studio.office.superuser.execute(
            f"select array_agg(v order by v) as versions,"
            f" obj_description('langgraph.{table}'::regclass) as comment from langgraph.{table}"
        ).fetchall()
        if row["versions"] != list(range(len(texts))):
            found.append(f"{table}: {len(texts)} migrations, stamped are {row['versions']}")
        stamped = re.search(r"sha256 ([0-9a-f]{64})", row["comment"])
        assert stamped is not None, row["comment"]
        if stamped[1] != sha256("\0".join(texts).encode()).hexdigest():
            found.append(f"{table}: the text of its migrations has changed")
    return found


def test_the_stamp_is_that_of_the_library(studio: Studio) -> None:
    """It fails for a new version: make a revision with what its migrations do, and stamp that."""
    assert differences(studio) == []


@pytest.mark.parametrize("number", [-1, 3], ids=["one more", "another text"])
def test_a_new_version_of_the_library_is_noticed(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    texts = list(checkpoints.MIGRATIONS)
    if number < 0:
        texts.append("alter table checkpoints add column x text")
    else:
        texts[number] += " "
    monkeypatch.setattr(checkpoints, "MIGRATIONS", texts)
    assert differences(studio) != []


def test_columns_and_keys_are_those_that_the_library_would_make(studio: Studio) -> None:
    """Its own migrations, in a schema of their own, beside ours."""
    superuser = studio.office.superuser
    with superuser.transaction(force_rollback=True):
        superuser.execute("create schema theirs")
        superuser.execute("set local search_path = theirs, extensions")
        texts = [*checkpoints.MIGRATIONS, *store.MIGRATIONS, store.VECTOR_MIGRATIONS[1].sql]
        for text in texts:
            statement = re.sub(r"CONCURRENTLY", "", text)
            statement = statement.replace("%(vector_type)s(%(dims)s)", "vector(1536)")
            superuser.execute(statement.encode())
        for table in (
            "checkpoints",
            "checkpoint_blobs",
            "checkpoint_writes",
            "store",
            "store_vectors",
        ):
            (theirs,) = superuser.execute(SHAPE, [f"theirs.{table}"]).fetchall()
            (ours,) = superuser.execute(SHAPE, [f"langgraph.{table}"]).fetchall()
            assert set(theirs["columns"]) <= set(ours["columns"]), table
            assert theirs["key"] == ours["key"], table
            differing = superuser.execute(
                "select a.attname::text from pg_attribute as a join pg_attribute as b"
                " on b.attrelid = %s::regclass and b.attname = a.attname"
                " where a.attrelid = %s::regclass and a.attnum > 0 and (a.atttypid, a.atttypmod,"
                " a.attnotnull) is distinct from (b.atttypid, b.atttypmod, b.attnotnull)",
                [f"langgraph.{table}", f"theirs.{table}"],
            ).fetchall()
            assert differing == [], table
