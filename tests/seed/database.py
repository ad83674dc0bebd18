"""The database to fill: where it is, and which tables of it belong to agencies."""

import os
from typing import Any

import psycopg

from migrations.embedded import EmbeddedError, local_server
from migrations.runner.connect import Address, check_writable
from migrations.runner.errors import RunError
from tests.seed.errors import SeedError

# table -> why no agency has a row of it from the start
LATER = {"audit.retired": "a month has a row here when it is retired, after years"}
# What the jobs of the trail write, after the commit.
BY_JOBS = ("audit.seals", "audit.verifications")

TENANT_TABLES = """
select n.nspname || '.' || c.relname
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n
    on n.oid = c.relnamespace
  join pg_catalog.pg_attribute as a
    on a.attrelid = c.oid
   and a.attname = 'agency_id'
   and not a.attisdropped
 where c.relkind in ('r', 'p')
   and not c.relispartition
   and n.nspname not in ('pg_catalog', 'information_schema', 'migration')
   and n.nspname !~ '^pg_'
 order by 1
"""


def find(url: str | None) -> Address:
    """The address given, else DATABASE_URL, else that of the local server; a superuser's.

    Raises:
        SeedError: it cannot be read, or there is none.
    """
    try:
        if url or os.environ.get("DATABASE_URL"):
            return Address.find(url)
        server = local_server()
        if server.is_running():
            return Address.parse(server.url())
    except (RunError, EmbeddedError) as error:
        raise SeedError(str(error)) from None
    raise SeedError(
        "DATABASE_URL is not set and the local PostgreSQL is not running: `make upgrade` starts it."
    )


def open_session(address: Address, name: str) -> psycopg.Connection[Any]:
    """An autocommit session of a superuser on a database at head.

    Raises:
        SeedError: it cannot be opened, or nothing can be written there.
    """
    try:
        connection = address.connect(name)
    except RunError as error:
        raise SeedError(str(error)) from None
    try:
        check_writable(address, connection)
        _check(address, connection)
    except RunError as error:
        connection.close()
        raise SeedError(str(error)) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _check(address: Address, connection: psycopg.Connection[Any]) -> None:
    login = "select from pg_catalog.pg_roles where rolname = session_user and rolsuper"
    if not connection.execute(login).rowcount:
        raise SeedError(
            f"{address}: {address.login} is not a superuser, and nobody else becomes every role "
            "that writes: connect as one (nothing was changed)."
        )
    table = "select from pg_catalog.pg_tables where schemaname = 'governance'"
    if not connection.execute(table).rowcount:
        raise SeedError(f"{address} is not at head: run `make upgrade` first.")


def tenant_tables(connection: psycopg.Connection[Any]) -> list[str]:
    """Every table with rows of agencies, off the catalogue, without partitions."""
    return [row[0] for row in connection.execute(TENANT_TABLES).fetchall()]


def empty_tables(connection: psycopg.Connection[Any], agency: str) -> list[str]:
    """The tables in which this agency has no row, apart from those that fill later."""
    return [
        table
        for table in tenant_tables(connection)
        if table not in LATER and not _has_rows(connection, table, agency)
    ]


def _has_rows(connection: psycopg.Connection[Any], table: str, agency: str) -> bool:
    query = f"select exists (select from {table} where agency_id = %s)"
    row = connection.execute(query.encode(), [agency]).fetchone()
    assert row is not None
    return bool(row[0])
