"""Commits that wait for a standby when something happens to them (F17, F18)."""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from signal import SIGCONT, SIGKILL
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from tests.clients.idempotent import Client, Fate, NotReplicated, Try
from tests.failover.scene import Scene, fault
from tests.failover.stand import Agency, become
from tests.failover.writers import write_row

APPLICATION = "waiting writer"
WAIT_SECONDS = 3
PATIENCE_SECONDS = 20

ROW = "select id, written_at from chaos.ledger where key = %s"

COURIER_SECONDS = 3

# Writers whose commits hang keep events from leaving too, so all of them are let go.
CANCEL = """
select pg_cancel_backend(pid)
  from pg_stat_activity
 where wait_event = 'SyncRep'
"""

WAITING = """
select pid
  from pg_stat_activity
 where application_name = %s
   and wait_event = 'SyncRep'
"""


@fault(
    "F17a",
    "a commit waits for a standby and its leader dies, having sent nothing:"
    " unknown, and written once by the retry",
    quick=True,
)
def commit_waits_unsent(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    cluster.freeze_senders(leader)
    write = _Write.begin(scene)
    _wait_for_wait(scene, leader)
    since = scene.fault(f"postgres of {leader} is killed while a commit waits")
    cluster.signal_postgres(leader, SIGKILL, everything=True)
    write.end()
    assert write.fates[0] is Fate.UNKNOWN, f"the client was told {write.fates[0]}"
    assert write.fates[-1] is Fate.ACKED, f"the retries ended as {write.fates}"
    assert write.ids[-1] not in write.ids[:1], "a row that was never sent survived"
    scene.wait_for_write(since, PATIENCE_SECONDS)
    _is_there_once(scene, write)


@fault(
    "F17b",
    "a commit waits for a standby and its leader dies, all sent and nothing answered:"
    " unknown, and there once after the retry",
)
def commit_waits_unanswered(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    for node in cluster.replicas():
        cluster.freeze_receiver(node)
    write = _Write.begin(scene)
    _wait_for_wait(scene, leader)
    since = scene.fault(f"postgres of {leader} is killed while a commit waits")
    cluster.signal_postgres(leader, SIGKILL, everything=True)
    cluster.processes.signal_all(SIGCONT)
    write.end()
    assert write.fates[0] is Fate.UNKNOWN, f"the client was told {write.fates[0]}"
    assert write.fates[-1] is Fate.ACKED, f"the retries ended as {write.fates}"
    scene.record("the first try", "survived" if write.ids[-1] == write.ids[0] else "was lost")
    scene.wait_for_write(since, PATIENCE_SECONDS)
    _is_there_once(scene, write)


@fault(
    "F18",
    "the wait of a commit is cancelled, and its leader dies: the client takes the warning for"
    " an error, its retry writes the row once, and no event of it left the house",
)
def waiting_commit_is_cancelled(scene: Scene) -> None:
    cluster = scene.cluster
    leader = cluster.leader()
    cluster.freeze_senders(leader)
    write = _Write.begin(scene)
    pid = _wait_for_wait(scene, leader)
    with scene.superuser(through=leader) as connection:
        cancelled = scene.fault(f"the waits of commits at {leader} are cancelled")
        connection.execute(CANCEL)
        # the retry finds its row, locks it, and waits as well
        _wait_for_wait(scene, leader, other_than=pid)
        row = connection.execute(
            "select count(*) from chaos.ledger where key = %s", [write.key]
        ).fetchone()
        assert row == (1,), "a cancelled wait undid its commit"
        _wait_for_courier(scene, cancelled)
    since = scene.fault(f"postgres of {leader} is killed")
    cluster.signal_postgres(leader, SIGKILL, everything=True)
    write.end()
    assert isinstance(write.tries[0].error, NotReplicated), f"told: {write.tries[0].error}"
    assert set(write.fates[:2]) == {Fate.UNKNOWN}, f"the client was told {write.fates}"
    assert write.fates[-1] is Fate.ACKED, f"the retries ended as {write.fates}"
    lost = write.ids[-1] != write.ids[0]
    scene.record("a client that ignores the warning", "loses its row" if lost else "is lucky")
    scene.wait_for_write(since, PATIENCE_SECONDS)
    _is_there_once(scene, write)


@dataclass
class _Write:
    """One row, written by the reference client in a thread until its fate is known."""

    agency: Agency
    key: UUID = field(default_factory=uuid4)
    tries: list[Try] = field(default_factory=list)
    # the id and time that each try saw its row get; an id alone may be given again after a failover
    ids: list[tuple[int, datetime]] = field(default_factory=list)
    error: BaseException | None = None
    _thread: threading.Thread = field(default_factory=threading.Thread)

    @classmethod
    def begin(cls, scene: Scene) -> "_Write":
        """Start writing."""
        write = cls(scene.stage.agencies[0])
        write._thread = threading.Thread(target=write._work, args=(scene,), daemon=True)
        write._thread.start()
        return write

    @property
    def fates(self) -> list[Fate | None]:
        """What became of each try that got as far as its COMMIT, or was refused."""
        return [each.fate for each in self.tries if each.commit_sent is not None]

    def end(self) -> None:
        """Wait until it is acked.

        Raises:
            AssertionError: it is not, in time.
        """
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "the client still waits for an answer"
        assert self.error is None, f"the client gave up: {self.error}"

    def _work(self, scene: Scene) -> None:
        client = Client(
            lambda: scene.cluster.connect(
                "authenticator",
                application_name=APPLICATION,
                connect_timeout=2,
                tcp_user_timeout=4000,
            )
        )
        try:
            client.once(self._write, patience=PATIENCE_SECONDS, watch=self._watch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the fault must fail
            self.error = error
        finally:
            client.close()

    def _write(self, connection: Connection[Any]) -> None:
        become(connection, "authenticated", self.agency.claims(self.agency.owner))
        write_row(connection, self.agency.id, self.key)
        self.ids += connection.execute(ROW, [self.key]).fetchall()

    def _watch(self, attempt: Try) -> None:
        if attempt not in self.tries:
            self.tries.append(attempt)


def _wait_for_wait(scene: Scene, node: str, other_than: int = 0) -> int:
    """The process that waits for a standby on behalf of our client."""
    deadline = time.monotonic() + WAIT_SECONDS
    with scene.superuser(through=node) as connection:
        while time.monotonic() < deadline:
            for (pid,) in connection.execute(WAITING.encode(), [APPLICATION]):
                if pid != other_than:
                    return int(pid)
            time.sleep(0.02)
    raise AssertionError(f"no commit waits for a standby at {node}")


def _wait_for_courier(scene: Scene, since: float) -> None:
    """Let somebody ask once what may leave, before it is lost."""
    deadline = time.monotonic() + COURIER_SECONDS
    while time.monotonic() < deadline:
        if any(p.witness == "courier" and p.at > since for p in scene.evidence.snapshot().probes):
            return
        time.sleep(0.05)
    raise AssertionError("nobody asked what may leave the house")


def _is_there_once(scene: Scene, write: _Write) -> None:
    """One row in each table, as the acknowledged try saw it."""
    with scene.superuser() as connection:
        rows = connection.execute(ROW, [write.key]).fetchall()
        teams = connection.execute(
            "select count(*) from tenancy.teams where id = %s", [write.key]
        ).fetchone()
    assert rows == [write.ids[-1]], f"acked as {write.ids[-1]}, and there is {rows}"
    assert teams == (1,), f"{teams} rows of the other table"
