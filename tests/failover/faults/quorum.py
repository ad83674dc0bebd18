"""etcd: who elects must not disturb who serves (F7 to F9)."""

import time
from signal import SIGCONT, SIGKILL, SIGSTOP

import psycopg

from tests.failover.scene import Scene, fault

READ_ONLY_SECONDS = 15


@fault("F7", "the leader of etcd dies: nobody changes roles, no write fails")
def etcd_leader_dies(scene: Scene) -> None:
    cluster = scene.cluster
    leader, timeline = cluster.leader(), cluster.timeline(cluster.leader())
    member = cluster.rest.etcd_leader()
    assert member is not None, "etcd has no leader"
    since = scene.fault(f"{member}, the leader of etcd, dies")
    cluster.signal_members(SIGKILL, [member])
    time.sleep(5)
    failed = [
        each for each in scene.evidence.snapshot().attempts if each.begun >= since and each.message
    ]
    assert not failed, f"{len(failed)} writes failed: {failed[0].message}"
    assert (cluster.leader(), cluster.timeline(leader)) == (leader, timeline)


@fault("F8a", "all of etcd freezes, failsafe mode on: writes go on")
def etcd_freezes(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    since = scene.fault("all of etcd freezes")
    cluster.signal_members(SIGSTOP)
    # longer than loop_wait + 2 * retry_timeout, and than the checks of every member
    time.sleep(cluster.times.loop_wait + 2 * cluster.times.retry_timeout + 5)
    assert scene.acked_since(time.monotonic() - 2), "writes stopped although all members are there"
    scene.note("etcd thaws")
    cluster.signal_members(SIGCONT)
    time.sleep(2)
    assert cluster.leader() == leader
    assert {each.node for each in scene.acked_since(since)} == {leader}


@fault(
    "F8b", "all of etcd freezes, failsafe mode off: read-only in time, policies hold, it recovers"
)
def etcd_freezes_without_failsafe(scene: Scene) -> None:
    cluster = scene.cluster
    cluster.configure({"failsafe_mode": False})
    time.sleep(2 * cluster.times.loop_wait + 1)
    since = scene.fault("all of etcd freezes")
    cluster.signal_members(SIGSTOP)
    _wait_for_read_only(scene, since)
    asked = time.monotonic()
    time.sleep(2)
    answered = [
        probe
        for probe in scene.evidence.snapshot().probes
        if probe.at >= asked and probe.verdict == "held" and probe.path in cluster.nodes
    ]
    assert answered, "no node answered a reader while etcd was away"
    scene.note("etcd thaws")
    cluster.signal_members(SIGCONT)
    scene.wait_for_write(time.monotonic(), cluster.times.ttl + 10)


@fault("F9", "all of etcd freezes and a replica dies: the leader steps down, as documented")
def etcd_freezes_and_a_replica_dies(scene: Scene) -> None:
    cluster = scene.cluster
    since = scene.fault("all of etcd freezes")
    cluster.signal_members(SIGSTOP)
    time.sleep(cluster.times.loop_wait + cluster.times.retry_timeout + 2)
    # its Patroni answers no more, so the leader cannot know that nobody else leads
    replica = next(n for n in cluster.nodes if n not in cluster.primaries())
    since = scene.fault(f"{replica} dies")
    cluster.kill_node(replica)
    _wait_for_read_only(scene, since)
    scene.note("etcd thaws")
    cluster.signal_members(SIGCONT)
    scene.wait_for_write(time.monotonic(), cluster.times.ttl + 10)


def _wait_for_read_only(scene: Scene, since: float) -> None:
    """Every node is in recovery, or gone, in time."""
    deadline = since + READ_ONLY_SECONDS
    writable: set[str] = set()
    while time.monotonic() < deadline:
        writable = {node for node in scene.cluster.nodes if _is_writable(scene, node)}
        if not writable:
            scene.record("read-only after", f"{time.monotonic() - since:.1f} s")
            return
        time.sleep(0.1)
    raise AssertionError(f"writable after {READ_ONLY_SECONDS} s: {', '.join(writable)}")


def _is_writable(scene: Scene, node: str) -> bool:
    try:
        with scene.superuser(through=node, dbname="postgres", connect_timeout=2) as connection:
            row = connection.execute("select not pg_is_in_recovery()").fetchone()
    except psycopg.Error:
        return False
    assert row is not None
    return bool(row[0])
