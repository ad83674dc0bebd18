"""Move the vectors of an agency to an index of its own, and back, while everybody goes on working.

    DATABASE_URL=postgresql://gardenos_worker@… python -m migrations.tiers promote AGENCY
    DATABASE_URL=postgresql://gardenos_worker@… python -m migrations.tiers demote AGENCY

AGENCY is its id. `promote` makes the agency's partition and HNSW index while it is empty, then
moves its vectors there, a batch in a transaction; `demote` moves them back among those of small
agencies, and leaves the empty partition for another time. Searches find every vector at any moment.
How far it is stands in the rows and in `ai.agency_tiers` alone: a run that was killed is simply
started again, one whose server fails over goes on with the next leader, and the other command turns
it round.

Nobody waits for it, but for one thing: while the partition is attached, for some milliseconds,
nobody writes a row that vectors point to. It asks for that lock a few milliseconds at a time, and
gives way to who writes.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | refused: there is no such agency, or it is not active |
| 2 | the arguments cannot be read |
| 10 to 18 | no answer, or no end, as for an upgrade (migrations.runner.errors) |
"""

import argparse
import logging
import random
import sys
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from migrations.runner import connect
from migrations.runner.connect import Address
from migrations.runner.errors import GaveUp, RevisionFailed, RunError
from migrations.runner.retry import Action, Patience, classify

APPLICATION = "gardenos tiers"
TIERS = {"promote": "large", "demote": "small"}
STORAGES = ("vector_1536", "halfvec_3072")
DISTANCES = ("cosine", "l2", "inner_product")

BATCH = 100
# Of the agency itself: behind one of its own writers.
LOCK_MILLISECONDS = 2000
# Others write behind this lock, so it is asked for longer only as often as it was refused.
ATTACH_MILLISECONDS = (1, 100)
ATTACH_SECONDS = 600.0
PAUSE_SECONDS = (0.05, 0.2)

log = logging.getLogger("gardenos.tiers")


@dataclass
class Move:
    """One agency on its way to a tier.

    Attributes:
        address: the database, with the worker as login.
        agency: whose vectors.
        tier: where to.
        storage: type and dimensions of the vectors.
        distance: what the index of a large agency compares by; another one is compared row by row.
        batch: how many vectors in a transaction.
        moved: how many this run has moved.
    """

    address: Address
    agency: UUID
    tier: str
    storage: str = STORAGES[0]
    distance: str = DISTANCES[0]
    batch: int = BATCH
    moved: int = 0
    _patience: Patience = field(default_factory=Patience)
    _is_started: bool = False

    def carry_through(self) -> None:
        """Go on from wherever the last run ended, over as many sessions as it takes.

        Raises:
            RunError: it cannot begin, is refused, or there is no hope.
        """
        while True:
            try:
                with self.address.connect(APPLICATION) as session:
                    connect.check_writable(self.address, session)
                    self._is_started = True
                    self._go_on(session)
            except (psycopg.Error, RunError) as error:
                self._consider(error)
            else:
                return

    def _go_on(self, session: psycopg.Connection[Any]) -> None:
        if self.tier == "large":
            self._attach(session)
        self._step(session, "select app.change_tier(%s, %s)", self.storage, self.tier)
        while True:
            moved, state = self._step(
                session,
                "select m.moved, m.state from app.move_embeddings(%s, %s) as m",
                self.storage,
                self.batch,
            )
            self._patience.reset()
            if state == "ready":
                return
            self.moved += moved
            log.info("%s vectors moved", self.moved)
            if not moved:
                # what is left is being written by somebody
                time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311

    def _attach(self, session: psycopg.Connection[Any]) -> None:
        shortest, longest = ATTACH_MILLISECONDS
        begun = time.monotonic()
        wait = shortest
        while True:
            try:
                self._step(
                    session,
                    "select app.make_tier_partition(%s, %s)",
                    self.storage,
                    self.distance,
                    milliseconds=wait,
                )
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                if time.monotonic() - begun > ATTACH_SECONDS:
                    raise
                wait = min(2 * wait, longest)
                time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311
            else:
                return

    def _step(
        self,
        session: psycopg.Connection[Any],
        statement: str,
        *arguments: object,
        milliseconds: int = LOCK_MILLISECONDS,
    ) -> tuple[Any, ...]:
        """Run a statement in a transaction of the agency; answer its row."""
        with session.transaction():
            session.execute("select app.bind_worker(%s)", [self.agency])
            session.execute("select set_config('lock_timeout', %s, true)", [f"{milliseconds}ms"])
            row: tuple[Any, ...] | None = session.execute(statement.encode(), arguments).fetchone()
        assert row is not None
        return row

    def _consider(self, error: Exception) -> None:
        """Return when there is to be another try, else raise what ends the run."""
        if not self._is_started and isinstance(error, RunError):
            raise error
        if classify(error) is Action.STOP:
            if isinstance(error, RunError):
                raise error
            raise RevisionFailed(_brief(error)) from error
        delay = self._patience.next_delay()
        if delay is None:
            raise GaveUp(
                f"Gave up after {self._patience.failures} tries; the last one: {_brief(error)}. "
                "What was moved stays; start again when the database is quiet."
            ) from error
        log.warning("%s; next try in %.1f s", _brief(error), delay)
        time.sleep(delay)


def _brief(error: Exception) -> str:
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        hint = error.diag.message_hint
        return " ".join(filter(None, [error.diag.message_primary, hint]))
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def main(arguments: list[str]) -> int:
    """Run one of the two commands; see the module for the exit codes."""
    parser = argparse.ArgumentParser(
        prog="python -m migrations.tiers",
        description="Move the vectors of an agency to an index of its own, and back.",
    )
    parser.add_argument("command", choices=tuple(TIERS))
    parser.add_argument("agency", type=UUID, help="its id")
    parser.add_argument("--storage", choices=STORAGES, default=STORAGES[0])
    parser.add_argument("--distance", choices=DISTANCES, default=DISTANCES[0])
    parser.add_argument("--batch", type=_at_least_one, default=BATCH, help="vectors at a time")
    given = parser.parse_args(arguments)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        move = Move(
            Address.find(),
            given.agency,
            TIERS[given.command],
            given.storage,
            given.distance,
            given.batch,
        )
        move.carry_through()
    except RunError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"the vectors of {move.agency} are {move.tier}, {move.moved} moved", file=sys.stderr)
    return 0


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one vector at a time")
    return number


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
