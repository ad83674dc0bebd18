"""A logical slot and its consumer, which is no replica: what a failover keeps for it (F23).

The consumer reads, keeps what it read, and only then moves the slot on. So it sees a change twice
at most, as long as the next leader has the slot, and not further on than the consumer is. It may
see a change that was never acknowledged and that the failover takes back: decoding does not wait
for a standby. `synchronized_standby_slots` would make it wait, but must name the other nodes on
each node, never itself, which the one dynamic configuration of Patroni 4.1.5 cannot say.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from signal import SIGKILL
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from tests.cluster.configuration import DATABASE
from tests.failover.scene import Scene, fault

SLOT = "chaos_consumer"
PLUGIN = "test_decoding"
FAILOVER_SLOTS = 170000
ASKED_SNAPSHOTS = 160000

READ_SECONDS = 0.2
READY_SECONDS = 30
CAUGHT_UP_SECONDS = 15
GONE_SECONDS = 10

INSERTED = re.compile(r"table chaos\.ledger: INSERT: key\[uuid\]:'([0-9a-f-]{36})'")


@fault(
    "F23a",
    "a failover slot (17 and later) is read while its leader dies: the next one has it, and its"
    " consumer sees every acknowledged change",
)
def failover_slot(scene: Scene) -> None:
    cluster = scene.cluster
    if _server_version(scene) < FAILOVER_SLOTS:
        scene.record("not possible", "failover slots begin with PostgreSQL 17")
        return
    try:
        with scene.superuser() as connection:
            connection.execute(
                "select pg_create_logical_replication_slot(%s, %s, failover => true)",
                [SLOT, PLUGIN],
            )
        cluster.configure({"postgresql": {"parameters": {"sync_replication_slots": "on"}}})
        _lose_leader(scene, lambda node: _is_copied(scene, node))
    finally:
        _drop_failover_slot(scene)


@fault(
    "F23b",
    "a slot that Patroni keeps (any version) is read while its leader dies: the next one has it,"
    " and its consumer sees every acknowledged change",
)
def slot_of_patroni(scene: Scene) -> None:
    slot = {"type": "logical", "database": DATABASE, "plugin": PLUGIN}
    times = {node: _times_safe(scene, node) for node in scene.cluster.nodes}
    try:
        scene.cluster.configure(
            {
                "slots": {SLOT: slot},
                # a copy is good once the leader knows what its standby still needs
                "postgresql": {"parameters": {"wal_receiver_status_interval": "1s"}},
            }
        )
        _lose_leader(scene, lambda node: _times_safe(scene, node) > times[node])
    finally:
        # what the configuration does not name, Patroni drops
        scene.heal()
        _wait_until_gone(scene, GONE_SECONDS)


def _lose_leader(scene: Scene, is_ready: Callable[[str], bool]) -> None:
    """Read a slot over a failover.

    Args:
        scene: where.
        is_ready: whether the slot may be used on a node after its promotion.
    """
    cluster = scene.cluster
    leader = cluster.leader()
    _wait(lambda: _has_slot(scene, leader), f"{leader} makes no slot")
    begun = time.monotonic()
    with _Consumer(scene) as consumer:
        for replica in cluster.replicas():
            _wait(partial(_is_ready, scene, is_ready, replica), f"no slot is ready on {replica}")
        scene.record("ready on the standbys after", f"{time.monotonic() - begun:.1f} s")
        # a standby is restarted to get a slot that Patroni keeps
        _wait(lambda: cluster.why_not_whole() is None, "the standbys did not come back")
        since = scene.fault(f"postgres of {leader} is killed")
        cluster.signal_postgres(leader, SIGKILL)
        new = scene.wait_for_leader(leader, since, 10)
        scene.wait_for_write(since + 0.5, 30)
        assert _has_slot(scene, new), f"{new} leads and has no slot"
        time.sleep(1)
        keys = {each.key for each in scene.acked_since(begun)}
        gap = consumer.wait_for(keys)
        assert not gap, f"{len(gap)} of {len(keys)} acknowledged rows never reached the consumer"
    scene.record("seen twice", sum(times > 1 for times in consumer.seen.values()))
    scene.record("seen and taken back", len(_absent(scene, list(consumer.seen))))


class _Consumer:
    """Reads the slot through the write port, as long as the block lasts."""

    def __init__(self, scene: Scene) -> None:
        self.seen: Counter[UUID] = Counter()
        self._scene = scene
        self._stopping = threading.Event()
        self._complaint = ""
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "_Consumer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(CAUGHT_UP_SECONDS)

    def wait_for(self, keys: set[UUID]) -> set[UUID]:
        """Wait until it has seen these; those that it has not."""
        deadline = time.monotonic() + CAUGHT_UP_SECONDS
        while (missing := keys - set(self.seen)) and time.monotonic() < deadline:
            time.sleep(READ_SECONDS)
        if missing and self._complaint:
            self._scene.record("the consumer was refused", self._complaint)
        return missing

    def _work(self) -> None:
        while not self._stopping.wait(READ_SECONDS):
            try:
                with self._scene.superuser(connect_timeout=2) as connection:
                    while not self._stopping.wait(READ_SECONDS):
                        self._read(connection)
            except psycopg.Error as error:
                self._complaint = " ".join(str(error).split())

    def _read(self, connection: Connection[Any]) -> None:
        changes = connection.execute(
            "select lsn::text, data from pg_logical_slot_peek_changes(%s, null, 1000)", [SLOT]
        ).fetchall()
        for _, change in changes:
            if found := INSERTED.match(change):
                self.seen[UUID(found[1])] += 1
        if changes:
            connection.execute("select pg_replication_slot_advance(%s, %s)", [SLOT, changes[-1][0]])


def _is_ready(scene: Scene, is_ready: Callable[[str], bool], node: str) -> bool:
    """Ask, and help it along.

    A copy is good once the slot of the leader is past what the standby has. The slot moves on with
    each list of running transactions in the log, which the leader writes every 15 s unless asked.
    """
    with scene.superuser() as connection:
        if connection.info.server_version >= ASKED_SNAPSHOTS:
            connection.execute("select pg_log_standby_snapshot()")
    return is_ready(node)


def _wait(is_so: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            if is_so():
                return
        except psycopg.OperationalError:
            pass
        assert time.monotonic() < deadline, complaint
        time.sleep(0.2)


def _is_copied(scene: Scene, node: str) -> bool:
    """Whether a standby has a copy that would outlive its promotion."""
    with scene.superuser(through=node) as connection:
        row = connection.execute(
            "select synced and not temporary and invalidation_reason is null"
            " from pg_replication_slots where slot_name = %s",
            [SLOT],
        ).fetchone()
    return row == (True,)


def _times_safe(scene: Scene, node: str) -> int:
    """How often Patroni of a node found that the slot there is past what the standby has."""
    log = scene.cluster.directory / f"{node}.log"
    return log.read_text(errors="replace").count(f"slot {SLOT} is safe to be used")


def _has_slot(scene: Scene, node: str) -> bool:
    with scene.superuser(through=node) as connection:
        row = connection.execute(
            "select count(*) from pg_replication_slots where slot_name = %s", [SLOT]
        ).fetchone()
    return row == (1,)


def _absent(scene: Scene, keys: list[UUID]) -> list[UUID]:
    with scene.superuser() as connection:
        found = connection.execute(
            "select k from unnest(%s::uuid[]) as k where not exists"
            " (select from chaos.ledger as l where l.key = k)",
            [keys],
        ).fetchall()
    return [key for (key,) in found]


def _server_version(scene: Scene) -> int:
    with scene.superuser() as connection:
        return connection.info.server_version


def _drop_failover_slot(scene: Scene) -> None:
    """Drop the slot everywhere.

    A standby drops a copy itself once the leader has none. What a former leader has is no copy:
    its own slot of that name stays, stops its synchronisation, and is dropped by hand.
    """
    scene.heal()
    leader = scene.cluster.leader()
    deadline = time.monotonic() + GONE_SECONDS
    while left := [node for node in scene.cluster.nodes if _has_slot(scene, node)]:
        assert time.monotonic() < deadline, f"the slot stays on {', '.join(left)}"
        for node in sorted(left, key=lambda node: node != leader):
            # until the worker of the standby and the last backend of the consumer have ended
            with suppress(psycopg.errors.ObjectNotInPrerequisiteState, psycopg.errors.ObjectInUse):
                _drop(scene, node, is_leader=node == leader)
        time.sleep(0.1)


def _drop(scene: Scene, node: str, *, is_leader: bool) -> None:
    with scene.superuser(through=node) as connection:
        connection.execute(
            "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
            " where slot_name = %s and not (synced and pg_is_in_recovery())",
            [SLOT],
        )
        if not is_leader:
            connection.execute("select pg_sync_replication_slots()")


def _wait_until_gone(scene: Scene, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while left := [node for node in scene.cluster.nodes if _has_slot(scene, node)]:
        assert time.monotonic() < deadline, f"the slot stays on {', '.join(left)}"
        time.sleep(0.1)
