"""A disk for WAL that is full (F13).

A disk that is full stops the WAL at the end of a segment, often in the middle of a record. A
standby that has the first half asks the next leader for the following segment, which that one has
not begun (*requested start point … is ahead of the upstream server's flush position*). With strict
synchronous replication and no third node the two wait for each other, until a node is back.
"""

import time

import psycopg

from tests.failover.scene import Scene, fault

RESTART_SECONDS = 30
PANIC_SECONDS = 10
STALL_SECONDS = 6
FILL_MB = 60
# disk_full, crash_shutdown, or a connection that ended
CLEAN = ("53100", "57P02", None)


@fault(
    "F13",
    "the WAL of the leader finds no room: a clean error or a lost connection, no half transaction,"
    " and it refuses writes or another node leads",
    needs_network=True,
)
def wal_has_no_room(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    cluster.configure({"primary_start_timeout": RESTART_SECONDS})
    try:
        moved = scene.fault(f"{leader} gets a small disk for WAL")
        cluster.narrow_wal(leader)
        scene.wait_for_write(moved + 1, RESTART_SECONDS)
        assert cluster.leader() == leader, "the node did not come back as leader"
        cluster.configure({"primary_start_timeout": 0})
        _wait_until_promotable(scene)
        since = scene.fault(f"the WAL of {leader} fills its disk")
        state = _fill(scene, leader)
        assert state in CLEAN, f"the client that filled it was told {state}"
        scene.record("the client that filled it was told", state or "that its connection is lost")
        if _is_led_elsewhere(scene, leader, since):
            _record_stall(scene)
    finally:
        scene.note(f"{leader} gets a new disk")
        cluster.widen_wal(leader)


def _wait_until_promotable(scene: Scene) -> None:
    """Wait until Patroni names a standby again: a leader that restarted has none at first."""
    deadline = time.monotonic() + RESTART_SECONDS
    while missing := scene.cluster.why_not_whole():
        assert time.monotonic() < deadline, missing
        time.sleep(0.1)


def _is_led_elsewhere(scene: Scene, leader: str, since: float) -> bool:
    """Whether it died of it and another one leads; otherwise it lives and refuses all writes."""
    try:
        scene.wait_for_leader(leader, since, PANIC_SECONDS)
    except AssertionError:
        scene.record("then", "it refused all writes until there was room")
        return False
    scene.record("then", "it died, and another node led")
    return True


def _record_stall(scene: Scene) -> None:
    """Note whether the two other nodes get on without the third."""
    try:
        scene.wait_for_write(time.monotonic(), STALL_SECONDS)
    except AssertionError:
        scene.record("writes", "waited for the new disk: half a record, see the module")
    else:
        scene.record("writes", "went on without it")


def _fill(scene: Scene, node: str) -> str | None:
    """Write until the server refuses; the SQLSTATE of its refusal, None for a lost connection."""
    try:
        with scene.superuser(through=node) as connection:
            for _ in range(FILL_MB):
                connection.execute(
                    "select pg_logical_emit_message(false, 'chaos', repeat('x', 1024 * 1024))"
                )
    except psycopg.OperationalError as error:
        return error.sqlstate
    raise AssertionError(f"{FILL_MB} MB of WAL had room on a full disk")
