"""Replicas that receive and do not replay: what they still show, and whether they may lead (F14).

Patroni 4.1.5 lets nobody stop a replay: it resumes one that was paused (`handle_parameter_change`)
and takes `recovery_min_apply_delay` out of postgresql.auto.conf, both in its next loop. What does
stop a replay is a transaction on the replica that reads a table which the leader has dropped or
altered: it is waited for, `max_standby_streaming_delay` (30 s) long.

Patroni knows two lags. `/replica?lag=` compares what the leader has written with what the replica
has *replayed*; the race for the leader compares what the replicas have *received*. So such a
replica leaves the read port once the leader wrote more than the limit, and may lead all the same:
then its promotion waits for the reader. It also asks for no new walreceiver: when the leader
dies it acknowledges nothing for the next one until it replays again.
"""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGKILL

import psycopg

from tests.failover import reach
from tests.failover.scene import Scene, fault
from tests.failover.stand import Agency, become

LAG = "/replica?lag=16MB"
# More than that.
WRITTEN_MB = 24
DROP_SECONDS = 6
AGREED_SECONDS = 1.5
PAUSE_SECONDS = 0.05
REPLAY_SECONDS = 10
# How long a reader may hold up the replay, in the fault that waits for it.
DELAY_SECONDS = 5


@fault("F14a", "a replica is told not to replay, or to replay late: Patroni takes both back")
def replay_is_forbidden(scene: Scene) -> None:
    cluster = scene.cluster
    agency = scene.stage.agencies[0]
    loops = 3 * cluster.times.loop_wait
    replica = cluster.idle_replica()
    for what, statements in (
        ("paused", ["select pg_wal_replay_pause()"]),
        (
            "delayed",
            [
                "alter system set recovery_min_apply_delay = '10min'",
                "select pg_reload_conf()",
            ],
        ),
    ):
        since = scene.fault(f"the replay of {replica} is {what}")
        with scene.superuser(through=replica) as connection:
            for statement in statements:
                connection.execute(statement.encode())
        with _membership(scene, agency):
            revoked = _suspend(scene, agency)
            denied = _wait_until_denied(scene, agency, replica, revoked + loops)
        scene.record(f"a replay that was {what} went on after", f"{denied - since:.1f} s")


@fault(
    "F14b",
    "a reader holds up the replay of a replica: the read port drops it, one that is synchronous is"
    " promoted, and until then a removed member reads on it",
)
def replay_is_held_up(scene: Scene) -> None:
    cluster = scene.cluster
    leader, replica = cluster.leader(), cluster.idle_replica()
    allowed = cluster.sync_standbys()
    agency = scene.stage.agencies[0]
    with _membership(scene, agency):
        with _held_up(scene, [replica]):
            revoked = _suspend(scene, agency)
            _write_wal(scene, leader)
            last = _wait_until_dropped(scene, agency, replica)
            scene.record("a removed member read on the read port for", f"{last - revoked:.1f} s")
            since = scene.fault(f"postgres of {leader} is killed")
            cluster.signal_postgres(leader, SIGKILL)
            new = scene.wait_for_leader(leader, since, 10)
            assert new in allowed, f"{new} leads, and only {allowed} may"
            scene.record("promoted", "the one held up" if new == replica else "the other one")
        denied = _wait_until_denied(scene, agency, replica, time.monotonic() + REPLAY_SECONDS)
        scene.record("a removed member read on the replica for", f"{denied - revoked:.1f} s")


@fault(
    "F14c",
    "readers hold up the replay of all replicas and the leader dies: one that is synchronous leads"
    " when their time is up, with all that was acknowledged",
)
def promotion_is_held_up(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    replicas, allowed = cluster.replicas(), cluster.sync_standbys()
    agency = scene.stage.agencies[0]
    _set_delay(scene, replicas)
    with _membership(scene, agency), _held_up(scene, replicas):
        _suspend(scene, agency)
        since = scene.fault(f"postgres of {leader} is killed")
        cluster.signal_postgres(leader, SIGKILL)
        new = scene.wait_for_leader(leader, since, 10)
        assert new in allowed, f"{new} leads, and only {allowed} may"
        scene.wait_for_write(since + 0.5, DELAY_SECONDS + 10)
        assert not _member_reads(scene, agency, new)[1], f"{new} leads and has not replayed"


def _set_delay(scene: Scene, replicas: list[str]) -> None:
    """Let a replay wait DELAY_SECONDS for a reader, wherever its WAL comes from.

    A replay reads its settings between two records: one that already waits keeps the old delay.
    """
    delay = f"{DELAY_SECONDS}s"
    names = ("max_standby_streaming_delay", "max_standby_archive_delay")
    scene.cluster.configure({"postgresql": {"parameters": dict.fromkeys(names, delay)}})
    deadline = time.monotonic() + REPLAY_SECONDS
    for name, node in itertools.product(names, replicas):
        while reach.rows(scene.cluster, node, f"show {name}") != [(delay,)]:
            assert time.monotonic() < deadline, f"{node} does not take over {name}"
            time.sleep(PAUSE_SECONDS)


@contextmanager
def _membership(scene: Scene, agency: Agency) -> Iterator[None]:
    """A block that may suspend the member; afterwards all is healed and the member is back."""
    try:
        yield
    finally:
        scene.heal()
        _set_status(scene, agency, "active")


def _suspend(scene: Scene, agency: Agency) -> float:
    """The member loses access; since when."""
    _set_status(scene, agency, "suspended")
    return scene.note("a member is suspended")


def _set_status(scene: Scene, agency: Agency, status: str) -> None:
    with scene.login("authenticator") as connection:
        become(connection, "authenticated", agency.claims(agency.owner))
        changed = connection.execute(
            "update tenancy.memberships set status = %s where agency_id = %s and user_id = %s",
            [status, agency.id, agency.member],
        ).rowcount
    assert changed == 1, f"{changed} memberships became {status}"


@contextmanager
def _held_up(scene: Scene, nodes: list[str]) -> Iterator[None]:
    """A transaction on each of these standbys reads a table, and the leader drops that table."""
    with scene.superuser() as connection:
        connection.execute("create table chaos.held ()")
    reach.wait_for_replay(scene.cluster)
    readers = []
    try:
        for node in nodes:
            readers.append(scene.cluster.connect(through=node))
            readers[-1].execute("select from chaos.held")
        with scene.superuser() as connection:
            connection.execute("drop table chaos.held")
        scene.fault(f"a reader holds up the replay of {' and '.join(nodes)}")
        yield
    finally:
        for reader in readers:
            reader.close()


def _member_reads(scene: Scene, agency: Agency, through: str) -> tuple[str, bool]:
    """The node that answers, and whether the member still sees anything there."""
    with scene.login("authenticator", through=through) as connection:
        become(connection, "authenticated", agency.claims(agency.member))
        row = connection.execute(
            "select current_setting('port')::integer, exists (select from tenancy.memberships)"
        ).fetchone()
    assert row is not None
    port, sees = row
    ports = scene.cluster.network.ports.postgresql
    return next(node for node, its_port in ports.items() if its_port == port), bool(sees)


def _write_wal(scene: Scene, leader: str) -> None:
    with scene.superuser(through=leader) as connection:
        for _ in range(WRITTEN_MB):
            connection.execute(
                "select pg_logical_emit_message(false, 'chaos', repeat('x', 1024 * 1024))"
            )


def _wait_until_dropped(scene: Scene, agency: Agency, replica: str) -> float:
    """Ask through the read port until it leads to others for good; when it last told a secret."""
    begun = last_seen = last_told = time.monotonic()
    while time.monotonic() < last_seen + AGREED_SECONDS:
        asked = time.monotonic()
        assert asked < begun + DROP_SECONDS, f"{replica} lags and is on the read port still"
        try:
            node, sees = _member_reads(scene, agency, "ro")
        except psycopg.OperationalError:
            continue
        if node == replica:
            last_seen = asked
        if sees:
            last_told = asked
        time.sleep(PAUSE_SECONDS)
    assert scene.cluster.rest.status(replica, LAG) == 503
    return last_told


def _wait_until_denied(scene: Scene, agency: Agency, node: str, deadline: float) -> float:
    while _member_reads(scene, agency, node)[1]:
        assert time.monotonic() < deadline, f"{node} does not replay"
        time.sleep(PAUSE_SECONDS)
    return time.monotonic()
