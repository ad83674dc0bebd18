"""What the witnesses saw: every write tried, every probe, who claimed to lead, and what was done.

Times are seconds of `time.monotonic`. `Evidence.wall` turns them into the time of day.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import UUID

Outcome = Literal["in flight", "acked", "refused", "unknown"]
Verdict = Literal["held", "broken", "blind", "down"]


@dataclass
class Attempt:
    """One try to write one key. It is there from its beginning on, so a hanging COMMIT shows."""

    key: UUID
    agency: UUID
    writer: str
    number: int
    begun: float
    # when COMMIT was sent
    sent: float | None = None
    answered: float | None = None
    outcome: Outcome = "in flight"
    # read inside the transaction: who answered, on which timeline, and the id that it gave
    node: str | None = None
    timeline: int | None = None
    ledger_id: int | None = None
    sqlstate: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Probe:
    """One question that a witness asked the database.

    Verdicts: `held`, the rule held; `broken`, it did not; `blind`, a member did not see its own
    rows, so that seeing no others proves nothing; `down`, there was no answer.
    """

    witness: str
    path: str
    question: str
    verdict: Verdict
    at: float
    seconds: float
    detail: str = ""


@dataclass(frozen=True)
class Poll:
    """Which nodes answered 200 to /primary."""

    at: float
    seconds: float
    primaries: tuple[str, ...]


@dataclass(frozen=True)
class Mark:
    """Something that the test did to the cluster, or saw it do."""

    at: float
    kind: Literal["fault", "heal", "note"]
    label: str


@dataclass(frozen=True)
class Delivery:
    """An event of the outbox that a witness was given to send, and so has sent."""

    witness: str
    agency: UUID
    event: UUID
    record: UUID
    at: float


class Size(NamedTuple):
    """How many records there are."""

    attempts: int
    probes: int
    polls: int


@dataclass
class Evidence:
    """All that the witnesses of one run saw. Safe to use from many threads."""

    started: float = field(default_factory=time.monotonic)
    offset: float = field(default_factory=lambda: time.time() - time.monotonic())
    attempts: list[Attempt] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    polls: list[Poll] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    # witness to what ended it: a bug of ours, and the run is worth nothing
    crashes: dict[str, str] = field(default_factory=dict)
    # nobody adds anything any more
    finished: bool = False

    def __post_init__(self) -> None:
        """Make the lock that all additions share."""
        self._lock = threading.Lock()

    def add(self, record: Attempt | Probe | Poll | Mark | Delivery) -> None:
        """Keep a record."""
        with self._lock:
            if isinstance(record, Attempt):
                self.attempts.append(record)
            elif isinstance(record, Probe):
                self.probes.append(record)
            elif isinstance(record, Poll):
                self.polls.append(record)
            elif isinstance(record, Delivery):
                self.deliveries.append(record)
            else:
                self.marks.append(record)

    def update(self, attempt: Attempt, change: Callable[[Attempt], None]) -> None:
        """Change an attempt that is already there."""
        with self._lock:
            change(attempt)

    def mark(self, kind: Literal["fault", "heal", "note"], label: str) -> Mark:
        """Note what is being done to the cluster now."""
        mark = Mark(time.monotonic(), kind, label)
        self.add(mark)
        return mark

    def crashed(self, witness: str, reason: str) -> None:
        """Note that a witness died of a bug."""
        with self._lock:
            self.crashes[witness] = reason

    def snapshot(self) -> "Evidence":
        """A copy that no thread changes any more; its attempts are copies too."""
        with self._lock:
            return Evidence(
                self.started,
                self.offset,
                [Attempt(**vars(attempt)) for attempt in self.attempts],
                list(self.probes),
                list(self.polls),
                list(self.marks),
                list(self.deliveries),
                dict(self.crashes),
                self.finished,
            )

    def size(self) -> Size:
        """How much there is by now; records are only ever added at the end."""
        with self._lock:
            return Size(len(self.attempts), len(self.probes), len(self.polls))

    def wall(self, moment: float) -> datetime:
        """The time of day of a moment."""
        return datetime.fromtimestamp(moment + self.offset, UTC)

    def hanging(self, seconds: float) -> list[Attempt]:
        """Attempts whose COMMIT has been waiting for longer than this."""
        now = time.monotonic()
        return [
            attempt
            for attempt in self.snapshot().attempts
            if attempt.outcome == "in flight"
            and attempt.sent is not None
            and now - attempt.sent > seconds
        ]

    def of(self, outcome: Outcome) -> list[Attempt]:
        """The attempts that ended so, in order of their answers."""
        with self._lock:
            found = [attempt for attempt in self.attempts if attempt.outcome == outcome]
        return sorted(found, key=lambda attempt: attempt.answered or attempt.begun)

    def tally(self) -> dict[str, Counter[str]]:
        """Question to how often each verdict was given."""
        found: dict[str, Counter[str]] = {}
        for probe in self.snapshot().probes:
            found.setdefault(probe.question, Counter())[probe.verdict] += 1
        return found

    def dump(self, path: Path) -> None:
        """Write everything as JSON lines, one record each, with its kind and the time of day."""
        frozen = self.snapshot()
        lines = [
            _line(
                "run",
                {
                    "started": frozen.started,
                    "offset": frozen.offset,
                    "finished": frozen.finished,
                },
            )
        ]
        for kind, records in (
            ("attempt", frozen.attempts),
            ("probe", frozen.probes),
            ("poll", frozen.polls),
            ("mark", frozen.marks),
            ("delivery", frozen.deliveries),
        ):
            for record in records:
                facts = asdict(record)
                moment: float = facts["begun"] if kind == "attempt" else facts["at"]
                lines.append(_line(kind, facts | {"wall": self.wall(moment).isoformat()}))
        lines += [_line("crash", {"witness": w, "reason": r}) for w, r in frozen.crashes.items()]
        path.write_text("\n".join(lines) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Evidence":
        """Read what `dump` wrote."""
        found = cls()
        for text in path.read_text().splitlines():
            facts: dict[str, Any] = json.loads(text)
            kind = facts.pop("kind_of_record")
            facts.pop("wall", None)
            if kind == "run":
                found.started, found.offset = facts["started"], facts["offset"]
                found.finished = facts["finished"]
            elif kind == "attempt":
                ids = {name: UUID(facts[name]) for name in ("key", "agency")}
                found.add(Attempt(**(facts | ids)))
            elif kind == "probe":
                found.add(Probe(**facts))
            elif kind == "poll":
                found.add(Poll(**(facts | {"primaries": tuple(facts["primaries"])})))
            elif kind == "delivery":
                named = {name: UUID(facts[name]) for name in ("agency", "event", "record")}
                found.add(Delivery(**(facts | named)))
            elif kind == "mark":
                found.add(Mark(**facts))
            else:
                found.crashed(facts["witness"], facts["reason"])
        return found


def _line(kind: str, facts: dict[str, Any]) -> str:
    return json.dumps({"kind_of_record": kind} | facts, default=str)
