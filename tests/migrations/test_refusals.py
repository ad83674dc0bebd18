"""What a run refuses: one sentence, an exit code of its own, no secret, and nothing changed."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from migrations.desired_state.snapshot import Snapshot, snapshot
from migrations.runner.errors import RunError
from migrations.runner.settings import LOCK_KEY
from tests.database import Cluster, Database, alembic, program_environment, upgrade
from tests.migrations.conftest import Guarded, free_port
from tests.migrations.revisions import Revisions

SECRET = "hush-hush"


def look(database: Database) -> tuple[Snapshot, Any]:
    """Catalogue and version, as a superuser sees them."""
    with database.connect() as connection:
        row = connection.execute("select to_regclass('migration.alembic_version')::text").fetchone()
        version = None
        if row is not None and row[0] is not None:
            version = connection.execute("select * from migration.alembic_version").fetchall()
        return snapshot(connection), version


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One line on stderr with these words, and this exit code."""
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    assert done.stdout == ""


def test_exit_codes_are_distinct_and_documented() -> None:
    import migrations.runner.errors as errors

    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, RunError) and kind is not RunError
    ]
    codes = {kind.exit_code: kind.__name__ for kind in kinds}
    assert len(codes) == len(kinds)
    documented = re.findall(r"^\| (\d+) \| (\w+) \|", errors.__doc__ or "", re.MULTILINE)
    assert {int(code): name for code, name in documented} == codes


def test_nobody_answers() -> None:
    port = free_port()
    url = f"postgresql://gardenos_migrator:{SECRET}@127.0.0.1:{port}/gardenos"
    refused(alembic("upgrade", "head", url=url), 11, f"127.0.0.1:{port}", "nothing was changed")


def test_no_such_host_and_no_such_socket(tmp_path: Path) -> None:
    for host in ("nowhere.invalid", str(tmp_path)):
        url = f"postgresql://gardenos_migrator:{SECRET}@/gardenos?host={host}"
        refused(alembic("upgrade", "head", url=url), 11, host)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://gardenos_migrator:{SECRET} x@host/gardenos?nonsense=1",
        f"postgresql://gardenos_migrator:p@{SECRET}@host/gardenos",
        f"postgresql://gardenos_migrator:{SECRET}/x@host/gardenos",
        f"postgresql://gardenos_migrator:12/{SECRET}@host/gardenos",
        f"postgresql://gardenos_migrator:{SECRET}@[::1/gardenos",
        f"password={SECRET} host",
    ],
)
def test_an_address_that_libpq_misreads_is_not_repeated(url: str) -> None:
    refused(alembic("upgrade", "head", url=url), 10, "percent-encoded")


def test_wrong_password_and_none(guarded: Guarded) -> None:
    before = look(guarded.database)
    for password in (SECRET, None):
        done = alembic("upgrade", "head", url=guarded.url(password))
        refused(done, 12, "gardenos_migrator", "password")
    assert look(guarded.database) == before
    right = alembic("upgrade", "head", url=guarded.url(guarded.password))
    assert right.returncode == 0, right.stderr
    assert guarded.password not in right.stderr + right.stdout


def test_no_such_database(database: Database) -> None:
    url = database.server.url("gardenos_migrator", "nowhere")
    refused(alembic("upgrade", "head", url=url), 12, 'database "nowhere" does not exist')


def test_a_standby(standby: Database) -> None:
    before = look(standby)
    url = standby.url("gardenos_migrator")
    refused(alembic("upgrade", "head", url=url), 13, "standby", "primary")
    refused(alembic("downgrade", "base", url=url), 13, "standby")
    assert look(standby) == before
    assert alembic("current", url=url).returncode == 0


def test_read_only_by_default(database: Database) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute(
            f"alter database {database.name} set default_transaction_read_only = on".encode()
        )
    url = database.url("gardenos_migrator")
    refused(alembic("upgrade", "head", url=url), 13, "read-only")


def test_not_bootstrapped(cluster: Cluster, virgin: Database) -> None:
    before = look(virgin)
    done = alembic("upgrade", "head", url=virgin.url("gardenos_migrator"))
    refused(done, 14, "role gardenos_migrator", "make bootstrap DATABASE_URL=")
    done = alembic("upgrade", "head", url=virgin.url("postgres"))
    refused(done, 14, "gardenos_owner", "make bootstrap DATABASE_URL=")
    assert look(virgin) == before
    with cluster.migrated(), cluster.empty() as database:
        before = look(database)
        done = alembic("upgrade", "head", url=database.url("gardenos_migrator"))
        refused(done, 14, "schema migration", "schema tenancy", "make bootstrap DATABASE_URL=")
        assert "role gardenos_migrator" not in done.stderr
        assert look(database) == before


@pytest.mark.parametrize(
    ("role", "words"),
    [("postgres", "superuser"), ("gardenos_app", "may not become gardenos_owner")],
)
def test_the_wrong_login(bootstrapped: Database, role: str, words: str) -> None:
    before = look(bootstrapped)
    done = alembic("upgrade", "head", url=bootstrapped.url(role))
    refused(done, 15, words, "connect as gardenos_migrator")
    assert look(bootstrapped) == before


def test_no_address_and_no_local_server(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; import migrations.embedded.server as server;"
        f"server.LOCAL_DATA = pathlib.Path({str(tmp_path / 'data')!r});"
        "from alembic.config import main; main(['upgrade', 'head'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=program_environment(None),
        capture_output=True,
        text=True,
        check=False,
    )
    refused(done, 10, "DATABASE_URL is not set", "make upgrade")


def test_an_edited_revision(bootstrapped: Database, revisions: Revisions) -> None:
    url = bootstrapped.url("gardenos_migrator")
    number = revisions.add("select 1")
    path = revisions.path(number)
    before = look(bootstrapped)
    path.write_text(path.read_text() + "# edited\n")
    done = alembic("upgrade", "head", url=url, ini=revisions.ini)
    refused(done, 16, path.name, "manifest.sha256")
    assert look(bootstrapped) == before


def test_a_database_ahead_of_the_files(database: Database, revisions: Revisions) -> None:
    before = look(database)
    done = alembic("upgrade", "head", url=database.url("gardenos_migrator"), ini=revisions.ini)
    refused(done, 16, "not among these files")
    assert look(database) == before


def test_two_heads(bootstrapped: Database, revisions: Revisions) -> None:
    path = revisions.path(revisions.add("select 1"))
    other = path.read_text().replace("'0002'", "'0003'")
    path.with_name("0003_another_head.py").write_text(other)
    done = alembic("upgrade", "heads", url=bootstrapped.url("gardenos_migrator"), ini=revisions.ini)
    refused(done, 20, "several heads")


def test_stamp_and_ensure_version(bootstrapped: Database) -> None:
    before = look(bootstrapped)
    url = bootstrapped.url("gardenos_migrator")
    refused(alembic("stamp", "head", url=url), 20, "stamp")
    refused(alembic("stamp", "head", "--sql", url=None), 20, "stamp")
    refused(alembic("ensure_version", url=url), 20, "version table")
    assert look(bootstrapped) == before


def test_another_deploy_keeps_the_lock(bootstrapped: Database) -> None:
    before = look(bootstrapped)
    url = bootstrapped.url("gardenos_migrator")
    with bootstrapped.connect("gardenos_migrator", application_name="another deploy") as holder:
        holder.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
        pid = holder.info.backend_pid
        for more, arguments in (
            ({"GARDENOS_LOCK_DEADLINE": "1"}, ()),
            ({}, ("-x", "lock_deadline=0.2")),
        ):
            done = alembic(*arguments, "upgrade", "head", url=url, environment=more)
            assert done.returncode == 17, done.stderr
            waiting, end = done.stderr.splitlines()
            assert waiting.startswith("waiting for the deploy lock")
            for line in (waiting, end):
                assert f"pid {pid}" in line
                assert "another deploy" in line
    assert look(bootstrapped) == before
    done = alembic("upgrade", "head", url=url, environment={"GARDENOS_LOCK_DEADLINE": "soon"})
    refused(done, 10, "number of seconds")


@pytest.mark.parametrize("arguments", [("current",), ("history", "-i"), ("check",), ("heads",)])
def test_looking_needs_no_lock_and_writes_nothing(
    database: Database, bootstrapped: Database, arguments: tuple[str, ...]
) -> None:
    for looked_at in (database, bootstrapped):
        before = look(looked_at)
        with looked_at.connect("gardenos_migrator") as holder:
            holder.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
            done = alembic(
                *arguments,
                url=looked_at.url("gardenos_migrator"),
                environment={
                    "GARDENOS_LOCK_DEADLINE": "0",
                    # Where check makes its own database; it never looks at the one of DATABASE_URL.
                    "SCRATCH_URL": looked_at.server.url("postgres", "postgres"),
                },
            )
        assert done.returncode == 0, done.stderr
        assert look(looked_at) == before


def test_through_the_api_a_refusal_is_an_exception(bootstrapped: Database) -> None:
    with pytest.raises(RunError, match="superuser") as caught:
        upgrade(bootstrapped.url("postgres"))
    assert caught.value.exit_code == 15
