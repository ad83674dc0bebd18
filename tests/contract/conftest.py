"""Databases for the contract tests: a blank one, and one that is bootstrapped but not migrated."""

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from migrations import bootstrap
from migrations.embedded import Server

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as directory:
        made = Server(Path(directory) / "data", settings={"fsync": "off"})
        made.start()
        yield made
        made.stop()


def _make(server: Server) -> str:
    name = f"contract_{next(NUMBERS)}"
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template template0").format(sql.Identifier(name))
        )
    return name


def _drop(server: Server, name: str) -> None:
    with psycopg.connect(server.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def blank(server: Server) -> Iterator[str]:
    """The name of an empty database; roles are the cluster's, so they may be there already."""
    name = _make(server)
    yield name
    _drop(server, name)


@pytest.fixture(scope="module")
def prepared(server: Server) -> Iterator[str]:
    """The name of a database that bootstrap has prepared and no revision has touched."""
    name = _make(server)
    bootstrap.apply(server.url("postgres", name))
    yield name
    _drop(server, name)


@pytest.fixture
def dba(server: Server, prepared: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser that is not called postgres, in a transaction that is rolled back.

    Roles, memberships and settings are transactional too: any damage done here is gone afterwards.
    """
    with psycopg.connect(server.url("postgres", prepared), autocommit=True) as connection:
        if not connection.execute("select from pg_roles where rolname = 'contract_dba'").rowcount:
            connection.execute("create role contract_dba login superuser")
    with psycopg.connect(server.url("contract_dba", prepared)) as connection:
        yield connection
        connection.rollback()
