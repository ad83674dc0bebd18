"""Sessions on the nodes of a cluster, once a node shows what was committed on the primary."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import dict_row

from tests.database import GivenServer
from tests.policies.access import Connection

REPLAY_SECONDS = 30


@contextmanager
def reading(
    server: GivenServer, login: str, dbname: str, primary: Connection
) -> Iterator[Connection]:
    """An autocommit session that sees everything that is committed by now.

    Args:
        server: a node, or a port that leads to some node.
        login: who logs in.
        dbname: a database of the run.
        primary: any session on the primary.

    Raises:
        AssertionError: the node is more than `REPLAY_SECONDS` behind.
    """
    with _connect(server, login, dbname) as connection:
        await_replay(connection, primary)
        yield connection


def in_recovery(connection: Connection) -> bool:
    """Whether the session is on a standby."""
    (row,) = connection.execute("select pg_is_in_recovery() as answer").fetchall()
    return bool(row["answer"])


def await_replay(connection: Connection, primary: Connection) -> None:
    """Wait until a session on a standby sees what is committed on the primary by now."""
    (row,) = primary.execute("select pg_current_wal_insert_lsn()::text as lsn").fetchall()
    deadline = time.monotonic() + REPLAY_SECONDS
    while in_recovery(connection):
        (replayed,) = connection.execute(
            "select pg_last_wal_replay_lsn() >= %s::pg_lsn as answer", [row["lsn"]]
        ).fetchall()
        if replayed["answer"]:
            return
        assert time.monotonic() < deadline, f"not replayed up to {row['lsn']} in {REPLAY_SECONDS} s"
        time.sleep(0.02)


def _connect(server: GivenServer, login: str, dbname: str) -> Connection:
    """Log in; the database and the passwords of the run may still be on their way."""
    deadline = time.monotonic() + REPLAY_SECONDS
    while True:
        try:
            return psycopg.connect(
                server.url(login, dbname), autocommit=True, connect_timeout=10, row_factory=dict_row
            )
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)
