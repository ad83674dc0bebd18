"""The deploy lock: an advisory lock on a session of its own, asked for again and again.

It is never waited for: a session that waits inside pg_advisory_lock() holds a snapshot, and CREATE
INDEX CONCURRENTLY of the holder waits for that snapshot, a deadlock. On the migration session
itself the lock would open a transaction that alembic takes for the caller's and never commits.
"""

import logging
import random
import time

import psycopg

from migrations.runner.connect import Address
from migrations.runner.errors import LockDeadline, LockLost
from migrations.runner.settings import LOCK_KEY

APPLICATION_NAME = "gardenos migrate lock"

POLL_SECONDS = (0.5, 1.0)
REPORT_SECONDS = 15.0

log = logging.getLogger("gardenos.migrate")

# Who holds the lock of this database; pg_locks shows a bigint key in two halves.
HOLDER = """
select
    a.pid,
    a.usename,
    a.application_name,
    a.client_addr,
    a.backend_start,
    a.pid = pg_catalog.pg_backend_pid()
from pg_catalog.pg_locks as l
join pg_catalog.pg_database as d on d.oid = l.database
join pg_catalog.pg_stat_activity as a on a.pid = l.pid
where l.locktype = 'advisory'
    and d.datname = current_database()
    and ((l.classid::bigint << 32) | l.objid::bigint) = %s
    and l.objsubid = 1
    and l.granted
"""


class DeployLock:
    """The right to change the database; lives as long as the session that `acquire` was given."""

    def __init__(self, address: Address, deadline: float) -> None:
        """Describe the lock.

        Args:
            address: the database to lock, for the messages.
            deadline: how many seconds `acquire` asks for it.
        """
        self._address = address
        self._deadline = deadline
        self._connection: psycopg.Connection | None = None

    @property
    def held(self) -> bool:
        """Whether there is a session that took the lock; `check` asks whether it still has it."""
        return self._connection is not None

    def acquire(self, connection: psycopg.Connection) -> None:
        """Ask for the lock until it is there.

        Args:
            connection: an autocommit session for the lock alone; this object closes it.

        Raises:
            LockDeadline: somebody else kept it until the deadline.
        """
        self.release()
        try:
            self._poll(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def check(self) -> None:
        """Make sure that the lock is still ours.

        Raises:
            LockLost: its session ended or lost it.
        """
        if self._connection is None:
            raise LockLost
        try:
            row = self._connection.execute(HOLDER, [LOCK_KEY]).fetchone()
        except psycopg.OperationalError:
            row = None
        if row is None or not row[5]:
            self.release()
            raise LockLost

    def release(self) -> None:
        """Give the lock up by closing its session."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _poll(self, connection: psycopg.Connection) -> None:
        started = time.monotonic()
        reported: float | None = None
        while True:
            row = connection.execute(
                "select pg_catalog.pg_try_advisory_lock(%s)", [LOCK_KEY]
            ).fetchone()
            if row is not None and row[0]:
                return
            now = time.monotonic()
            if now - started >= self._deadline:
                raise LockDeadline(
                    f"Another deploy kept the lock of {self._address} for more than "
                    f"{self._deadline:g} seconds ({_holder(connection)}): wait for it, or end it "
                    "when it hangs (nothing was changed)."
                )
            if reported is None or now - reported >= REPORT_SECONDS:
                log.info("waiting for the deploy lock: %s", _holder(connection))
                reported = now
            left = max(0.0, started + self._deadline - now)
            time.sleep(min(left, random.uniform(*POLL_SECONDS)))  # noqa: S311


def _holder(connection: psycopg.Connection) -> str:
    row = connection.execute(HOLDER, [LOCK_KEY]).fetchone()
    if row is None:
        return "its holder has just gone"
    pid, user, application, address, since, _ = row
    where = f" from {address}" if address else ""
    return f"held by pid {pid}, {user}{where}, {application!r}, since {since:%Y-%m-%d %H:%M:%S%z}"
