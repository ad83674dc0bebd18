"""Processes that die or stop: PostgreSQL, Patroni, the whole machine (F1 to F5)."""

import contextlib
import time
from signal import SIGCONT, SIGKILL, SIGSTOP
from uuid import uuid4

import psycopg

from tests.failover.scene import Scene, fault

CONNECTION_LOST = {None, "57P01", "57P02", "57P03", "08006", "08001", "08003", "25006"}


@fault("F1", "postgres is killed and may start again: same leader, same timeline, no half")
def postgres_restarts(scene: Scene) -> None:
    cluster = scene.cluster
    cluster.configure({"primary_start_timeout": 30})
    leader = cluster.leader()
    timeline = cluster.timeline(leader)
    key = uuid4()
    with scene.superuser() as connection:
        connection.execute("insert into chaos.scratch (key) values (%s)", [uuid4()])
    with (
        contextlib.suppress(psycopg.OperationalError),
        scene.superuser(autocommit=False) as connection,
    ):
        connection.execute(
            "insert into chaos.ledger (key, agency_id) values (%s, %s)",
            [key, scene.stage.agencies[0].id],
        )
        scene.fault(f"postgres of {leader} is killed")
        cluster.signal_postgres(leader, SIGKILL)
        # its backends answer for a moment longer
        time.sleep(0.5)
        scene.wait_for_write(time.monotonic(), 30)
        connection.commit()
        raise AssertionError("an open transaction outlived its postmaster")
    assert cluster.leader() == leader, "somebody else was promoted"
    assert cluster.timeline(leader) == timeline
    with scene.superuser() as connection:
        row = connection.execute(
            "select (select count(*) from chaos.ledger where key = %s),"
            " (select count(*) from chaos.scratch)",
            [key],
        ).fetchone()
    assert row == (0, 0), f"open transaction and unlogged rows left {row}"


@fault("F2", "postgres is killed: a synchronous standby leads within ten seconds", quick=True)
def postgres_dies(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    timeline = cluster.timeline(leader)
    allowed = cluster.sync_standbys()
    since = scene.fault(f"postgres of {leader} is killed")
    cluster.signal_postgres(leader, SIGKILL)
    new = scene.wait_for_leader(leader, since, 10)
    scene.wait_for_write(time.monotonic(), 10)
    assert new in allowed, f"{new} leads, and only {allowed} may"
    assert cluster.timeline(new) == timeline + 1


@fault("F3", "a node dies: writes are back when its time is up, clients see only lost connections")
def node_dies(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    scene.fault(f"{leader} dies")
    cluster.kill_node(leader)
    scene.wait_for_write(time.monotonic(), cluster.times.ttl + 5)
    seen = {each.sqlstate for each in scene.evidence.snapshot().attempts if each.message}
    assert seen <= CONNECTION_LOST, f"writers saw {seen - CONNECTION_LOST}"


@fault("F3b", "a node dies and its time is up at once: the race takes a second or two", quick=True)
def node_dies_hastened(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    scene.fault(f"{leader} dies")
    cluster.kill_node(leader)
    scene.hasten()
    scene.wait_for_write(time.monotonic(), 10)


@fault("F4a", "Patroni dies and its postgres lives on: nobody acknowledges behind the new leader")
def patroni_dies(scene: Scene) -> None:
    _zombie(scene, SIGKILL)


@fault("F4b", "Patroni freezes and its postgres goes on: the same")
def patroni_freezes(scene: Scene) -> None:
    _zombie(scene, SIGSTOP)


def _zombie(scene: Scene, signal: int) -> None:
    """The old postgres is writable as long as it lives; only its missing standby stops it."""
    cluster = scene.cluster
    leader = cluster.leader()
    since = scene.fault(f"Patroni of {leader} {'freezes' if signal == SIGSTOP else 'dies'}")
    cluster.signal_patroni(leader, SIGSTOP if signal == SIGSTOP else SIGKILL)
    # two checks that each wait out their second, and what lies between them; ttl is 20
    time.sleep(5)
    routed = {each.node for each in scene.acked_since(since + 4)}
    assert leader not in routed, "the proxy still led writers to a node whose Patroni is silent"
    scene.hasten()
    scene.wait_for_leader(leader, time.monotonic(), 10)
    scene.wait_for_write(time.monotonic(), 15)
    # the voters of a quorum may have acknowledged the old one until they followed the new one
    time.sleep(2)
    assert not _is_acknowledged(scene, leader), f"the zombie {leader} acknowledged a write"


def _is_acknowledged(scene: Scene, node: str) -> bool:
    """Whether a node commits a write within two seconds; what it holds stays on that node."""
    try:
        with scene.superuser(through=node, autocommit=False) as connection:
            connection.execute(
                "insert into chaos.ledger (key, agency_id) values (%s, %s)",
                [uuid4(), scene.stage.agencies[0].id],
            )
            connection.pgconn.send_query(b"commit")
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                connection.pgconn.consume_input()
                if not connection.pgconn.is_busy():
                    return connection.pgconn.get_result() is not None
                time.sleep(0.02)
            connection.close()
    except psycopg.Error:
        return False
    return False


@fault("F5", "the leader freezes and thaws after the election: it acknowledges nothing any more")
def leader_freezes(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    since = scene.fault(f"{leader} freezes")
    cluster.freeze_node(leader)
    scene.hasten()
    scene.wait_for_leader(leader, since, 30)
    scene.wait_for_write(time.monotonic(), 30)
    thawed = scene.note(f"{leader} thaws")
    cluster.thaw_node(leader)
    time.sleep(2)
    late = [each for each in scene.acked_since(thawed) if each.node == leader]
    assert not late, f"{leader} acknowledged {len(late)} writes after the thaw"
    cluster.signal_patroni(leader, SIGCONT)
