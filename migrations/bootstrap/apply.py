"""Running the files of `sql/bootstrap/`, and asking `verify.sql` what they left undone."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors

SCRIPTS = Path(__file__).resolve().parents[2] / "sql" / "bootstrap"
OLDEST_VERSION = 150000

# Any number will do, as long as nobody else uses it: "gardenos bootstrap".
LOCK = 7_021_995_314
LOCK_SECONDS = 30
PORTS = "0123456789,"
ATTEMPTS = 5


class BootstrapError(RuntimeError):
    """Bootstrap cannot be done; the message is one sentence that says what to do."""


def apply(url: str) -> None:
    """Make the database ready for `alembic upgrade`, or repair what drifted.

    Every file runs in a transaction of its own and can be repeated; a second run changes nothing.

    Args:
        url: libpq URL of the database to prepare, as a superuser of any name.

    Raises:
        BootstrapError: the server cannot be reached, is a standby or too old, the login is not a
            superuser, a file failed, or something is missing although all of them ran.
    """
    with _superuser(url) as connection:
        for script in sorted(SCRIPTS.glob("[0-9][0-9]_*.sql")):
            _run(connection, script)
        left = missing(connection)
    if left:
        raise BootstrapError(f"Bootstrap ran, but this is still missing: {'; '.join(left)}.")


def apply_post_service(url: str) -> None:
    """Put our policies on the tables that storage-api and realtime made.

    To be run after the services' first start and after each of their upgrades, because their
    migrations grant again what is revoked here. What does not exist yet is skipped with a notice.

    Args:
        url: libpq URL of the database, as a superuser.

    Raises:
        BootstrapError: as for `apply`.
    """
    with _superuser(url) as connection:
        _run(connection, SCRIPTS / "post_service.sql")


def missing(connection: psycopg.Connection[Any]) -> list[str]:
    """What bootstrap should have made and did not, each in a short phrase; empty when complete.

    Args:
        connection: any login of the database; no privilege is needed.
    """
    with connection.cursor(row_factory=psycopg.rows.scalar_row) as cursor:
        return list(cursor.execute(_text(SCRIPTS / "verify.sql")))


def connect(url: str) -> psycopg.Connection[Any]:
    """An autocommit connection.

    Raises:
        BootstrapError: there is none; the message never holds a password.
    """
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        parts = {"port": "unreadable"}
    # An unescaped / or @ in a password makes its rest the host or the port, which errors quote.
    if "@" in str(parts.get("host", ""))[1:] or not set(str(parts.get("port", ""))) <= set(PORTS):
        raise BootstrapError(
            "DATABASE_URL is not a valid PostgreSQL URL: write it as "
            "postgresql://user:password@host:port/database, with special characters of the "
            "password percent-encoded."
        )
    try:
        return psycopg.connect(url, autocommit=True, application_name="gardenos bootstrap")
    except psycopg.Error as error:
        raise BootstrapError(f"Bootstrap cannot connect: {_sentence(error)}") from error


@contextmanager
def _superuser(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that is known to be able to do the work, and does it alone."""
    with connect(url) as connection:
        connection.add_notice_handler(_show)
        _refuse(connection)
        connection.execute(f"set lock_timeout = '{LOCK_SECONDS}s'")
        try:
            # it ends with the connection
            connection.execute("select pg_advisory_lock(%s)", [LOCK])
        except errors.LockNotAvailable as error:
            raise BootstrapError(
                f"Another bootstrap of this database has not ended within {LOCK_SECONDS} seconds: "
                "wait for it, or end its session (application_name `gardenos bootstrap`)."
            ) from error
        yield connection


def _refuse(connection: psycopg.Connection[Any]) -> None:
    """Say in one sentence why this server or this login will not do.

    Raises:
        BootstrapError: it will not.
    """
    if connection.info.server_version < OLDEST_VERSION:
        raise BootstrapError(
            "Bootstrap needs PostgreSQL 15 or newer, and this server is "
            f"{connection.info.server_version // 10000}: point DATABASE_URL at a newer one."
        )
    row = connection.execute(
        """
        select
            current_user::text,
            pg_catalog.pg_is_in_recovery(),
            (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user)
        """
    ).fetchone()
    assert row is not None
    user, standby, superuser = row
    if not superuser:
        raise BootstrapError(
            f"Bootstrap needs a superuser, and {user} is not one: run "
            "`python -m migrations.bootstrap` with a superuser in DATABASE_URL, "
            "or let your DBA run the files of sql/bootstrap/."
        )
    if standby:
        raise BootstrapError(
            "Bootstrap needs the primary, and this server is a standby: point "
            "DATABASE_URL at the primary."
        )


def _run(connection: psycopg.Connection[Any], script: Path) -> None:
    """Run one file in one transaction.

    Roles belong to the whole cluster, so a bootstrap of another database at the same moment can
    touch the same rows. PostgreSQL refuses the later one, which then finds nothing left to do.

    Raises:
        BootstrapError: the file failed, and a retry would not help.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with connection.transaction():
                connection.execute(_text(script))
            return
        except psycopg.Error as error:
            if not _is_race(error) or attempt == ATTEMPTS:
                raise BootstrapError(
                    f"Bootstrap stopped in {script.name}: {_sentence(error)}"
                ) from error


def _is_race(error: psycopg.Error) -> bool:
    if isinstance(error, (errors.UniqueViolation, errors.DuplicateObject, errors.LockNotAvailable)):
        return True
    return isinstance(error, errors.InternalError_) and "concurrently" in str(error)


def _text(script: Path) -> bytes:
    """The SQL of a file; it is part of this package, not input."""
    return script.read_bytes()


def _show(notice: psycopg.errors.Diagnostic) -> None:
    """Print what the files report, repairs and warnings; nothing when nothing had to change."""
    if notice.message_primary:
        print(notice.message_primary, file=sys.stderr)


def _sentence(error: psycopg.Error) -> str:
    text = error.diag.message_primary or " ".join(str(error).split())
    return text if text.endswith((".", "?")) else f"{text}."
