"""A PostgreSQL of our own for tests: real roles, real logins, a database for each test."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pytest_postgresql.janitor import DatabaseJanitor

from migrations import bootstrap
from migrations.embedded import Server
from migrations.embedded.server import SUPERUSER, find_bindir

ROOT = Path(__file__).resolve().parents[1]

TEMPLATE = "gardenos_template"
UNMIGRATED = "gardenos_bootstrapped"

# Nothing here has to survive a crash of the machine; crashes of PostgreSQL it does survive.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "100",
}


@contextmanager
def private_server(settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server of its own for the duration of the block, its data dropped afterwards.

    GARDENOS_BINDIR chooses the PostgreSQL; the default is the wheel's.
    """
    directory = Path(tempfile.mkdtemp(prefix="gardenos-"))
    server = Server(directory / "data", settings={**SETTINGS, **(settings or {})})
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def alembic_config(url: str, versions: Path | None = None) -> Config:
    """The configuration of alembic for a database, in process.

    Args:
        url: a libpq URL, as DATABASE_URL would have it.
        versions: another directory of revisions.
    """
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["url"] = url
    if versions is not None:
        config.set_main_option("version_locations", str(versions).replace("%", "%%"))
    return config


def upgrade(url: str, target: str = "head", versions: Path | None = None) -> None:
    """`alembic upgrade`, in process: 0.65 s less than a program."""
    command.upgrade(alembic_config(url, versions), target)


def downgrade(url: str, target: str = "base", versions: Path | None = None) -> None:
    """`alembic downgrade`, in process."""
    command.downgrade(alembic_config(url, versions), target)


def alembic(
    *arguments: str,
    url: str | None,
    environment: Mapping[str, str] | None = None,
    ini: Path = ROOT / "alembic.ini",
) -> subprocess.CompletedProcess[str]:
    """Run the program alembic, as a pipeline does.

    Args:
        arguments: what follows `alembic`.
        url: DATABASE_URL; None leaves it unset.
        environment: more variables.
        ini: another configuration, for another directory of revisions.
    """
    return subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(ini), *arguments],
        env=program_environment(url, environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def program_environment(url: str | None, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a program: ours, without what leads libpq or make elsewhere.

    PGPASSFILE stays: it says how a login gets in, not where.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name == "PGPASSFILE"
        or (name not in ("DATABASE_URL", "MFLAGS") and not name.startswith(("PG", "MAKE")))
    }
    return {**kept, **({"DATABASE_URL": url} if url is not None else {}), **(more or {})}


class Reachable(Protocol):
    """A server, as far as tests need to know it."""

    @property
    def psql(self) -> Path:
        """A psql to talk to it with."""

    def url(self, role: str = ..., dbname: str = ...) -> str:
        """A libpq URL of a database there, for a login."""


class GivenServer:
    """A server that somebody else started, known by a URL. The URLs made of it hold no password."""

    def __init__(self, url: str) -> None:
        """Describe it; nothing is connected to.

        Args:
            url: a libpq URL; its user is whom the tests call `postgres`.

        Raises:
            psycopg.ProgrammingError: it is not a URL of libpq.
        """
        parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
        self.password = parts.pop("password", None)
        self.passfile = parts.pop("passfile", None)
        self.superuser = parts.pop("user", SUPERUSER)
        self.dbname = parts.pop("dbname", self.superuser)
        self._rest = parts

    @property
    def psql(self) -> Path:
        """The psql of the binaries in use here."""
        return find_bindir() / "psql"

    def url(self, role: str = SUPERUSER, dbname: str | None = None) -> str:
        """A libpq URL without password: PGPASSFILE or ~/.pgpass has it.

        Args:
            role: the login; `postgres` is the superuser, whatever it is called there.
            dbname: the database; by default the one of the given URL.
        """
        user = self.superuser if role == SUPERUSER else role
        return (
            f"postgresql://{quote(user, safe='')}@/{quote(dbname or self.dbname, safe='')}"
            f"?{urlencode(self._rest, quote_via=quote, safe='')}"
        )


@dataclass(frozen=True)
class Database:
    """One database of a server."""

    server: Reachable
    name: str

    def url(self, role: str = "postgres") -> str:
        """A libpq URL for a login."""
        return self.server.url(role, self.name)

    def connect(self, role: str = "postgres", **options: Any) -> psycopg.Connection[Any]:
        """Log in; options go to `psycopg.connect`. The caller closes it: use `with`."""
        return psycopg.connect(self.url(role), **options)

    @contextmanager
    def session(
        self,
        role: str,
        claims: Mapping[str, Any] | str | None = None,
        *,
        login: str = "authenticator",
        commit: bool = False,
    ) -> Iterator[psycopg.Connection[Any]]:
        """A request as PostgREST makes it: log in, begin, set role and claims for the transaction.

        Args:
            role: the database role of the request.
            claims: what `request.jwt.claims` holds, as JSON; a string is taken as it is, None sets
                nothing.
            login: who logs in.
            commit: keep what the block did; otherwise it is rolled back.
        """
        with self.connect(login) as connection:
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            if claims is not None:
                text = claims if isinstance(claims, str) else json.dumps(claims)
                connection.execute("select set_config('request.jwt.claims', %s, true)", [text])
            yield connection
            if not commit:
                connection.rollback()

    def psql(self, text: str, role: str = "postgres") -> subprocess.CompletedProcess[str]:
        """Run a script through psql, which stops at the first error."""
        return subprocess.run(
            [str(self.server.psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url(role)],
            input=text,
            env=program_environment(None),
            capture_output=True,
            text=True,
            check=False,
        )


def revoke_temporary(name: str) -> sql.Composed:
    """What bootstrap did to a template: CREATE DATABASE copies no privileges on the database."""
    return sql.SQL("revoke temporary on database {} from public").format(sql.Identifier(name))


class Databases(ABC):
    """Where tests get their databases from: each one new, and dropped at the end of a block."""

    @contextmanager
    def migrated(self) -> Iterator[Database]:
        """A database at head."""
        with self._clone(TEMPLATE) as database:
            yield database

    @contextmanager
    def bootstrapped(self) -> Iterator[Database]:
        """A database without any revision."""
        with self._clone(UNMIGRATED) as database:
            yield database

    @contextmanager
    def empty(self) -> Iterator[Database]:
        """A database that nobody prepared; roles are the cluster's and may be there."""
        with self._clone(None) as database:
            yield database

    @abstractmethod
    def _clone(self, template: str | None) -> AbstractContextManager[Database]:
        """A copy of one of the two templates, or of none."""


class Cluster(Databases):
    """A server with two templates: bootstrapped, and bootstrapped and migrated to head."""

    def __init__(self, server: Server) -> None:
        """Prepare nothing yet; the templates are made when they are first asked for."""
        self.server = server
        self._numbers = itertools.count(1)
        self._templates: set[str] = set()

    @contextmanager
    def _clone(self, template: str | None) -> Iterator[Database]:
        if template is not None:
            self._make_template(template)
        database = Database(self.server, f"test_{next(self._numbers)}")
        self._create(database.name, template)
        try:
            yield database
        finally:
            self._janitor(database.name, template).drop()

    def _make_template(self, name: str) -> None:
        if name in self._templates:
            return
        if name == TEMPLATE:
            self._make_template(UNMIGRATED)
            self._create(TEMPLATE, UNMIGRATED)
            upgrade(self.server.url("gardenos_migrator", TEMPLATE))
        else:
            self._create(UNMIGRATED, None)
            bootstrap.apply(self.server.url("postgres", UNMIGRATED))
        self._templates.add(name)

    def _create(self, name: str, template: str | None) -> None:
        self._janitor(name, template).init()
        if template is not None:
            with psycopg.connect(self.server.url("postgres", name)) as connection:
                connection.execute(revoke_temporary(name))

    def _janitor(self, name: str, template: str | None) -> DatabaseJanitor:
        return DatabaseJanitor(
            user="postgres",
            host=str(self.server.socket_dir),
            port=self.server.port,
            dbname=name,
            template_dbname=template,
        )


class GivenCluster(Databases):
    """A cluster whose templates were made before the tests began, in databases of one run."""

    def __init__(self, server: GivenServer, run: str, worker: str) -> None:
        """Prepare nothing.

        Args:
            server: where to read and write, as superuser.
            run: how every database of the run begins; its templates are `<run>_<template>`.
            worker: whose databases these are, so that no other worker makes the same name.
        """
        self.server = server
        self.run = run
        self._names = (f"{run}_{worker}_{number}" for number in itertools.count(1))

    @contextmanager
    def _clone(self, template: str | None) -> Iterator[Database]:
        database = Database(self.server, next(self._names))
        self.create(database.name, None if template is None else f"{self.run}_{template}")
        try:
            yield database
        finally:
            self.drop(database.name)

    def create(self, name: str, template: str | None) -> None:
        """Make a database of this run, a copy of another one of it or of none."""
        command = sql.SQL("create database {}").format(sql.Identifier(name))
        if template is not None:
            command += sql.SQL(" template {}").format(sql.Identifier(template))
        with self._administrator() as connection:
            connection.execute(command)
            if template is not None:
                connection.execute(revoke_temporary(name))

    def drop(self, name: str) -> None:
        """Drop a database of this run, whoever is connected to it."""
        assert name.startswith(self.run)
        with self._administrator() as connection:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )

    def _administrator(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.server.url(), autocommit=True)
