"""The local server through everything that happens to it on a developer's machine."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from migrations.embedded import EmbeddedError, Server
from tests.database import ROOT, program_environment


@pytest.fixture
def data() -> Iterator[Path]:
    """A data directory that does not exist yet; its server is stopped afterwards."""
    with tempfile.TemporaryDirectory(prefix="gardenos-") as directory:
        path = Path(directory) / "a directory" / "data"
        yield path
        Server(path).stop()


def start(data: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "migrations.embedded", "--data", str(data), *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=program_environment(None, {"PGPORT": "1", "PGHOST": "nowhere.invalid"}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def embedded(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = start(data, *arguments)
    stdout, stderr = process.communicate(timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def pid_of(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split("\n", 1)[0])


def kill(data: Path) -> None:
    """Kill the postmaster as the kernel does when memory runs out."""
    pid = pid_of(data)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)


def test_life_of_a_server(data: Path) -> None:
    assert embedded(data, "status").returncode == 1
    refused = embedded(data, "url")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "make upgrade" in refused.stderr

    first = embedded(data, "up")
    assert first.returncode == 0, first.stderr
    assert "started" in first.stdout
    assert "made database: gardenos" in first.stdout
    assert "make stop" in first.stdout
    pid = pid_of(data)

    second = embedded(data, "up")
    assert second.returncode == 0
    assert "is running" in second.stdout
    assert "made database" not in second.stdout
    assert pid_of(data) == pid

    kill(data)
    assert embedded(data, "up").returncode == 0
    assert pid_of(data) != pid

    # After the restart of a container the recorded pid may be anybody's.
    kill(data)
    innocent = subprocess.Popen(["sleep", "60"])
    try:
        recorded = data / "postmaster.pid"
        rest = recorded.read_text().split("\n", 1)[1]
        recorded.write_text(f"{innocent.pid}\n{rest}")
        server = Server(data)
        (server.socket_dir / ".s.PGSQL.5432.lock").write_text(f"{innocent.pid}\n{rest}")
        assert embedded(data, "up").returncode == 0
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()

    assert embedded(data, "status").returncode == 0
    stopped = embedded(data, "stop")
    assert (stopped.returncode, "stopped" in stopped.stdout) == (0, True)
    again = embedded(data, "stop")
    assert (again.returncode, "was not running" in again.stdout) == (0, True)


def test_two_at_once(data: Path) -> None:
    running = [start(data, "up") for _ in range(3)]
    said = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert sum("made database" in stdout for stdout, _ in said) == 1


def test_an_unfinished_initdb_is_begun_again(data: Path) -> None:
    unfinished = data.with_name("data.new")
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    server = Server(data, settings={"fsync": "off"})
    server.start()
    assert server.is_running()


def test_make_url_is_accepted_by_psql_and_psycopg(data: Path) -> None:
    assert embedded(data, "up").returncode == 0
    made = subprocess.run(
        # The environment of the tests does instead of .venv.
        [
            "make",
            "-o",
            ".venv/.ready",
            "url",
            f"PYTHON={sys.executable}",
            "ROLE=postgres",
            f"EMBEDDED={sys.executable} -m migrations.embedded --data '{data}'",
        ],
        cwd=ROOT,
        env=program_environment(None),
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert made.stderr == ""
    (url,) = made.stdout.splitlines()
    with psycopg.connect(url) as connection:
        assert connection.execute("select current_user, current_database()").fetchone() == (
            "postgres",
            "gardenos",
        )
    asked = subprocess.run(
        [str(Server(data).psql), "-XAtc", "select current_user", url],
        env=program_environment(None, {"PGPORT": "1", "PGHOST": "nowhere.invalid"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.stdout == "postgres\n", asked.stderr


def test_only_the_owner_reaches_it(data: Path) -> None:
    server = Server(data, settings={"fsync": "off"})
    server.start()
    assert server.socket_dir.stat().st_mode & 0o777 == 0o700
    assert data.stat().st_mode & 0o777 == 0o700
    with psycopg.connect(server.url("postgres", "postgres")) as connection:
        settings = connection.execute(
            "select current_setting('listen_addresses'), current_setting('server_encoding'),"
            " (select datcollate from pg_database where datname = 'template0')"
        ).fetchone()
    assert settings == ("", "UTF8", "C.UTF-8")


def test_a_long_path_gets_a_short_socket() -> None:
    server = Server(Path("/" + "long/" * 30) / "data")
    assert len(os.fsencode(server.socket_dir / ".s.PGSQL.5432")) <= 100
    assert server.socket_dir != Server(Path("/" + "long/" * 31) / "data").socket_dir


def test_a_strange_socket_directory_is_refused(data: Path) -> None:
    server = Server(data, settings={"fsync": "off"})
    server.socket_dir.mkdir(parents=True)
    server.socket_dir.chmod(0o755)
    with pytest.raises(EmbeddedError, match="open to others"):
        server.start()


def test_data_of_another_major_version(data: Path) -> None:
    data.mkdir(parents=True, mode=0o700)
    (data / "PG_VERSION").write_text("9\n")
    done = embedded(data, "up")
    assert done.returncode == 1
    assert "was made by PostgreSQL 9" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="a normal user needs no user namespace")
def test_root_without_user_namespaces_is_told_what_to_do(data: Path, tmp_path: Path) -> None:
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\nexit 1\n")
    refusing.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "migrations.embedded", "--data", str(data), "up"],
        cwd=ROOT,
        env=program_environment(None, {"PATH": f"{tmp_path}:{os.environ['PATH']}"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "normal user" in done.stderr
    assert "DATABASE_URL" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_directory_without_programs_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GARDENOS_BINDIR", str(tmp_path))
    with pytest.raises(EmbeddedError, match="There is no"):
        Server(tmp_path / "data").start()
