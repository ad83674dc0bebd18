"""Which failures may be tried again, and when."""

import random
import time
from enum import Enum

import psycopg
from sqlalchemy.exc import DBAPIError

from migrations.runner.errors import LockLost, NotWritable, Unreachable, VersionLost

TRIES = 12
SECONDS = 600.0
LONGEST = 30.0


class Action(Enum):
    """What to do after a failure."""

    STOP = "stop"
    RETRY = "retry"
    RECONNECT = "reconnect"


# lock_not_available, deadlock_detected, serialization_failure
AGAIN = {"55P03", "40P01", "40001"}

# A failover or restart: admin_shutdown, crash_shutdown, cannot_connect_now,
# read_only_sql_transaction
ELSEWHERE = {"57P01", "57P02", "57P03", "25006"}


def classify(error: BaseException) -> Action:
    """What a failure in the middle of a run allows.

    A connection that broke has no SQLSTATE. Unreachable and NotWritable are refusals at the start
    of a run; later they are what a failover looks like.
    """
    if isinstance(error, LockLost | VersionLost | Unreachable | NotWritable):
        return Action.RECONNECT
    if isinstance(error, DBAPIError):
        return _classify(error.orig, broken=error.connection_invalidated)
    return _classify(error)


def _classify(error: BaseException | None, *, broken: bool = False) -> Action:
    if not isinstance(error, psycopg.Error):
        return Action.RECONNECT if broken else Action.STOP
    state = error.sqlstate
    if state is None:
        lost = broken or isinstance(error, psycopg.OperationalError)
        return Action.RECONNECT if lost else Action.STOP
    if state in AGAIN:
        return Action.RETRY
    if state in ELSEWHERE or state.startswith("08"):
        return Action.RECONNECT
    return Action.STOP


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of an error, if it has one."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return original.sqlstate if isinstance(original, psycopg.Error) else None


class Patience:
    """How often one revision is tried: 12 times or for 10 minutes, whichever ends first."""

    def __init__(self) -> None:
        """Start with all tries left."""
        self.failures = 0
        self._since: float | None = None

    def reset(self) -> None:
        """All tries again: a revision was committed."""
        self.failures = 0
        self._since = None

    def next_delay(self) -> float | None:
        """Count a failure; the seconds to sleep before the next try, None when there is none left.

        One retry is a coin flip: whoever held the lock for two seconds may hold it for twenty. The
        random factor keeps two deploys from meeting again.
        """
        now = time.monotonic()
        if self._since is None:
            self._since = now
        self.failures += 1
        if self.failures >= TRIES or now - self._since >= SECONDS:
            return None
        return random.uniform(0.5, 1.5) * min(LONGEST, 2.0 ** (self.failures - 1))  # noqa: S311
