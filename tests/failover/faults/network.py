"""Cables that are cut: partitions and lost packets, made by the kernel (F11, F12)."""

import threading
import time
from uuid import UUID, uuid4

import psycopg

from tests.cluster.network import PROXY
from tests.failover.scene import Scene, fault

LOST = 0.08


@fault(
    "F11a",
    "the leader is cut from etcd and its peers, clients are not: a commit hangs,"
    " and is everywhere or nowhere",
    needs_network=True,
)
def leader_is_isolated(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    others = [name for name in (*cluster.nodes, *cluster.members) if name != leader]
    key = uuid4()
    since = scene.fault(f"{leader} is cut from etcd and its peers")
    cluster.network.cut(leader, others)
    answer = _commit_beside(scene, leader, key)
    new = scene.wait_for_leader(leader, since, cluster.times.ttl + 5)
    scene.wait_for_write(time.monotonic(), cluster.times.ttl + 5)
    assert "acked" not in answer, f"{leader} acknowledged a write that nobody else has"
    assert cluster.leader() == new
    scene.heal()
    _is_everywhere_or_nowhere(scene, key)


@fault(
    "F11b",
    "the leader and one member of etcd are the minority: the others go on, it does not",
    needs_network=True,
    quick=True,
)
def leader_is_in_the_minority(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    member = next(name for name in cluster.members if name != cluster.rest.etcd_leader())
    key = uuid4()
    since = scene.fault(f"{leader} and {member} are cut off, with the proxy's door open")
    for one in (leader, member):
        cluster.network.cut(
            one,
            [name for name in (*cluster.nodes, *cluster.members) if name not in (leader, member)],
        )
    answer = _commit_beside(scene, leader, key)
    scene.hasten()
    scene.wait_for_leader(leader, since, 30)
    scene.wait_for_write(time.monotonic(), 30)
    assert "acked" not in answer, f"{leader} acknowledged a write in the minority"
    scene.heal()
    _is_everywhere_or_nowhere(scene, key)


@fault("F12a", "a replica is cut off: writes go on when its time is up", needs_network=True)
def replica_is_cut_off(scene: Scene) -> None:
    cluster = scene.cluster
    leader, replica = cluster.leader(), cluster.sync_standby()
    since = scene.fault(f"{replica}, synchronous, is cut off")
    others = [name for name in (*cluster.nodes, *cluster.members, PROXY) if name != replica]
    cluster.network.cut(replica, others)
    _go_on(scene, leader, since)


@fault(
    "F12b",
    "leader and synchronous standby lose each other: commits wait for a new pick",
    needs_network=True,
    quick=True,
)
def leader_loses_its_standby(scene: Scene) -> None:
    cluster = scene.cluster
    leader, standby = cluster.leader(), cluster.sync_standby()
    since = scene.fault(f"{leader} and {standby} are cut from each other")
    cluster.network.cut(leader, [standby])
    _go_on(scene, leader, since)


@fault(
    "F12c",
    "the standby hears its leader and is not heard: commits wait for a new pick",
    needs_network=True,
)
def standby_is_not_heard(scene: Scene) -> None:
    cluster = scene.cluster
    leader, standby = cluster.leader(), cluster.sync_standby()
    since = scene.fault(f"nothing from {standby} reaches {leader}")
    cluster.network.cut_one_way(standby, leader)
    _go_on(scene, leader, since)


@fault(
    "F12d",
    "the clients are on the wrong side: nobody is promoted, and writes are back with the cable",
    needs_network=True,
)
def clients_are_cut_off(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    timeline = cluster.timeline(leader)
    since = scene.fault(f"the proxy is cut from {leader}")
    cluster.network.cut(PROXY, [leader])
    time.sleep(6)
    assert not scene.acked_since(since + 0.5), "a write was acknowledged past the cut"
    scene.note("the cable is back")
    cluster.network.restore()
    scene.wait_for_write(time.monotonic(), 15)
    assert (cluster.leader(), cluster.timeline(leader)) == (leader, timeline)


@fault("F12e", "packets get lost: writes are slower, nobody changes roles", needs_network=True)
def packets_are_lost(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    since = scene.fault(f"{LOST:.0%} of the packets to {leader} are lost")
    cluster.network.lose(leader, LOST)
    time.sleep(8)
    assert scene.acked_since(since), "no write was acknowledged"
    assert cluster.leader() == leader


def _go_on(scene: Scene, leader: str, since: float) -> None:
    """Writes are back before anybody is elected, under the same leader."""
    time.sleep(1)
    scene.wait_for_write(time.monotonic(), scene.cluster.times.ttl)
    scene.record("writes wait", f"{time.monotonic() - since:.1f} s")
    assert scene.cluster.leader() == leader, "somebody else was promoted"


def _commit_beside(scene: Scene, node: str, key: UUID) -> list[str]:
    """Commit a row at a node directly, in a thread; the answer is filled in when there is one."""
    answer: list[str] = []

    def commit() -> None:
        try:
            with scene.superuser(through=node, autocommit=False) as connection:
                connection.execute(
                    "insert into chaos.ledger (key, agency_id) values (%s, %s)",
                    [key, scene.stage.agencies[0].id],
                )
                connection.commit()
                answer.append("acked")
        except psycopg.Error as error:
            answer.append(f"unknown: {error}")

    threading.Thread(target=commit, name=f"commit at {node}", daemon=True).start()
    return answer


def _is_everywhere_or_nowhere(scene: Scene, key: UUID) -> None:
    counts = {}
    for node in scene.cluster.nodes:
        with scene.superuser(through=node) as connection:
            row = connection.execute(
                "select count(*) from chaos.ledger where key = %s", [key]
            ).fetchone()
        assert row is not None
        counts[node] = row[0]
    assert len(set(counts.values())) == 1, f"the row is on some nodes only: {counts}"
    scene.record("the row that hung is", "everywhere" if max(counts.values()) else "nowhere")
