"""Whether a cluster is what it promises to be, read off every node and not off one node's opinion.

`/cluster` shows a dead node as streaming for up to `ttl` seconds (failover.md, trap 7).
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from tests.cluster.errors import ClusterError
from tests.cluster.network import MEMBERS, NODES
from tests.cluster.rest import NOBODY

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster

# how many standbys a profile calls synchronous; its name is that of their sync_state
SYNCHRONOUS = {"sync": 1, "quorum": 2}


@dataclass(frozen=True)
class Look:
    """What one node says of itself."""

    in_recovery: bool
    streaming: bool
    timeline: int | None  # that it writes or receives
    position: int  # in the WAL, bytes: written by a primary, replayed by a standby


def look(cluster: "Cluster", node: str) -> Look:
    """Ask a node, directly.

    Raises:
        psycopg.Error: it lets nobody in.
    """
    with cluster.connect(through=node, dbname="postgres", autocommit=True) as connection:
        row = connection.execute(
            "select pg_is_in_recovery(),"
            " coalesce((select status = 'streaming' from pg_stat_wal_receiver), false),"
            " case when pg_is_in_recovery()"
            " then (select received_tli from pg_stat_wal_receiver)"
            " else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
            " end,"
            " (case when pg_is_in_recovery() then pg_last_wal_replay_lsn()"
            " else pg_current_wal_lsn() end - '0/0')::bigint"
        ).fetchone()
    assert row is not None
    return Look(*row)


def why_not_whole(cluster: "Cluster") -> str | None:
    """What is missing; None when nothing is.

    One node not in recovery, two that stream from it on its timeline, routed by the proxy, and what
    the profile promises in force.
    """
    try:
        looks: dict[str, Look] = {}
        for node in NODES:
            try:
                looks[node] = look(cluster, node)
            except psycopg.Error as error:
                return f"{node} lets nobody in: {_reason(error)}"
        return (
            _why_not_one(cluster, looks) or _why_not_attended(cluster) or _why_not_routed(cluster)
        )
    except (psycopg.Error, ClusterError, OSError) as error:
        return " ".join(str(error).split())


def _reason(error: psycopg.Error) -> str:
    """The end of libpq's first line: what stands before names the socket."""
    first = next(iter(str(error).splitlines()), "")
    return first.rpartition("failed: ")[2]


def _why_not_one(cluster: "Cluster", looks: dict[str, Look]) -> str | None:
    primaries = [node for node, seen in looks.items() if not seen.in_recovery]
    if len(primaries) != 1:
        return f"not in recovery: {', '.join(primaries) or 'no node'}"
    idle = [node for node, seen in looks.items() if seen.in_recovery and not seen.streaming]
    if idle:
        return f"not streaming: {', '.join(idle)}"
    if len({seen.timeline for seen in looks.values()}) != 1:
        return f"timelines differ: { {node: seen.timeline for node, seen in looks.items()} }"
    if cluster.rest.key("leader") != primaries[0]:
        return f"{primaries[0]} is primary and does not hold the leader key"
    return _why_not_safe(cluster, primaries[0])


def _why_not_safe(cluster: "Cluster", primary: str) -> str | None:
    if cluster.profile != "async":
        with cluster.connect(through=primary, dbname="postgres", autocommit=True) as connection:
            row = connection.execute(
                "select count(*) filter (where sync_state = %s),"
                " count(*) filter (where state = 'streaming')"
                " from pg_stat_replication where application_name = any (%s)",
                [cluster.profile, list(NODES)],
            ).fetchone()
        assert row is not None
        wanted = SYNCHRONOUS[cluster.profile]
        if row[0] < wanted or row[1] < 2:
            return f"{row[0]} of mode {cluster.profile}, {row[1]} streaming standbys at {primary}"
        named = cluster.rest.sync_standbys()
        if len(named) != wanted:
            return f"synchronous in etcd: {', '.join(named) or 'no standby'}"
    if len(json.loads(cluster.rest.key("failsafe") or "{}")) < len(NODES):
        return "the failsafe members are not all known"
    return None


def _why_not_attended(cluster: "Cluster") -> str | None:
    silent = [node for node in NODES if cluster.rest.status(node, "/patroni") == NOBODY]
    if silent:
        return f"Patroni does not answer: {', '.join(silent)}"
    dead = set(MEMBERS) - cluster.rest.members()
    return f"etcd does not answer: {', '.join(sorted(dead))}" if dead else None


def _why_not_routed(cluster: "Cluster") -> str | None:
    for door, standby in (("rw", False), ("ro", True)):
        try:
            with cluster.connect(through=door, dbname="postgres") as connection:
                row = connection.execute("select pg_is_in_recovery()").fetchone()
        except psycopg.Error as error:
            return f"the port {door} lets nobody in: {_reason(error)}"
        if row != (standby,):
            return f"the port {door} leads to a {'primary' if standby else 'standby'}"
    return None
