"""All witnesses of a run, on stage from before the fault until after the healing.

with Witnesses(reach, stage) as witnesses:
    witnesses.settle()
    witnesses.mark("fault", "kill -9 n1")
    ...
    witnesses.mark("heal", "n1 started")
    witnesses.settle()
verdict = check(witnesses.evidence, reach, before)
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.failover import pools, publishers, readers, sealer, writers
from tests.failover.crew import Crew
from tests.failover.evidence import Evidence, Mark, Poll, Size
from tests.failover.reach import Reach, addresses
from tests.failover.stand import Stage
from tests.failover.summary import PAUSED

WRITERS = 4
WRITES_PER_SECOND = 30.0
# Seconds between two rounds of questions on one path.
READER_PAUSE = 0.8
POOL_PAUSE = 0.5
SEAL_PAUSE = 1.0
PUBLISH_PAUSE = 0.3
POLL_SECONDS = 0.1


class WitnessDied(AssertionError):
    """A witness ended by a bug, so that nothing it did not report means anything."""


class Witnesses:
    """The witnesses of one run, as a context manager."""

    def __init__(
        self,
        reach: Reach,
        stage: Stage,
        *,
        writing: int = WRITERS,
        writes_per_second: float = WRITES_PER_SECOND,
        reader_pause: float = READER_PAUSE,
        dump: Path | None = None,
    ) -> None:
        """Start nobody yet.

        Args:
            reach: the cluster, healthy when the block is entered.
            stage: what `set_stage` made.
            writing: how many threads write.
            writes_per_second: of all of them together.
            reader_pause: seconds between two rounds of questions on one path.
            dump: where to keep the evidence as JSON lines.
        """
        self.evidence = Evidence()
        self._crew = Crew(reach, self.evidence)
        self._reach = reach
        self._stage = stage
        self._writers = [f"writer {number}" for number in range(1, writing + 1)]
        self._rate = writes_per_second / max(writing, 1)
        self._reader_pause = reader_pause
        self._dump = dump

    def __enter__(self) -> Self:
        """Start everybody."""
        crew, stage = self._crew, self._stage
        places = addresses(self._reach)
        found = readers.tables(self._reach)
        foreign = readers.foreign_rows(found)
        for name in self._writers:
            crew.start(name, partial(writers.write, crew, stage, name, places, self._rate))
        for login, question in (
            ("reader", readers.read),
            ("read-only reader", readers.read_only),
        ):
            paths = self._reach.nodes if login == "read-only reader" else ()
            for path in paths or ("rw", "ro", *self._reach.nodes):
                name = f"{login} on {path}"
                work = partial(question, crew, stage, found, name, path, self._reader_pause)
                crew.start(name, work)
        for name, pooled in (("pool", pools.reuse), ("losing pool", pools.lose)):
            crew.start(name, partial(pooled, crew, stage, foreign, name, POOL_PAUSE))
        crew.start("sealer", partial(sealer.seal, crew, "sealer", SEAL_PAUSE))
        for name, notes in (("publisher", True), ("courier", False)):
            crew.start(name, partial(publishers.publish, crew, name, PUBLISH_PAUSE, notes=notes))
        crew.start("poller", partial(poll, crew))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everybody, keep the evidence, and fail when a witness died.

        Raises:
            WitnessDied: of a bug, when the block itself did not fail.
        """
        self._crew.stop()
        self.evidence.finished = True
        if self._dump is not None:
            self.evidence.dump(self._dump)
        try:
            self.check_alive()
        except WitnessDied as died:
            if error is None:
                raise
            error.add_note(str(died))

    def mark(self, kind: Literal["fault", "heal", "note"], label: str) -> Mark:
        """Note what is being done to the cluster now."""
        return self.evidence.mark(kind, label)

    def pause(self) -> None:
        """Begin no new write and no new question."""
        self.mark("note", PAUSED)
        self._crew.pause()

    def resume(self) -> None:
        """Go on."""
        self._crew.resume()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """A block in which nothing new is begun."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def check_alive(self) -> None:
        """Fail when a witness died.

        Raises:
            WitnessDied: with the reason of each.
        """
        if self.evidence.crashes:
            told = (f"{name}: {reason}" for name, reason in self.evidence.crashes.items())
            raise WitnessDied("\n".join(told))

    def settle(self, seconds: float = 60) -> None:
        """Return when every writer was acked and every other witness was answered from now on.

        Raises:
            TimeoutError: somebody was not; all of them are named.
            WitnessDied: a witness died meanwhile.
        """
        begun = time.monotonic()
        known = self.evidence.size()
        while True:
            self.check_alive()
            missing = self._missing(known)
            if not missing:
                return
            if time.monotonic() > begun + seconds:
                raise TimeoutError(f"no answer within {seconds:g} s: {', '.join(missing)}")
            time.sleep(0.05)

    def _missing(self, known: Size) -> list[str]:
        """Who was not answered in what came in after the evidence had this size."""
        seen = self.evidence
        present = {a.writer for a in seen.attempts[known.attempts :] if a.outcome == "acked"}
        present |= {p.witness for p in seen.probes[known.probes :] if p.verdict == "held"}
        if seen.polls[known.polls :]:
            present.add("poller")
        return [name for name in self._crew.names if name not in present]


def poll(crew: Crew) -> None:
    """Ask all nodes who leads, until the run ends; pausing does not stop this."""
    while not crew.stopping.wait(POLL_SECONDS):
        begun = time.monotonic()
        primaries = crew.reach.primaries()
        crew.evidence.add(Poll(begun, time.monotonic() - begun, tuple(sorted(primaries))))
