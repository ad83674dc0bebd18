"""The suite on a cluster that somebody else started, named by CLUSTER_URL.

Everything that the whole cluster shares (roles, passwords, templates) is prepared once, before the
workers start, and undone when they have ended. Workers find what they need in the environment.
Nothing is done inside a database that the run did not create.
"""

import json
import os
import re
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from migrations import bootstrap
from migrations.bootstrap.apply import SCRIPTS
from migrations.runner.errors import RunError
from tests.database import TEMPLATE, UNMIGRATED, GivenCluster, GivenServer, upgrade

URL = "CLUSTER_URL"
READ_ONLY_URL = "CLUSTER_RO_URL"
NODE_URLS = "CLUSTER_NODE_URLS"

# From the controller to the workers: how names of this run begin, and whose roles were there.
RUN = "GARDENOS_POLICIES_RUN"
STRANGERS = "GARDENOS_POLICIES_STRANGERS"
PREFIX = "gardenos_policies_"

OLDEST_VERSION = 150000
CONNECT_SECONDS = 10
CLEAN_UP_SECONDS = 60

# Any number will do, as long as nobody else uses it: "gardenos policies".
LOCK = 7_021_995_315

# The logins that tests use.
LOGINS = (
    "authenticator",
    "authenticator_ro",
    "gardenos_app",
    "gardenos_auditor",
    "gardenos_migrator",
    "gardenos_monitor",
    "gardenos_worker",
    "supabase_auth_admin",
    "supabase_storage_admin",
)

# What all databases of a cluster share about roles. A fact and the roles that it is about.
SHARED_FACTS = """
select array[r.rolname::text] as roles, to_jsonb(r)::text as fact
  from pg_roles as r
union all
select array[m.rolname::text, g.rolname::text], (to_jsonb(a) - 'oid')::text
  from pg_auth_members as a
  join pg_roles as m on m.oid = a.member
  join pg_roles as g on g.oid = a.roleid
union all
select array[r.rolname::text], p.parname || ' ' || x.privilege_type
  from pg_parameter_acl as p
 cross join lateral aclexplode(p.paracl) as x
  join pg_roles as r on r.oid = x.grantee and not r.rolsuper
union all
select array[]::text[], s.setconfig::text
  from pg_db_role_setting as s
 where s.setrole = 0 and s.setdatabase = 0
"""

Connection = psycopg.Connection[Any]


class Refused(RuntimeError):
    """The suite cannot run on this cluster; the message is one sentence that says what to do."""


def wanted() -> bool:
    """Whether somebody asks for a run on a cluster."""
    return any(os.environ.get(name) for name in (URL, READ_ONLY_URL, NODE_URLS))


def cluster_of_this_run() -> GivenCluster | None:
    """What `prepared` has made ready, as this worker sees it; None: nobody wants a cluster.

    Raises:
        Refused: somebody does, and it was not prepared: pytest began somewhere else.
    """
    run = os.environ.get(RUN)
    if run is None:
        if wanted():
            raise Refused(
                f"{URL} is for the policy tests alone: start them with `make test-policies`."
            )
        return None
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    return GivenCluster(GivenServer(os.environ[URL]), run, worker)


def places() -> dict[str, GivenServer]:
    """Where replicas are read, by name: `ro`, and `node1`, `node2`, … in the order given."""
    urls = {"ro": os.environ.get(READ_ONLY_URL, "")}
    nodes = os.environ.get(NODE_URLS, "").split()
    urls |= {f"node{number}": url for number, url in enumerate(nodes, start=1)}
    return {name: GivenServer(url) for name, url in urls.items() if url}


def is_set_aside(role: str) -> bool:
    """Whether a role is no business of ours.

    It was in the cluster before the run and bootstrap does not know it, or it is one that some
    worker has made for a moment.
    """
    run = os.environ.get(RUN)
    if run is None:
        return False
    return role in json.loads(os.environ[STRANGERS]) or role.startswith(f"{run}_")


@contextmanager
def prepared() -> Iterator[None]:
    """Two templates, logins that get in, and the environment for the workers.

    At the end, or when anything fails or is interrupted, the databases of the run are dropped, the
    roles that were not there before too, and logins that had no password have none again.

    Raises:
        Refused: the cluster will not do, or a login is refused. Nothing of the run is left.
    """
    undo = ExitStack()
    try:
        server = _read_environment(undo)
        run = PREFIX + secrets.token_hex(4)
        passfile = _Passfile(server, undo)
        administrator = _administrator(server, run)
        undo.callback(administrator.close)
        _refuse_unsuitable(administrator)
        _refuse_second_run(administrator)
        _finish_killed_runs(server, administrator)

        known = _roles(administrator)
        passwords = {login: secrets.token_urlsafe(24) for login in LOGINS}
        verifiers = _verifiers(administrator, passwords)
        lent = {login: verifiers[login] for login in _logins_without_password(administrator)}
        undo.callback(_undo, server, run, known, _digests(lent))
        cluster = GivenCluster(server, run, "template")
        bootstrapped, migrated = f"{run}_{UNMIGRATED}", f"{run}_{TEMPLATE}"
        cluster.create(bootstrapped, None)
        _note(administrator, bootstrapped, known, _digests(lent))
        _refuse_changes(server.url(dbname=bootstrapped), known)
        _bootstrap(server.url(dbname=bootstrapped))
        given = _give_passwords(administrator, verifiers)
        passfile.add({login: passwords[login] for login in given})
        _refuse_without_logins(server, bootstrapped)
        cluster.create(migrated, bootstrapped)
        _upgrade(server.url("gardenos_migrator", migrated))

        strangers = sorted(
            role for role in known if not _is_ours(role) and not role.startswith("pg_")
        )
        _set(undo, {RUN: run, STRANGERS: json.dumps(strangers)})
        yield
    finally:
        with _undisturbed():
            undo.close()


def strangers_past_policies() -> list[str]:
    """Roles that were there before, that bootstrap does not know and that no policy stops."""
    strangers = json.loads(os.environ.get(STRANGERS, "[]"))
    if not strangers:
        return []
    with _administrator(GivenServer(os.environ[URL])) as connection:
        rows = connection.execute(
            "select rolname::text from pg_roles"
            " where rolname = any (%s) and (rolsuper or rolbypassrls) order by 1",
            [strangers],
        ).fetchall()
    return [name for (name,) in rows]


# --- the environment ------------------------------------------------------------------------------


def _read_environment(undo: ExitStack) -> GivenServer:
    """Read the URLs, and put them back without passwords: workers show theirs when they fail.

    Raises:
        Refused: one of them is missing or cannot be read.
    """
    if not os.environ.get(URL):
        raise Refused(
            f"{READ_ONLY_URL} and {NODE_URLS} say where replicas are read, but {URL} is not set: "
            "set it to the URL of a superuser on the read-write port."
        )
    try:
        server = GivenServer(os.environ[URL])
        read = places()
    except psycopg.ProgrammingError:
        raise Refused(
            f"{URL}, {READ_ONLY_URL} or {NODE_URLS} is not a PostgreSQL URL: write "
            "postgresql://user:password@host:port/database, with special characters of the "
            "password percent-encoded."
        ) from None
    _set(
        undo,
        {
            URL: server.url(),
            READ_ONLY_URL: read["ro"].url() if "ro" in read else "",
            NODE_URLS: " ".join(node.url() for name, node in read.items() if name != "ro"),
        },
    )
    return server


def _set(undo: ExitStack, variables: Mapping[str, str]) -> None:
    """Set environment variables until the end of the run."""
    for name, value in variables.items():
        before = os.environ.get(name)
        if before is None:
            undo.callback(os.environ.pop, name, None)
        else:
            undo.callback(os.environ.__setitem__, name, before)
        os.environ[name] = value


class _Passfile:
    """The passwords of the run, mode 0600, followed by those that libpq would find anyway."""

    def __init__(self, server: GivenServer, undo: ExitStack) -> None:
        usual = server.passfile or os.environ.get("PGPASSFILE") or Path.home() / ".pgpass"
        self._rest = ""
        with suppress(OSError):
            self._rest = Path(usual).read_text(encoding="utf-8")
        self._passwords: dict[str, str] = {}
        handle, name = tempfile.mkstemp(prefix="policies-")
        os.close(handle)
        self._path = Path(name)
        undo.callback(self._path.unlink, missing_ok=True)
        _set(undo, {"PGPASSFILE": name})
        # libpq would send it for every login
        if "PGPASSWORD" in os.environ:
            general = os.environ.pop("PGPASSWORD")
            undo.callback(os.environ.__setitem__, "PGPASSWORD", general)
            server.password = server.password or general
        self.add({server.superuser: server.password} if server.password else {})

    def add(self, passwords: Mapping[str, str]) -> None:
        """Add passwords of logins, wherever in the cluster they log in."""
        self._passwords |= passwords
        lines = [
            f"*:*:*:{_escaped(login)}:{_escaped(password)}\n"
            for login, password in self._passwords.items()
        ]
        self._path.write_text("".join(lines) + self._rest, encoding="utf-8")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Cleaning up is not interrupted; a second Ctrl-C would leave half of it."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDINGS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt_at_the_end() -> None:
    """Let SIGTERM and SIGHUP end a run as Ctrl-C does, so that it cleans up."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


# --- what is refused ------------------------------------------------------------------------------


def _administrator(server: GivenServer, name: str = "gardenos policies") -> Connection:
    """An autocommit session of the superuser in the given database.

    Args:
        server: the cluster; a password that it came with is used, whatever became of the file.
        name: what pg_stat_activity shows.

    Raises:
        Refused: there is none.
    """
    try:
        return psycopg.connect(
            server.url(),
            password=server.password,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name=name,
        )
    except psycopg.OperationalError as error:
        raise Refused(
            f"{URL} leads nowhere as {server.superuser}: {_reason(error)}; check host, port, user, "
            "password and database, and that the server runs."
        ) from None


def _reason(error: psycopg.Error) -> str:
    """What the server or libpq said, without the address that it prints before."""
    text = " ".join((error.diag.message_primary or str(error)).split())
    said = re.search(r"(?:FATAL: |fe_sendauth: )(.*)", text) or re.search(r"failed: (.*)", text)
    return (said.group(1) if said else text).rstrip(".")


def _refuse_unsuitable(connection: Connection) -> None:
    """Raise `Refused` for a server or a login that bootstrap and tests cannot work with."""
    if connection.info.server_version < OLDEST_VERSION:
        raise Refused(
            f"{URL} is PostgreSQL {connection.info.server_version // 10000}, and gardenos-db needs "
            "15 or newer: name a newer server."
        )
    row = connection.execute(
        "select pg_is_in_recovery(),"
        " current_user::text,"
        " (select rolsuper from pg_roles where rolname = current_user),"
        " exists (select 1 from pg_available_extensions where name = 'vector')"
    ).fetchone()
    assert row is not None
    standby, user, superuser, has_vector = row
    if standby:
        raise Refused(f"{URL} is a standby: name the read-write port, which leads to the primary.")
    if not superuser:
        raise Refused(f"{URL} logs in as {user}, who is not a superuser: bootstrap needs one.")
    if not has_vector:
        raise Refused(
            f"{URL} is a server without pgvector: install pgvector 0.8.4 or newer on every node."
        )


def _refuse_second_run(connection: Connection) -> None:
    """Roles are the cluster's: two runs would drop each other's.

    The lock is one of this database and ends with the session; a run that was started from another
    database shows by the name of its session.
    """
    row = connection.execute(
        "select pg_try_advisory_lock(%s) and not exists (select 1 from pg_stat_activity"
        " where starts_with(application_name, %s) and pid <> pg_backend_pid())",
        [LOCK, PREFIX],
    ).fetchone()
    if row != (True,):
        raise Refused(f"Another run of these tests is using the cluster of {URL}: wait for it.")


def _refuse_changes(url: str, known: set[str]) -> None:
    """Try bootstrap in a transaction that is rolled back: no role that is there may change.

    Raises:
        Refused: it would, or it fails.
    """
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            before = _shared_facts(connection)
            with connection.transaction(force_rollback=True):
                for script in sorted(SCRIPTS.glob("[0-9][0-9]_*.sql")):
                    connection.execute(script.read_bytes())
                after = _shared_facts(connection)
    except psycopg.Error as error:
        raise Refused(f"Bootstrap does not work on this cluster: {_reason(error)}.") from error
    changed = [roles for roles, _ in before ^ after if roles <= known]
    if changed:
        names = ", ".join(sorted(set().union(*changed))) or "settings of all roles"
        raise Refused(
            f"Bootstrap would change what this cluster has already ({names}), and a test run must "
            "not: run `make bootstrap` there first, or use a cluster without these roles."
        )


def _shared_facts(connection: Connection) -> set[tuple[frozenset[str], str]]:
    return {(frozenset(roles), fact) for roles, fact in connection.execute(SHARED_FACTS)}


def _refuse_without_logins(server: GivenServer, dbname: str) -> None:
    """Log in as everybody whom the tests need.

    Raises:
        Refused: a login is not let in; the first one is named.
    """
    for login in LOGINS:
        try:
            psycopg.connect(server.url(login, dbname), connect_timeout=CONNECT_SECONDS).close()
        except psycopg.OperationalError as error:
            raise Refused(
                f"The cluster refuses the login {login}: {_reason(error)}; put its password into "
                "PGPASSFILE or ~/.pgpass, and let pg_hba.conf admit it from here to databases "
                f"named {PREFIX}… ."
            ) from None


# --- what is made ---------------------------------------------------------------------------------


def _is_ours(role: str) -> bool:
    """Whether bootstrap names the role."""
    return f"'{role}'" in (SCRIPTS / "10_roles.sql").read_text(encoding="utf-8")


def _roles(connection: Connection) -> set[str]:
    return {name for (name,) in connection.execute("select rolname::text from pg_roles")}


def _bootstrap(url: str) -> None:
    try:
        bootstrap.apply(url)
    except bootstrap.BootstrapError as error:
        raise Refused(str(error)) from error


def _upgrade(url: str) -> None:
    """Bring a database to head as a deploy does; what alembic prints is of no interest here."""
    printed = StringIO()
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            upgrade(url)
    except RunError as error:
        raise Refused(f"The upgrade of a new database failed: {error}") from error


def _logins_without_password(connection: Connection) -> set[str]:
    rows = connection.execute(
        "select rolname::text from pg_authid where rolname = any (%s) and rolpassword is null",
        [list(LOGINS)],
    )
    return {login for (login,) in rows}


def _verifiers(connection: Connection, passwords: Mapping[str, str]) -> dict[str, str]:
    """What the server stores of a password. It is sent this: no log can show the password."""
    return {
        login: connection.pgconn.encrypt_password(
            password.encode(), login.encode(), b"scram-sha-256"
        ).decode()
        for login, password in passwords.items()
    }


def _digests(verifiers: Mapping[str, str]) -> dict[str, str]:
    """What tells a password of the run from one that somebody set later, and is no secret."""
    return {login: sha256(text.encode()).hexdigest() for login, text in verifiers.items()}


def _note(
    connection: Connection, dbname: str, known: Collection[str], lent: Mapping[str, str]
) -> None:
    """Write on a database of the run what the next run needs to undo it, should this be killed."""
    note = json.dumps({"known": sorted(known), "lent": dict(lent)})
    connection.execute(
        sql.SQL("comment on database {} is {}").format(sql.Identifier(dbname), sql.Literal(note))
    )


def _give_passwords(connection: Connection, verifiers: Mapping[str, str]) -> set[str]:
    """Give a password to each login that has none; the others keep theirs."""
    logins = _logins_without_password(connection)
    for login in logins:
        connection.execute(
            sql.SQL("alter role {} password {}").format(
                sql.Identifier(login), sql.Literal(verifiers[login])
            )
        )
    return logins


# --- what is undone -------------------------------------------------------------------------------


def _clean(server: GivenServer, what: str, work: Callable[[Connection], None]) -> None:
    """Do one part of the cleaning, on a new session and again while the cluster fails over.

    What cannot be done is said on stderr: it must not hide why the run ended.
    """
    deadline = time.monotonic() + CLEAN_UP_SECONDS
    while True:
        try:
            with _administrator(server) as connection:
                work(connection)
            return
        except (Refused, psycopg.Error) as error:
            reason = str(error)
            lasting = not isinstance(error, (Refused, psycopg.OperationalError))
        if lasting or time.monotonic() > deadline:
            print(f"{what} of this run are left in the cluster: {reason}", file=sys.stderr)
            return
        time.sleep(1)


def _undo(server: GivenServer, run: str, known: Collection[str], lent: Mapping[str, str]) -> None:
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


def _finish_killed_runs(server: GivenServer, connection: Connection) -> None:
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
            _undo(server, run, note["known"], note["lent"])


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
            for role in _roles(connection) - set(known):
                if _is_ours(role) or role.startswith(f"{run}_"):
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
