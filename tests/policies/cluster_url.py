"""The suite on a cluster that somebody else started, named by CLUSTER_URL.

Everything that the whole cluster shares (roles, passwords, templates) is prepared once, before the
workers start, and undone when they have ended. Workers find what they need in the environment.
Nothing is done inside a database that the run did not create.
"""

import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg

from tests.database import TEMPLATE, UNMIGRATED, GivenCluster, GivenServer
from tests.policies.cluster_changes import (
    digests_of,
    finish_killed_runs,
    give_passwords,
    is_ours,
    leave_note,
    logins_without_password,
    prepare_as_superuser,
    roles_of,
    undo_run,
    upgrade_as_migrator,
    verifiers_of,
)
from tests.policies.cluster_login import PREFIX, URL, Refused, log_in
from tests.policies.cluster_refusals import (
    LOGINS,
    refuse_changes,
    refuse_second_run,
    refuse_unsuitable,
    refuse_without_logins,
)
from tests.policies.interruption import undisturbed

READ_ONLY_URL = "CLUSTER_RO_URL"
NODE_URLS = "CLUSTER_NODE_URLS"

# From the controller to the workers: how names of this run begin, and whose roles were there.
RUN = "GARDENOS_POLICIES_RUN"
STRANGERS = "GARDENOS_POLICIES_STRANGERS"


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
        administrator = log_in(server, run)
        undo.callback(administrator.close)
        refuse_unsuitable(administrator)
        refuse_second_run(administrator)
        finish_killed_runs(server, administrator)

        known = roles_of(administrator)
        passwords = {login: secrets.token_urlsafe(24) for login in LOGINS}
        verifiers = verifiers_of(administrator, passwords)
        lent = {login: verifiers[login] for login in logins_without_password(administrator)}
        undo.callback(undo_run, server, run, known, digests_of(lent))
        cluster = GivenCluster(server, run, "template")
        bootstrapped, migrated = f"{run}_{UNMIGRATED}", f"{run}_{TEMPLATE}"
        cluster.create(bootstrapped, None)
        leave_note(administrator, bootstrapped, known, digests_of(lent))
        refuse_changes(server.url(dbname=bootstrapped), known)
        prepare_as_superuser(server.url(dbname=bootstrapped))
        given = give_passwords(administrator, verifiers)
        passfile.add({login: passwords[login] for login in given})
        refuse_without_logins(server, bootstrapped)
        cluster.create(migrated, bootstrapped)
        upgrade_as_migrator(server.url("gardenos_migrator", migrated))

        strangers = sorted(
            role for role in known if not is_ours(role) and not role.startswith("pg_")
        )
        _set(undo, {RUN: run, STRANGERS: json.dumps(strangers)})
        yield
    finally:
        with undisturbed():
            undo.close()


def strangers_past_policies() -> list[str]:
    """Roles that were there before, that bootstrap does not know and that no policy stops."""
    strangers = json.loads(os.environ.get(STRANGERS, "[]"))
    if not strangers:
        return []
    with log_in(GivenServer(os.environ[URL])) as connection:
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
