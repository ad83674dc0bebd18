"""What a person is told about a cluster: one line for each node, and who else is there."""

import csv
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg

from tests.cluster import health
from tests.cluster.cluster import Cluster
from tests.cluster.errors import ClusterError
from tests.cluster.health import Look
from tests.cluster.network import MEMBERS, NODES, PROXY

HEAD = ("node", "role", "state", "timeline", "lag", "sync")


@dataclass(frozen=True)
class Keys:
    """What etcd holds, as far as it answers."""

    leader: str | None
    sync: tuple[str, ...]


def lines(cluster: Cluster) -> list[str]:
    """The report, without a verdict: that is `Cluster.why_not_whole`."""
    with ThreadPoolExecutor(len(NODES) + 3) as pool:
        looks = {node: pool.submit(_look, cluster, node) for node in NODES}
        patronis = {node: pool.submit(cluster.rest.status, node, "/patroni") for node in NODES}
        keys = pool.submit(_keys, cluster)
        etcd = pool.submit(_etcd, cluster)
        seen = {node: look.result() for node, look in looks.items()}
        rows = [_row(node, seen, keys.result(), bool(patronis[node].result())) for node in NODES]
        return [*_table(rows), etcd.result(), _proxy(cluster), f"profile  {cluster.profile}"]


def _row(node: str, seen: dict[str, Look | None], keys: Keys, patroni: bool) -> tuple[str, ...]:
    look = seen[node]
    watched = "" if patroni else ", no Patroni"
    if look is None:
        return (node, "-", "down" + watched, "-", "-", "")
    if look.in_recovery:
        role = "replica"
        state = "streaming" if look.streaming else "not streaming"
    else:
        role = "leader" if node == keys.leader else "primary"
        state = "running"
    newest = max((each.position for each in seen.values() if each is not None), default=0)
    return (
        node,
        role,
        state + watched,
        str(look.timeline or "-"),
        _bytes(newest - look.position) if look.in_recovery else "-",
        "sync" if node in keys.sync else "",
    )


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in (HEAD, *rows)) for column in range(len(HEAD))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (HEAD, *rows)
    ]


def _bytes(number: int) -> str:
    return f"{number} B" if number < 10_000 else f"{number / 1_000_000:.1f} MB"


def _look(cluster: Cluster, node: str) -> Look | None:
    try:
        return health.look(cluster, node)
    except psycopg.Error:
        return None


def _keys(cluster: Cluster) -> Keys:
    try:
        sync = tuple(cluster.rest.sync_standbys())
        return Keys(cluster.rest.key("leader"), sync)
    except (ClusterError, OSError):
        return Keys(None, ())


def _etcd(cluster: Cluster) -> str:
    answering = cluster.rest.members()
    leader = cluster.rest.etcd_leader() if answering else None

    def told(member: str) -> str:
        if member not in answering:
            return f"{member} does not answer"
        return f"{member} leads" if member == leader else member

    return f"etcd     {', '.join(told(member) for member in MEMBERS)}"


def _proxy(cluster: Cluster) -> str:
    try:
        doors = routes(cluster)
    except OSError:
        return "HAProxy  does not answer"
    told = (f"{door} to {', '.join(nodes) or 'nobody'}" for door, nodes in doors.items())
    return f"HAProxy  {'; '.join(told)}"


def routes(cluster: Cluster) -> dict[str, list[str]]:
    """Where HAProxy leads new connections: door to nodes.

    Raises:
        OSError: it does not answer.
    """
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(1)
        admin.connect(str(cluster.directory / PROXY / "admin.sock"))
        admin.sendall(b"show stat\n")
        with admin.makefile(encoding="utf-8") as answer:
            rows = list(csv.DictReader(answer.read().lstrip("# ").splitlines()))
    return {
        door: [
            row["svname"]
            for row in rows
            if row["pxname"] == door and row["svname"] in NODES and row["status"].startswith("UP")
        ]
        for door in ("rw", "ro")
    }
