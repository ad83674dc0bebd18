"""The threads of the witnesses: started together, paused, and stopped even when one hangs.

Threads, not processes: all share one clock and one evidence, and they wait for sockets, not for
the interpreter.
"""

import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import Connection

from tests.clients.idempotent import abandon
from tests.failover.evidence import Evidence
from tests.failover.reach import Reach, connect

# What a witness may still take for what it is doing when the run ends, and after its connection
# was cut. A connection attempt takes CONNECT_SECONDS.
GRACE_SECONDS = 4
LAST_SECONDS = 4


class Stopped(Exception):
    """The run is over: no new connection."""


class Crew:
    """The witnesses of one run."""

    def __init__(self, reach: Reach, evidence: Evidence) -> None:
        """Start nobody yet."""
        self.reach = reach
        self.evidence = evidence
        self.stopping = threading.Event()
        self._over = threading.Event()
        self._going = threading.Event()
        self._going.set()
        self._threads: list[threading.Thread] = []
        self._connections: list[Connection[Any]] = []
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Who was started."""
        return [thread.name for thread in self._threads]

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Run a witness, which looks at `stopping` often. An error that leaves it fails the run."""
        thread = threading.Thread(target=self._run, args=(name, work), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def connect(self, role: str, through: str, *, autocommit: bool = False) -> Connection[Any]:
        """Log in with a connection that the end of the run cuts.

        Raises:
            Stopped: the run is over.
            psycopg.Error: nobody answers.
        """
        if self._over.is_set():
            raise Stopped
        return self.watch(connect(self.reach, role, through=through, autocommit=autocommit))

    def watch(self, connection: Connection[Any]) -> Connection[Any]:
        """Have the end of the run cut this connection too."""
        with self._lock:
            self._connections = [kept for kept in self._connections if not kept.closed]
            self._connections.append(connection)
        return connection

    def pause(self) -> None:
        """Let nobody begin anything new who asks `wait_turn`."""
        self._going.clear()

    def resume(self) -> None:
        """Go on."""
        self._going.set()

    def wait_turn(self, seconds: float = 0) -> bool:
        """Sleep, and while the crew is paused; False when the run is over."""
        if self.stopping.wait(seconds):
            return False
        while not self._going.wait(0.1):
            if self.stopping.is_set():
                return False
        return not self.stopping.is_set()

    def stop(self) -> None:
        """End all witnesses: those that wait for an answer are cut off after GRACE_SECONDS."""
        self.stopping.set()
        self.resume()
        self._join(GRACE_SECONDS)
        self._over.set()
        with self._lock:
            kept = list(self._connections)
        for connection in kept:
            if not connection.closed:
                abandon(connection)
        for thread in self._join(LAST_SECONDS):
            self.evidence.crashed(thread.name, "did not stop")

    def _join(self, seconds: float) -> list[threading.Thread]:
        """Wait for all; answer who still runs."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))
        return [thread for thread in self._threads if thread.is_alive()]

    def _run(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Stopped:
            return
        except Exception:  # noqa: BLE001 - whatever it is, the run must not look healthy
            self.evidence.crashed(name, traceback.format_exc())


class Line:
    """One kept connection of one login on one path, opened again when it broke. For one thread."""

    def __init__(self, crew: Crew, role: str, through: str) -> None:
        """Connect at first use."""
        self._crew = crew
        self._role = role
        self._through = through
        self._connection: Connection[Any] | None = None

    def get(self) -> Connection[Any]:
        """The connection, in no transaction.

        Raises:
            Stopped: the run is over.
            psycopg.Error: nobody answers.
        """
        if self._connection is not None and self._connection.closed:
            self._connection = None
        if self._connection is None:
            self._connection = self._crew.connect(self._role, self._through)
        return self._connection

    def close(self) -> None:
        """Close it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def is_absence(error: psycopg.Error) -> bool:
    """Whether an error says that the database is not there now, and nothing about its rules."""
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError)
    # connection, resources, and operator intervention (57014 is a timeout); 40001 is a standby
    # that must replay what the query still reads
    return state[:2] in {"08", "53", "57"} or state in {"40001", "40P01", "55P03"}
