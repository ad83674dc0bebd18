"""Servers in the states that a deploy can meet."""

import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrations import bootstrap
from migrations.embedded import Server
from tests.database import SETTINGS, Database, private_server, program_environment, upgrade
from tests.migrations.revisions import Revisions


@pytest.fixture
def revisions(tmp_path: Path) -> Revisions:
    """A directory of revisions for one test."""
    return Revisions(tmp_path)


@pytest.fixture(scope="session")
def virgin() -> Iterator[Database]:
    """A database of a server that nobody ever bootstrapped: not even our roles are there."""
    with private_server() as server:
        yield Database(server, "postgres")


@dataclass(frozen=True)
class Guarded:
    """A migrated database reached over TCP, with a password."""

    database: Database
    password: str
    port: int

    def url(self, password: str | None) -> str:
        """A URL with this password; None leaves it out."""
        login = "gardenos_migrator" + (f":{password}" if password is not None else "")
        return f"postgresql://{login}@127.0.0.1:{self.port}/{self.database.name}"


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def guarded() -> Iterator[Guarded]:
    """A server that asks for passwords."""
    port = free_port()
    password = secrets.token_urlsafe(12)
    with private_server({"listen_addresses": "127.0.0.1", "port": str(port)}) as server:
        database = Database(server, "postgres")
        bootstrap.apply(database.url())
        upgrade(database.url("gardenos_migrator"))
        with database.connect(autocommit=True) as connection:
            connection.execute(f"alter role gardenos_migrator password '{password}'".encode())
            rules = "local all postgres trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
            (server.data / "pg_hba.conf").write_text(rules)
            connection.execute("select pg_reload_conf()")
        yield Guarded(database, password, port)


@pytest.fixture(scope="session")
def standby() -> Iterator[Database]:
    """A streaming standby of a migrated database, made by pg_basebackup."""
    with private_server() as primary, tempfile.TemporaryDirectory(prefix="gardenos-") as directory:
        database = Database(primary, "postgres")
        bootstrap.apply(database.url())
        upgrade(database.url("gardenos_migrator"))
        copy = Server(Path(directory) / "copy", settings=SETTINGS)
        command = [str(primary.bindir / "pg_basebackup"), "-R", "-X", "stream", "-c", "fast"]
        subprocess.run(
            [*command, "-D", str(copy.data), "-d", primary.url("postgres", "postgres")],
            env=program_environment(None),
            check=True,
            capture_output=True,
        )
        (copy.data / "gardenos.conf").unlink()
        copy.start()
        try:
            yield Database(copy, "postgres")
        finally:
            copy.stop()
            shutil.rmtree(copy.data)
