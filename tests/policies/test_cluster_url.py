"""A run on somebody else's cluster: what it refuses, and that it leaves nothing behind.

The cluster is a server with passwords, with roles and a database of others. The suite is started
as a program there, on a small selection.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from migrations.embedded import Server
from tests.database import ROOT, Cluster, GivenServer, private_server, program_environment
from tests.policies import cluster_url
from tests.policies.cluster_login import Refused
from tests.policies.cluster_refusals import LOCK

if cluster_url.wanted():
    pytest.skip("starts a server of its own; run without CLUSTER_URL", allow_module_level=True)

PASSWORD = "pass:word\\ /@?"
# A test that commits a role of its own, and one that fails with a connection at hand.
SELECTION = """
from tests.policies.test_seals import test_a_login_that_somebody_adds_needs_a_seal

def test_that_fails(stage):
    assert stage.connection is None
"""
# Two logins of bootstrap that are there before, and two roles that it does not know.
OTHERS = """
create role gardenos_app login noinherit;
create role gardenos_worker login noinherit password 'kept';
create role exporter login password 'x' in role pg_monitor;
create role root superuser login password 'x';
create database live;
"""
SHARED_STATE = """
select 'role', to_jsonb(r)::text from pg_authid as r
union all
select 'membership', (to_jsonb(a) - 'oid')::text from pg_auth_members as a
union all
select 'parameter', to_jsonb(p)::text from pg_parameter_acl as p
union all
select 'setting', to_jsonb(s)::text from pg_db_role_setting as s
union all
select 'database', (to_jsonb(d) - array['datfrozenxid', 'datminmxid'])::text from pg_database as d
order by 1, 2
"""


@dataclass(frozen=True)
class Theirs:
    """A cluster of others, reached over TCP with passwords."""

    server: Server
    passfile: Path

    def url(self, user: str = "postgres", password: str = PASSWORD) -> str:
        """What somebody would set CLUSTER_URL to."""
        return psycopg.conninfo.make_conninfo(
            host="127.0.0.1",
            port=self.server.port,
            user=user,
            password=password,
            dbname="postgres",
        )

    def state(self) -> list[tuple[Any, ...]]:
        """Everything that databases of a cluster share, passwords included."""
        return self.execute(SHARED_STATE)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run something as the superuser, through the socket."""
        with psycopg.connect(self.server.url(dbname="postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def command(self, *selection: str) -> list[str]:
        """Pytest as a program, without a cache that a run beside it would use."""
        return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *selection]

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a person who has a password file, and starts the suite."""
        paths = {"PGPASSFILE": str(self.passfile), "TMPDIR": str(self.passfile.parent)}
        kept = program_environment(None, {**paths, **more})
        return {name: value for name, value in kept.items() if not name.startswith("PYTEST_")}

    def run(self, *selection: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the suite to its end."""
        return subprocess.run(
            self.command(*selection),
            env=self.environment(CLUSTER_URL=self.url(), **more),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theirs]:
    """A server that asks for passwords on TCP, and logs who connects where."""
    directory = tmp_path_factory.mktemp("theirs")
    rules = directory / "pg_hba.conf"
    rules.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    passfile = directory / "pgpass"
    passfile.touch(mode=0o600)
    passfile.write_text(f"127.0.0.1:{port}:*:gardenos_worker:kept\n")
    settings = {
        "hba_file": str(rules),
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "log_connections": "on",
    }
    with private_server(settings) as server:
        theirs = Theirs(server, passfile)
        for statement in OTHERS.strip().split("\n"):
            theirs.execute(statement)
        with psycopg.connect(server.url(dbname="postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("alter role postgres password {}").format(sql.Literal(PASSWORD))
            )
        yield theirs


def test_a_run_leaves_no_trace(theirs: Theirs, tmp_path: Path) -> None:
    """Whatever failed: roles, passwords and databases are as before; nobody went into `live`."""
    selection = tmp_path / "test_selection.py"
    selection.write_text(SELECTION)
    before, files = theirs.state(), set(theirs.passfile.parent.iterdir())
    plugins = ("-p", "tests.conftest", "-p", "tests.policies.conftest")
    done = theirs.run("-l", *plugins, str(selection))
    said = done.stdout + done.stderr
    assert "1 failed, 1 passed" in said, said
    assert theirs.state() == before
    assert set(theirs.passfile.parent.iterdir()) == files
    assert "database=live" not in theirs.server.log.read_text()
    assert PASSWORD not in said
    assert "['root']" in said, "somebody whom no policy stops is named"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_trace(theirs: Theirs, number: signal.Signals) -> None:
    """It cleans up; when it could not, the next run does, also one that is then refused."""
    before = theirs.state()
    with subprocess.Popen(
        theirs.command("tests/policies/test_matrix.py"),
        env=theirs.environment(CLUSTER_URL=theirs.url()),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as program:
        try:
            await_database(theirs, "gardenos_policies_%_main_1")
        finally:
            program.send_signal(number)
            program.communicate(timeout=60)
    if number is signal.SIGKILL:
        assert theirs.state() != before
        assert theirs.run("tests/policies/test_matrix.py", PGPASSFILE="/dev/null").returncode == 4
    assert theirs.state() == before


def await_database(theirs: Theirs, name: str) -> None:
    """Wait until a database of a worker is there."""
    deadline = time.monotonic() + 30
    while not theirs.execute(f"select 1 from pg_database where datname like '{name}'"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_login_that_is_refused_is_named_at_once(theirs: Theirs) -> None:
    before = theirs.state()
    done = theirs.run("tests/policies/test_matrix.py", PGPASSFILE="/dev/null")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (sentence,) = done.stderr.strip().split("\n")
    assert "refuses the login gardenos_worker" in sentence
    assert "PGPASSFILE" in sentence
    assert theirs.state() == before


# --- refusals -------------------------------------------------------------------------------------


def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """What somebody is told who sets these variables; the environment is as before."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with pytest.raises(Refused) as caught, cluster_url.prepared():
        pass
    assert dict(os.environ) == before
    return str(caught.value)


def test_a_url_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal(monkeypatch, CLUSTER_RO_URL="postgresql://127.0.0.1/postgres")
    assert "CLUSTER_URL is not set" in told


def test_an_unreadable_url_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal(monkeypatch, CLUSTER_URL="postgresql://postgres:secret%zz@127.0.0.1/postgres")
    assert "is not a PostgreSQL URL" in told
    assert "secret" not in told


def test_a_server_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal(monkeypatch, CLUSTER_URL="postgresql://postgres@127.0.0.1:1/postgres")
    assert "leads nowhere" in told


def test_a_superuser_is_needed(theirs: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal(monkeypatch, CLUSTER_URL=theirs.url("gardenos_worker", "kept"))
    assert "gardenos_worker, who is not a superuser" in told
    told = refusal(monkeypatch, CLUSTER_URL=theirs.url("root", "x"))
    assert "logs in as root: name postgres" in told


def test_roles_that_are_there_are_not_changed(
    theirs: Theirs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attribute or a setting that bootstrap would repair is somebody's, until they repair it."""
    for change, back in (
        ("alter role gardenos_app inherit", "alter role gardenos_app noinherit"),
        ("create role anon login", "drop role anon"),
    ):
        theirs.execute(change)
        before = theirs.state()
        try:
            told = refusal(monkeypatch, CLUSTER_URL=theirs.url())
            assert theirs.state() == before
        finally:
            theirs.execute(back)
        assert "Bootstrap would change what this cluster has already" in told
        assert change.split()[2] in told


def test_one_run_at_a_time(theirs: Theirs, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(theirs.url(), autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s)", [LOCK])
        assert "Another run" in refusal(monkeypatch, CLUSTER_URL=theirs.url())


def test_a_standby_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with private_server() as server:
        server.stop()
        (server.data / "standby.signal").touch()
        server.start()
        told = refusal(monkeypatch, CLUSTER_URL=server.url(dbname="postgres"))
    assert "is a standby" in told


# --- urls -----------------------------------------------------------------------------------------


def test_the_urls_of_a_given_server_hold_no_password() -> None:
    given = GivenServer("postgresql://dba:secret@one,two:5001/x?sslmode=require&password=secret")
    url = given.url("authenticator", "a b")
    assert psycopg.conninfo.conninfo_to_dict(url) == {
        "user": "authenticator",
        "dbname": "a b",
        "host": "one,two",
        "port": ",5001",
        "sslmode": "require",
    }
    assert psycopg.conninfo.conninfo_to_dict(given.url())["user"] == "dba"


def test_places_are_named_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER_RO_URL", "postgresql://h:5001/")
    monkeypatch.setenv("CLUSTER_NODE_URLS", " postgresql://h:1/  postgresql://h:2/ ")
    assert list(cluster_url.places()) == ["ro", "node1", "node2"]


def test_a_private_server_is_the_default(cluster: Cluster) -> None:
    assert isinstance(cluster, Cluster)


def test_a_private_server_never_stands_in_for_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that are asked to run on a cluster fail when nobody has prepared it."""
    monkeypatch.setenv("CLUSTER_URL", "postgresql://h/")
    with pytest.raises(Refused, match="make test-policies"):
        cluster_url.cluster_of_this_run()
