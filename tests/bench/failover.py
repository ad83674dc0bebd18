"""How long nobody can write: our settings beside usual ones, HAProxy beside libpq multi-host.

python -m tests.bench.failover [--runs 5] [--faults switchover,postgres,node] [--settings tests]

Two writers per run, each with one row and one commit at a time: one through HAProxy's write port,
one with all nodes in its connection string and `target_session_attrs=read-write`. The gap is the
longest time between two acknowledgements; a key that was acknowledged and is not there is lost.
"Usual" are the defaults of Patroni and of published measurements (failover.md, section 9): ttl 30,
loop_wait and retry_timeout 10, checks every 2 s, three to fall, two to rise; the target is named.
"""

import argparse
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from signal import SIGKILL
from statistics import median
from uuid import UUID, uuid4

import psycopg

from tests.cluster import Cluster
from tests.cluster.configuration import Times

SETTINGS = {
    # what README recommends
    "recommended": Times(
        loop_wait=2,
        retry_timeout=9,
        primary_start_timeout=30,
        check=1000,
        check_changing=250,
        fall=3,
    ),
    # what the suite runs with
    "tests": Times(),
    "usual": Times(
        ttl=30,
        loop_wait=10,
        retry_timeout=10,
        primary_start_timeout=300,
        check=2000,
        check_changing=2000,
        fall=3,
        rise=2,
        wal_retrieve_retry="5s",
    ),
}
PAUSE_SECONDS = 0.01
RETRY_SECONDS = 0.02


@dataclass
class Writer:
    """Writes one key after the other until it is told to stop."""

    name: str
    url: str
    acked: list[tuple[float, UUID]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def write(self) -> None:
        """Write, reconnecting at once; a key whose answer was lost is not written again."""
        connection: psycopg.Connection[tuple[object, ...]] | None = None
        while not self.stopping.is_set():
            key = uuid4()
            try:
                if connection is None:
                    connection = psycopg.connect(self.url, autocommit=True, connect_timeout=2)
                connection.execute("insert into bench.ledger values (%s)", [key])
                self.acked.append((time.monotonic(), key))
                time.sleep(PAUSE_SECONDS)
            except psycopg.Error:
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(RETRY_SECONDS)
        if connection is not None:
            connection.close()

    def gap(self, since: float) -> float:
        """The longest time between two acknowledgements around and after a moment, in seconds."""
        moments = [at for at, _ in self.acked]
        gaps = [end - begin for begin, end in pairwise(moments) if end >= since]
        return max(gaps, default=float("inf"))


def switchover(cluster: Cluster, settings: str) -> None:
    """A planned switchover; as usual, the target is named."""
    cluster.switchover(cluster.sync_standby() if settings == "usual" else None)


def postgres(cluster: Cluster, _: str) -> None:
    """The postmaster is killed."""
    cluster.signal_postgres(cluster.leader(), SIGKILL)


def node(cluster: Cluster, _: str) -> None:
    """Patroni and all of PostgreSQL are killed."""
    cluster.kill_node(cluster.leader())


FAULTS: dict[str, Callable[[Cluster, str], None]] = {
    "switchover": switchover,
    "postgres": postgres,
    "node": node,
}


def multi_host(cluster: Cluster) -> str:
    """A connection string with all nodes: libpq finds the one that takes writes."""
    ports = cluster.network.ports.postgresql
    return (
        f"host={','.join(str(cluster.directory / name) for name in cluster.nodes)}"
        f" port={','.join(str(ports[name]) for name in cluster.nodes)}"
        f" user=postgres dbname=gardenos passfile={cluster.directory / 'pgpass'}"
        " target_session_attrs=read-write"
    )


def measure(cluster: Cluster, settings: str, fault: str) -> tuple[dict[str, float], int]:
    """One run: the gap of each writer in seconds, and how many acknowledged keys are gone."""
    writers = [
        Writer("HAProxy", cluster.url("postgres")),
        Writer("multi-host", multi_host(cluster)),
    ]
    threads = [threading.Thread(target=writer.write, daemon=True) for writer in writers]
    for thread in threads:
        thread.start()
    time.sleep(1)
    since = time.monotonic()
    FAULTS[fault](cluster, settings)
    deadline = time.monotonic() + 3 * cluster.times.ttl
    while time.monotonic() < deadline:
        if all(writer.acked[-1][0] > since and writer.gap(since) > 0.3 for writer in writers):
            break
        time.sleep(0.1)
    time.sleep(1)
    for writer, thread in zip(writers, threads, strict=True):
        writer.stopping.set()
        thread.join()
    cluster.heal(3 * cluster.times.ttl + 60)
    keys = [key for writer in writers for _, key in writer.acked]
    with cluster.connect() as connection:
        row = connection.execute(
            "select count(*) from unnest(%s::uuid[]) as acked (key)"
            " where not exists (select from bench.ledger where ledger.key = acked.key)",
            [keys],
        ).fetchone()
    assert row is not None
    return {writer.name: writer.gap(since) for writer in writers}, row[0]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.failover", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--faults", default="switchover,postgres,node")
    parser.add_argument("--settings", default=",".join(SETTINGS))
    arguments = parser.parse_args()
    print("| settings | fault | path | write gap: median | worst | lost |")
    print("| --- | --- | --- | --- | --- | --- |")
    for settings in arguments.settings.split(","):
        cluster = Cluster.up(times=SETTINGS[settings])
        try:
            with cluster.connect(autocommit=True) as connection:
                connection.execute("create schema bench")
                connection.execute("create table bench.ledger (key uuid primary key)")
            for fault in arguments.faults.split(","):
                gaps: dict[str, list[float]] = {}
                lost = 0
                for _ in range(arguments.runs):
                    found, gone = measure(cluster, settings, fault)
                    lost += gone
                    for name, gap in found.items():
                        gaps.setdefault(name, []).append(gap)
                for name, each in gaps.items():
                    print(
                        f"| {settings} | {fault} | {name} | {median(each):.1f} s"
                        f" | {max(each):.1f} s | {lost} |",
                        flush=True,
                    )
        finally:
            cluster.down()


if __name__ == "__main__":
    main()
