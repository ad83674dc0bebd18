"""Faults that a person can name: `python -m tests.cluster fault kill-node n2`.

Each is a few calls of what `Cluster` and `Network` offer, and tests call the same. `heal` undoes
them all.
"""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.cluster.cluster import Cluster
from tests.cluster.errors import ClusterError
from tests.cluster.network import MEMBERS, NODES, PROXY

LOSS = 0.3


@dataclass(frozen=True)
class Fault:
    """One way to break a cluster.

    Attributes:
        name: as a person types it.
        sentence: what happens, and to whom when nobody is named.
        inject: does it to a target and gives the names that it hit.
        targets: who may be named; empty when there is no choice.
    """

    name: str
    sentence: str
    inject: Callable[[Cluster, str | None], Sequence[str]]
    targets: tuple[str, ...] = ()


def kill_postgres(cluster: Cluster, target: str | None) -> Sequence[str]:
    """SIGKILL to the postmaster: Patroni lives and notices."""
    node = target or cluster.leader()
    cluster.signal_postgres(node, signal.SIGKILL)
    return [node]


def kill_node(cluster: Cluster, target: str | None) -> Sequence[str]:
    """SIGKILL to Patroni and all of PostgreSQL."""
    node = target or cluster.leader()
    cluster.kill_node(node)
    return [node]


def kill_patroni(cluster: Cluster, target: str | None) -> Sequence[str]:
    """SIGKILL to Patroni alone: PostgreSQL is left without a master."""
    node = target or cluster.leader()
    cluster.signal_patroni(node, signal.SIGKILL)
    return [node]


def freeze_patroni(cluster: Cluster, target: str | None) -> Sequence[str]:
    """SIGSTOP to Patroni alone."""
    node = target or cluster.leader()
    cluster.signal_patroni(node, signal.SIGSTOP)
    return [node]


def freeze_node(cluster: Cluster, target: str | None) -> Sequence[str]:
    """SIGSTOP to Patroni and all of PostgreSQL."""
    node = target or cluster.leader()
    cluster.freeze_node(node)
    return [node]


def switchover(cluster: Cluster, target: str | None) -> Sequence[str]:
    """A planned change of the leader."""
    cluster.switchover(target)
    return [cluster.leader()]


def expire_leader_key(cluster: Cluster, _: str | None) -> Sequence[str]:
    """Delete the key, as etcd does at the end of its time."""
    leader = cluster.leader()
    cluster.rest.delete_key("leader")
    return [leader]


def spoil_data(cluster: Cluster, target: str | None) -> Sequence[str]:
    """Kill a node and take away its control file: its data directory cannot be started."""
    node = target or cluster.idle_replica()
    cluster.spoil_data(node)
    return [node]


def freeze_replay(cluster: Cluster, target: str | None) -> Sequence[str]:
    """SIGSTOP to the process that replays: a replica receives, and shows nothing new."""
    node = target or cluster.sync_standby()
    cluster.freeze_replay(node)
    return [node]


def kill_etcd_leader(cluster: Cluster, _: str | None) -> Sequence[str]:
    """SIGKILL to the member that leads."""
    member = cluster.rest.etcd_leader()
    if member is None:
        raise ClusterError("etcd has no leader at this moment.")
    cluster.signal_members(signal.SIGKILL, [member])
    return [member]


def freeze_etcd(cluster: Cluster, target: str | None) -> Sequence[str]:
    """SIGSTOP to one member or to all."""
    members = [target] if target else list(MEMBERS)
    cluster.signal_members(signal.SIGSTOP, members)
    return members


def kill_proxy(cluster: Cluster, _: str | None) -> Sequence[str]:
    """SIGKILL to HAProxy: every connection through it ends."""
    cluster.kill_proxy()
    return [PROXY]


def restart_proxy(cluster: Cluster, _: str | None) -> Sequence[str]:
    """SIGKILL to HAProxy and a new one, which believes all servers to be up (trap 3)."""
    cluster.kill_proxy()
    cluster.start_proxy()
    return [PROXY]


def reload_proxy(cluster: Cluster, _: str | None) -> Sequence[str]:
    """A new HAProxy takes over; the old one gives its sessions ten seconds."""
    cluster.reload_proxy()
    return [PROXY]


def cut_leader(cluster: Cluster, _: str | None) -> Sequence[str]:
    """Cut from etcd and the other nodes; clients still reach it."""
    leader = cluster.leader()
    cluster.network.cut(leader, [*others(leader), *MEMBERS])
    return [leader]


def cut_replica(cluster: Cluster, target: str | None) -> Sequence[str]:
    """Cut from everybody."""
    node = target or cluster.idle_replica()
    cluster.network.cut(node, [*others(node), *MEMBERS, PROXY])
    return [node]


def cut_sync(cluster: Cluster, _: str | None) -> Sequence[str]:
    """Cut between the leader and the standby that acknowledges its commits, and nowhere else."""
    pair = [cluster.leader(), cluster.sync_standby()]
    cluster.network.cut(pair[0], pair[1:])
    return pair


def cut_one_way(cluster: Cluster, target: str | None) -> Sequence[str]:
    """What a node sends to other nodes and etcd is lost; what they send arrives."""
    node = target or cluster.leader()
    for receiver in (*others(node), *MEMBERS):
        cluster.network.cut_one_way(node, receiver)
    return [node]


def lose_packets(cluster: Cluster, target: str | None) -> Sequence[str]:
    """A share of what arrives is lost."""
    node = target or cluster.leader()
    cluster.network.lose(node, LOSS)
    return [node]


def others(node: str) -> list[str]:
    """The other nodes."""
    return [each for each in NODES if each != node]


FAULTS = (
    Fault(
        "kill-postgres",
        "SIGKILL to PostgreSQL of a node (the leader's); its Patroni lives.",
        kill_postgres,
        NODES,
    ),
    Fault(
        "kill-node",
        "SIGKILL to Patroni and PostgreSQL of a node (the leader): the machine dies.",
        kill_node,
        NODES,
    ),
    Fault(
        "kill-patroni",
        "SIGKILL to Patroni of a node (the leader's); its PostgreSQL lives on unwatched.",
        kill_patroni,
        NODES,
    ),
    Fault(
        "freeze-patroni",
        "SIGSTOP to Patroni of a node (the leader's); its PostgreSQL goes on.",
        freeze_patroni,
        NODES,
    ),
    Fault(
        "freeze-node",
        "SIGSTOP to Patroni and PostgreSQL of a node (the leader).",
        freeze_node,
        NODES,
    ),
    Fault(
        "switchover",
        "Planned: the leader hands over to a node (whom Patroni picks).",
        switchover,
        NODES,
    ),
    Fault(
        "expire-leader-key",
        "The leader's key in etcd is deleted: the replicas race at once.",
        expire_leader_key,
    ),
    Fault(
        "spoil-data",
        "A node (a replica that is not synchronous) dies and cannot start: no control file.",
        spoil_data,
        NODES,
    ),
    Fault(
        "freeze-replay",
        "A replica (the synchronous one) receives and does not replay: its reads grow old.",
        freeze_replay,
        NODES,
    ),
    Fault("kill-etcd-leader", "SIGKILL to the member that leads etcd.", kill_etcd_leader),
    Fault("freeze-etcd", "SIGSTOP to a member of etcd (to all three).", freeze_etcd, MEMBERS),
    Fault("kill-proxy", "SIGKILL to HAProxy.", kill_proxy),
    Fault("restart-proxy", "SIGKILL to HAProxy, and a new one at once.", restart_proxy),
    Fault("reload-proxy", "A new HAProxy takes over from the old one.", reload_proxy),
    Fault(
        "cut-leader",
        "The leader is cut off from etcd and the other nodes; clients still reach it.",
        cut_leader,
    ),
    Fault(
        "cut-replica",
        "A replica (one that is not synchronous) is cut off from everybody.",
        cut_replica,
        NODES,
    ),
    Fault("cut-sync", "Leader and synchronous standby no longer reach each other.", cut_sync),
    Fault(
        "cut-one-way",
        "What a node (the leader) sends to other nodes and etcd is lost; it still hears them.",
        cut_one_way,
        NODES,
    ),
    Fault(
        "lose-packets",
        f"{LOSS:.0%} of the packets that arrive at a node (the leader) are lost.",
        lose_packets,
        NODES,
    ),
)


def named(name: str) -> Fault | None:
    """The fault of that name."""
    return next((fault for fault in FAULTS if fault.name == name), None)
