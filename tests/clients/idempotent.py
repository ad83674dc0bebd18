"""How a client writes exactly once, whatever happens to its connection: reference code for a team.

The client chooses the key of a row before it writes it. Every try of a write ends in one of three
ways, and only the first lets mail or a webhook follow:

* acked: COMMIT was answered, without a warning. The row is on two nodes.
* refused: COMMIT was not sent, or answered with an error. Nothing was written.
* unknown: COMMIT was sent and the connection ended; or it was answered with a warning that the wait
  for the standby was cut short: the row is on one node and goes with it. Nobody can tell which, so
  the client writes again with the same key until it knows.

A repeated write needs care: `on conflict do nothing` that finds the row writes nothing, and a
transaction that writes nothing waits for no standby. It would be acked while the row is still on
one node. So the work locks the row that it found (`for update`): a lock is written to the log, and
the answer to its COMMIT comes after a standby has the log up to there.
"""

import itertools
import os
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import psycopg
from psycopg import Connection
from psycopg.errors import Diagnostic

T = TypeVar("T")

# Refused for a reason that passes: a standby answered, a conflict, a lock, a server that goes.
PASSING = {"25006", "40001", "40P01", "55P03", "57P01", "57P02", "57P03"}
PASSING_CLASSES = {"08", "53"}

# As a WARNING while COMMIT is answered: the wait for the standby was cancelled, or ended by a
# shutdown. The text is translated by the server, so only the codes are read.
NOT_REPLICATED = {"01000", "57P01"}

# Seconds between tries; grows from the first to the last, and half of it is chance.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 0.6


class Fate(StrEnum):
    """What became of one try."""

    ACKED = "acked"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass
class Try:
    """One try. Times are of `time.monotonic`."""

    number: int
    begun: float = field(default_factory=time.monotonic)
    commit_sent: float | None = None
    answered: float | None = None
    fate: Fate | None = None
    error: psycopg.Error | None = None


class GaveUp(Exception):
    """The write was not acked in time; `fate` says whether it may have happened."""

    def __init__(self, fate: Fate, tries: int) -> None:
        """Say what is known."""
        super().__init__(f"after {tries} tries the write is {fate}")
        self.fate = fate


class NotReplicated(psycopg.OperationalError):
    """COMMIT succeeded on one node and nobody waited for another."""


class Client:
    """Writes by key over one connection, which it replaces when it breaks. For one thread."""

    def __init__(self, connect: Callable[[], Connection[Any]]) -> None:
        """Connect when there is something to write.

        Args:
            connect: opens a connection outside of autocommit, with a connect_timeout of a few
                seconds and a tcp_user_timeout.
        """
        self._connect = connect
        self._connection: Connection[Any] | None = None
        self._warnings: list[str] = []

    def once(
        self,
        work: Callable[[Connection[Any]], T],
        *,
        patience: float = 30,
        watch: Callable[[Try], None] = lambda _: None,
    ) -> T:
        """Do the work in one transaction, again until its fate is known, and answer its answer.

        Args:
            work: the statements, without COMMIT. It must be repeatable by its key, and lock what it
                finds already written (see above).
            patience: seconds after which no further try is begun. One that waits for its COMMIT is
                waited for: nothing but the end of the connection (`abandon`) ends that.
            watch: told at the beginning of each try, before its COMMIT is sent, and at its end.

        Raises:
            GaveUp: patience ended.
            psycopg.Error: the work itself was refused (a privilege, a constraint): no retry helps,
                and no earlier try is in doubt.
        """
        deadline = time.monotonic() + patience
        in_doubt = False
        for number in itertools.count(1):
            attempt = Try(number)
            try:
                return self._try(work, attempt, watch)
            except psycopg.Error as error:
                attempt.answered = time.monotonic()
                attempt.error = error
                attempt.fate = fate_of(error, commit_sent=attempt.commit_sent is not None)
                self.close()
                watch(attempt)
                in_doubt = in_doubt or attempt.fate is Fate.UNKNOWN
                if attempt.fate is Fate.REFUSED and not is_passing(error) and not in_doubt:
                    raise
                if time.monotonic() > deadline:
                    fate = Fate.UNKNOWN if in_doubt else Fate.REFUSED
                    raise GaveUp(fate, number) from error
            pause = min(SHORTEST_PAUSE * number, LONGEST_PAUSE)
            time.sleep(pause * random.uniform(0.5, 1))
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close the connection; the next write opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(
        self, work: Callable[[Connection[Any]], T], attempt: Try, watch: Callable[[Try], None]
    ) -> T:
        watch(attempt)
        connection = self._open()
        answer = work(connection)
        self._warnings.clear()
        attempt.commit_sent = time.monotonic()
        watch(attempt)
        connection.commit()
        if self._warnings:
            raise NotReplicated(f"COMMIT was answered with a warning: {self._warnings[0]}")
        attempt.answered = time.monotonic()
        attempt.fate = Fate.ACKED
        watch(attempt)
        return answer

    def _open(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            self._connection.add_notice_handler(self._notice)
        return self._connection

    def _notice(self, diagnostic: Diagnostic) -> None:
        if diagnostic.sqlstate in NOT_REPLICATED:
            self._warnings.append(f"{diagnostic.sqlstate} {diagnostic.message_primary}")


def fate_of(error: psycopg.Error, *, commit_sent: bool) -> Fate:
    """What an error says about the transaction.

    Once COMMIT was sent, only an ERROR of the server is an answer (a deferred constraint, a
    serialization failure). A FATAL one, or none at all, is the end of a connection.
    """
    if not commit_sent or error.diag.severity_nonlocalized == "ERROR":
        return Fate.REFUSED
    return Fate.UNKNOWN


def is_passing(error: psycopg.Error) -> bool:
    """Whether the same work may succeed later: without SQLSTATE the connection was the problem."""
    state = error.sqlstate
    return state is None or state in PASSING or state[:2] in PASSING_CLASSES


def abandon(connection: Connection[Any]) -> None:
    """End a connection that another thread waits on; that thread gets an OperationalError.

    Never by cancelling: a cancelled COMMIT succeeds, on one node. The server goes on waiting, and a
    retry by the same key waits for the locks of the first.
    """
    try:
        descriptor = os.dup(connection.fileno())
    except (psycopg.Error, OSError):
        return
    with socket.socket(fileno=descriptor) as wire:
        try:
            wire.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
