"""What a run changes in a cluster that all its databases share, and how that is undone."""

import json
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import redirect_stderr, redirect_stdout
from hashlib import sha256
from io import StringIO

import psycopg
from psycopg import sql

from migrations import bootstrap
from migrations.bootstrap.apply import SCRIPTS
from migrations.runner.errors import RunError
from tests.database import UNMIGRATED, GivenServer, upgrade
from tests.policies.cluster_login import PREFIX, Connection, Refused, log_in
from tests.policies.cluster_refusals import LOGINS

CLEAN_UP_SECONDS = 60


def is_ours(role: str) -> bool:
    """Whether bootstrap names the role."""
    return f"'{role}'" in (SCRIPTS / "10_roles.sql").read_text(encoding="utf-8")


def roles_of(connection: Connection) -> set[str]:
    return {name for (name,) in connection.execute("select rolname::text from pg_roles")}


def prepare_as_superuser(url: str) -> None:
    try:
        bootstrap.apply(url)
    except bootstrap.BootstrapError as error:
        raise Refused(str(error)) from error


def upgrade_as_migrator(url: str) -> None:
    """Bring a database to head as a deploy does; what alembic prints is of no interest here."""
    printed = StringIO()
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            upgrade(url)
    except RunError as error:
        raise Refused(f"The upgrade of a new database failed: {error}") from error


def logins_without_password(connection: Connection) -> set[str]:
    rows = connection.execute(
        "select rolname::text from pg_authid where rolname = any (%s) and rolpassword is null",
        [list(LOGINS)],
    )
    return {login for (login,) in rows}


def verifiers_of(connection: Connection, passwords: Mapping[str, str]) -> dict[str, str]:
    """What the server stores of a password. It is sent this: no log can show the password."""
    return {
        login: connection.pgconn.encrypt_password(
            password.encode(), login.encode(), b"scram-sha-256"
        ).decode()
        for login, password in passwords.items()
    }


def digests_of(verifiers: Mapping[str, str]) -> dict[str, str]:
    """What tells a password of the run from one that somebody set later, and is no secret."""
    return {login: sha256(text.encode()).hexdigest() for login, text in verifiers.items()}


def leave_note(
    connection: Connection, dbname: str, known: Collection[str], lent: Mapping[str, str]
) -> None:
    """Write on a database of the run what the next run needs to undo it, should this be killed."""
    note = json.dumps({"known": sorted(known), "lent": dict(lent)})
    connection.execute(
        sql.SQL("comment on database {} is {}").format(sql.Identifier(dbname), sql.Literal(note))
    )


def give_passwords(connection: Connection, verifiers: Mapping[str, str]) -> set[str]:
    """Give a password to each login that has none; the others keep theirs."""
    logins = logins_without_password(connection)
    for login in logins:
        connection.execute(
            sql.SQL("alter role {} password {}").format(
                sql.Identifier(login), sql.Literal(verifiers[login])
            )
        )
    return logins


def _clean(server: GivenServer, what: str, work: Callable[[Connection], None]) -> None:
    """Do one part of the cleaning, on a new session and again while the cluster fails over.

    What cannot be done is said on stderr: it must not hide why the run ended.
    """
    deadline = time.monotonic() + CLEAN_UP_SECONDS
    while True:
        try:
            with log_in(server) as connection:
                work(connection)
            return
        except (Refused, psycopg.Error) as error:
            reason = str(error)
            lasting = not isinstance(error, (Refused, psycopg.OperationalError))
        if lasting or time.monotonic() > deadline:
            print(f"{what} of this run are left in the cluster: {reason}", file=sys.stderr)
            return
        time.sleep(1)


def undo_run(
    server: GivenServer, run: str, known: Collection[str], lent: Mapping[str, str]
) -> None:
    """Make the cluster what it was before a run.

    Args:
        server: the cluster.
        run: how the names of the run begin.
        known: the roles that were there.
        lent: the logins that had no password, and the digest of the one that they were given.
    """
    _take_passwords_back(server, lent)
    _drop_databases(server, run)
    _drop_roles(server, run, known)


def finish_killed_runs(server: GivenServer, connection: Connection) -> None:
    """Undo runs that could not do it themselves, by the note on their first database."""
    rows = connection.execute(
        "select datname::text, shobj_description(oid, 'pg_database') from pg_database"
        " where starts_with(datname, %s) and right(datname, length(%s)) = %s",
        [PREFIX, UNMIGRATED, UNMIGRATED],
    ).fetchall()
    for name, text in rows:
        if text is not None:
            note = json.loads(text)
            run = name.removesuffix(f"_{UNMIGRATED}")
            undo_run(server, run, note["known"], note["lent"])


def _drop_databases(server: GivenServer, run: str) -> None:
    """Drop every database of a run; the one with its note goes last."""

    def work(connection: Connection) -> None:
        names = connection.execute(
            "select datname::text from pg_database where starts_with(datname, %s)"
            " order by datname = %s",
            [f"{run}_", f"{run}_{UNMIGRATED}"],
        ).fetchall()
        for (name,) in names:
            connection.execute(
                sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
            )

    _clean(server, "Databases", work)


def _take_passwords_back(server: GivenServer, lent: Mapping[str, str]) -> None:
    """Leave logins without a password again; one that somebody has set meanwhile stays."""

    def work(connection: Connection) -> None:
        for login, digest in lent.items():
            found = connection.execute(
                "select 1 from pg_authid where rolname = %s"
                " and encode(sha256(convert_to(rolpassword, 'UTF8')), 'hex') = %s",
                [login, digest],
            ).fetchone()
            if found is not None:
                connection.execute(
                    sql.SQL("alter role {} password null").format(sql.Identifier(login))
                )

    if lent:
        _clean(server, "Passwords", work)


def _drop_roles(server: GivenServer, run: str, known: Collection[str]) -> None:
    """Drop what bootstrap and tests have made: all of it, or nothing if one is in use elsewhere."""

    def work(connection: Connection) -> None:
        with connection.transaction():
            for role in roles_of(connection) - set(known):
                if is_ours(role) or role.startswith(f"{run}_"):
                    _drop_role(connection, role)

    _clean(server, "Roles", work)


def _drop_role(connection: Connection, role: str) -> None:
    name = sql.Identifier(role)
    privileges = connection.execute(
        "select p.parname::text, x.privilege_type::text"
        "  from pg_parameter_acl as p"
        " cross join lateral aclexplode(p.paracl) as x"
        "  join pg_roles as r on r.oid = x.grantee"
        " where r.rolname = %s",
        [role],
    ).fetchall()
    for parameter, privilege in privileges:
        connection.execute(
            sql.SQL("revoke {} on parameter {} from {}").format(
                sql.SQL(privilege), sql.Identifier(parameter), name
            )
        )
    connection.execute(sql.SQL("drop role {}").format(name))
