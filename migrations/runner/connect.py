"""Opens sessions, and says in one sentence why one cannot be used.

No message repeats the address as it was given, since that may hold a password; host, port, database
and login are taken from what libpq read in it.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from migrations.bootstrap import missing
from migrations.embedded import EmbeddedError, local_server
from migrations.runner.errors import (
    BadSettings,
    LoginRefused,
    NotBootstrapped,
    NotWritable,
    RunError,
    Unreachable,
    WrongRole,
)
from migrations.runner.settings import MIGRATOR, OWNER, session_statements

OLDEST = 150000

# Without these a server that vanished (no FIN, no RST) is waited for until the kernel gives up.
PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}

ENCODE = "characters such as @ / : in a password must be percent-encoded"


@dataclass(frozen=True)
class Address:
    """A database, as libpq understood DATABASE_URL; never shown with its password.

    Attributes:
        parameters: what libpq is given.
        acts_as: the login that a superuser's session is turned into, where that login has no
            password: on a scratch database.
    """

    parameters: Mapping[str, Any]
    acts_as: str | None = None

    @classmethod
    def find(cls, url: str | None = None) -> "Address":
        """The address to work on: the one given, else DATABASE_URL, else the local server's.

        Raises:
            BadSettings: libpq cannot read it, or there is none and no local server runs.
        """
        url = url or os.environ.get("DATABASE_URL")
        if url:
            return cls.parse(url)
        server = local_server()
        try:
            if server.is_running():
                return cls.parse(server.url(MIGRATOR))
        except EmbeddedError as error:
            raise BadSettings(str(error)) from None
        raise BadSettings(
            "DATABASE_URL is not set and the local PostgreSQL is not running: `make upgrade` "
            "starts it."
        )

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read a libpq URL or connection string.

        Raises:
            BadSettings: it cannot be read; the message does not quote it.
        """
        try:
            parameters = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise BadSettings(
                f"DATABASE_URL is not an address that libpq can read; {ENCODE}."
            ) from None
        host, port, dbname = (str(parameters.get(key, "")) for key in ("host", "port", "dbname"))
        if "@" in host + port + dbname or not re.fullmatch(r"[\d,]*", port):
            # libpq would take a part of the password for one of these and print it.
            raise BadSettings(f"DATABASE_URL names an impossible host, port or database; {ENCODE}.")
        return cls(parameters)

    def acting_as(self, login: str) -> "Address":
        """The same place for a superuser whose sessions become those of another login."""
        return replace(self, acts_as=login)

    @property
    def login(self) -> str:
        """The role that logs in."""
        return str(self.parameters.get("user") or os.environ.get("PGUSER") or "the default role")

    def __str__(self) -> str:
        """Where it leads: database, host and port."""
        host = self.parameters.get("host") or os.environ.get("PGHOST") or "the default host"
        port = self.parameters.get("port") or os.environ.get("PGPORT") or "5432"
        dbname = self.parameters.get("dbname") or os.environ.get("PGDATABASE") or self.login
        return f"database {dbname} at {host}:{port}"

    def connect(self, application_name: str) -> psycopg.Connection:
        """Open a session in autocommit mode.

        Raises:
            RunError: it cannot be opened; the class tells why.
        """
        patience = {
            key: value
            for key, value in PATIENCE.items()
            if not (key == "connect_timeout" and "PGCONNECT_TIMEOUT" in os.environ)
        }
        parameters = {**patience, **self.parameters, "application_name": application_name}
        try:
            connection = psycopg.connect("", autocommit=True, prepare_threshold=None, **parameters)
        except psycopg.OperationalError as error:
            raise _refusal(self, str(error)) from None
        try:
            # Timeouts of the login or the database are meant for clients that are in a hurry.
            for timeout in ("statement_timeout", "idle_session_timeout"):
                connection.execute(f"set {timeout} = 0".encode())
            if self.acts_as is not None:
                connection.execute(f"set session authorization {self.acts_as}".encode())
        except BaseException:
            connection.close()
            raise
        return connection


def _refusal(address: Address, message: str) -> RunError:
    """What the message of a failed connection means; libpq gives no SQLSTATE for it."""
    first = re.search(r"FATAL:\s+(.*)|failed: fe_sendauth: (.*)", message)
    if first is None:
        found = re.search(r".*failed: (.*)", message) or re.search(r"(.*)", message)
        reason = found.group(1).strip() if found else "no reason given"
        return Unreachable(
            f"Cannot reach {address}: {reason}; check DATABASE_URL and that the server runs "
            "(nothing was changed)."
        )
    reason = (first.group(1) or first.group(2)).strip()
    if reason == f'role "{MIGRATOR}" does not exist':
        return NotBootstrapped(_how_to_bootstrap(address, [f"role {MIGRATOR}"]))
    if re.search(r"starting up|shutting down|in recovery mode|not yet accepting", reason):
        return Unreachable(
            f"Not available: {address} ({reason}); try again when the server is up "
            "(nothing was changed)."
        )
    return LoginRefused(
        f"{address} refuses the login {address.login}: {reason}; check user, password and "
        "database in DATABASE_URL (nothing was changed)."
    )


def _how_to_bootstrap(address: Address, what: list[str]) -> str:
    return (
        f"Not bootstrapped: {address} lacks {'; '.join(what)}: run `make bootstrap "
        "DATABASE_URL=<url of a superuser>` first (nothing was changed)."
    )


def check_server(address: Address, connection: psycopg.Connection, *, writes: bool) -> None:
    """Refuse a server or a login that revisions must not run on.

    Args:
        address: for the messages.
        connection: an autocommit session, any settings.
        writes: whether the command is going to change something; a standby is good for reading.

    Raises:
        RunError: NotWritable, NotBootstrapped or WrongRole.
    """
    if connection.info.server_version < OLDEST:
        raise NotWritable(
            f"{address} is PostgreSQL {connection.info.parameter_status('server_version')}: "
            "15 or later is needed (nothing was changed)."
        )
    if writes:
        check_writable(address, connection)
    lacking = missing(connection)
    if lacking:
        raise NotBootstrapped(_how_to_bootstrap(address, lacking))
    row = connection.execute(
        "select rolsuper, rolname from pg_catalog.pg_roles where rolname = session_user"
    ).fetchone()
    assert row is not None
    if row[0]:
        raise WrongRole(
            f"{row[1]} is a superuser, whom no privilege and no policy stops: connect as "
            f"{MIGRATOR} (nothing was changed)."
        )
    try:
        connection.execute(f"set role {OWNER}")
        connection.execute("reset role")
    except psycopg.errors.InsufficientPrivilege:
        raise WrongRole(
            f"{row[1]} may not become {OWNER}: connect as {MIGRATOR} (nothing was changed)."
        ) from None


def check_writable(address: Address, connection: psycopg.Connection) -> None:
    """Refuse a standby, and a session that is read-only by default.

    Raises:
        NotWritable: it is one of them.
    """
    row = connection.execute(
        "select pg_catalog.pg_is_in_recovery(),"
        " pg_catalog.current_setting('transaction_read_only') = 'on'"
    ).fetchone()
    assert row is not None
    if row[0]:
        raise NotWritable(
            f"{address} is a standby, and only the primary can be upgraded: point DATABASE_URL at "
            "the primary (nothing was changed)."
        )
    if row[1]:
        raise NotWritable(
            f"Sessions of {address} are read-only (default_transaction_read_only): lift that, or "
            "point DATABASE_URL elsewhere (nothing was changed)."
        )


def migration_session(address: Address, application_name: str) -> psycopg.Connection:
    """Open a session with the pinned settings, acting as the owner, outside a transaction."""
    connection = address.connect(application_name)
    _prepare(connection, session_statements())
    return connection


def reading_session(address: Address, application_name: str) -> psycopg.Connection:
    """As `migration_session`, but unable to write."""
    connection = address.connect(application_name)
    _prepare(connection, [*session_statements(), "set default_transaction_read_only = on"])
    return connection


def _prepare(connection: psycopg.Connection, statements: list[str]) -> None:
    try:
        for statement in statements:
            connection.execute(statement.encode())
        if connection.info.server_version >= 170000:
            connection.execute("set transaction_timeout = '0'")
    except BaseException:
        connection.close()
        raise
