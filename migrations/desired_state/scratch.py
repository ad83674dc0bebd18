"""A database for a comparison: made, brought to head, and dropped whatever happens.

A comparison takes AccessExclusive locks on every table and replays every file, so it never runs on
a database that somebody uses. It makes its own, on the local server or where SCRATCH_URL says.
"""

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from migrations import bootstrap
from migrations.embedded import EmbeddedError, local_server
from migrations.runner.errors import BadSettings

PREFIX = "gardenos_scratch_"

# One that nobody is connected to and that is older than this was left behind by a killed process.
STALE_MINUTES = 10

LEFT_BEHIND = """
select d.datname
from pg_catalog.pg_database as d
where starts_with(d.datname, %s)
    and not exists (select 1 from pg_catalog.pg_stat_activity as a where a.datid = d.oid)
    and (pg_stat_file(format('base/%%s/PG_VERSION', d.oid), true)).modification
        < now() - make_interval(mins => %s)
"""


@contextmanager
def scratch_database() -> Iterator[str]:
    """Make a bootstrapped, empty database and drop it at the end, also after Ctrl-C or SIGTERM.

    Yields:
        its libpq address, as a superuser.

    Raises:
        BadSettings: SCRATCH_URL cannot be used, or the local server cannot be started.
    """
    server = _server()
    name = PREFIX + secrets.token_hex(6)
    with _sigterm_as_exit():
        try:
            with _connected(server) as connection:
                for (left,) in connection.execute(LEFT_BEHIND, [PREFIX, STALE_MINUTES]).fetchall():
                    _drop(connection, left)
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            address = make_conninfo(server, dbname=name)
            bootstrap.apply(address)
            yield address
        finally:
            with _connected(server) as connection:
                _drop(connection, name)


def _server() -> str:
    """Where to make it: SCRATCH_URL, else the local server, started when it is not running."""
    url = os.environ.get("SCRATCH_URL")
    if url:
        try:
            conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise BadSettings("SCRATCH_URL is not an address that libpq can read.") from None
        return url
    server = local_server()
    try:
        server.start()
    except EmbeddedError as error:
        raise BadSettings(str(error)) from None
    return server.url("postgres", "postgres")


def _connected(server: str) -> psycopg.Connection:
    try:
        connection = psycopg.connect(server, autocommit=True)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise BadSettings(
            f"The server for the scratch database is out of reach: {reason}"
        ) from None
    row = connection.execute(
        "select rolsuper from pg_catalog.pg_roles where rolname = session_user"
    ).fetchone()
    if not row or not row[0]:
        connection.close()
        raise BadSettings(
            "SCRATCH_URL must be the address of a superuser: a comparison bootstraps a database "
            "of its own there and drops it."
        )
    return connection


def _drop(connection: psycopg.Connection, name: str) -> None:
    connection.execute(
        sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
    )


@contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """Let SIGTERM unwind the stack, as Ctrl-C does; only the main thread can ask for it."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, leave)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
