"""Three servers that stream to each other and that nobody manages: no Patroni, no proxy.

For tests of the witnesses and the invariants. The leader is the one that is not in recovery; `rw`
leads to it, `ro` to a standby. Who is stopped stays stopped, who is promoted leads.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

from migrations import bootstrap
from migrations.embedded import Server
from migrations.embedded.server import _not_root
from tests.database import SETTINGS, upgrade
from tests.failover.reach import CONNECT_SECONDS

# Enough to stream and to fail over; wal_log_hints lets a node that led be rewound.
STREAMING = {
    **SETTINGS,
    "hot_standby": "on",
    "hot_standby_feedback": "on",
    "wal_log_hints": "on",
    "wal_retrieve_retry_interval": "200ms",
    "shared_buffers": "32MB",
    "max_wal_senders": "10",
}


class Unmanaged:
    """A `Reach` over plain servers."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        """Take servers that run."""
        self.servers = dict(servers)
        self.nodes = tuple(self.servers)
        self.writable = self.nodes[0]

    def url(self, role: str, dbname: str = "gardenos", *, through: str = "rw") -> str:
        """See `Reach`."""
        others = [node for node in self.nodes if node != self.writable]
        node = {"rw": self.writable, "ro": (others or [self.writable])[0]}.get(through, through)
        return self.servers[node].url(role, dbname)

    def primaries(self) -> set[str]:
        """Who is not in recovery."""
        found = set()
        for node, server in self.servers.items():
            try:
                with psycopg.connect(
                    server.url("postgres", "postgres"), connect_timeout=CONNECT_SECONDS
                ) as connection:
                    row = connection.execute("select pg_is_in_recovery()").fetchone()
            except psycopg.Error:
                continue
            if row == (False,):
                found.add(node)
        return found

    def promote(self, node: str) -> None:
        """Make a standby the leader, and lead `rw` there."""
        with psycopg.connect(
            self.servers[node].url("postgres", "postgres"), autocommit=True
        ) as connection:
            connection.execute("select pg_promote()")
        self.writable = node


@contextmanager
def unmanaged(standbys: int = 2) -> Iterator[Unmanaged]:
    """A leader n1 with the database `gardenos` at head, and standbys n2, n3 … for the block."""
    directory = Path(tempfile.mkdtemp(prefix="gardenos-"))
    servers = {"n1": Server(directory / "n1", settings=STREAMING | {"port": "5441"})}
    try:
        leader = servers["n1"]
        leader.start()
        with psycopg.connect(leader.url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute("create database gardenos")
        bootstrap.apply(leader.url("postgres", "gardenos"))
        upgrade(leader.url("gardenos_migrator", "gardenos"))
        for number in range(2, standbys + 2):
            name = f"n{number}"
            settings = STREAMING | {"port": f"544{number}"}
            servers[name] = Server(directory / name, settings=settings)
            copy(leader, servers[name])
        yield Unmanaged(servers)
    finally:
        for server in servers.values():
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def copy(leader: Server, standby: Server) -> None:
    """Make a standby from a leader, and start it."""
    subprocess.run(
        [
            *_not_root(),
            str(leader.bindir / "pg_basebackup"),
            f"--dbname={leader.url('postgres', 'postgres')}",
            f"--pgdata={standby.data}",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--write-recovery-conf",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    standby.start()
