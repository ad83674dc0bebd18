"""One run over time, as data: who led, what was acked when, what was done. `drawing` draws it."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.failover.evidence import Attempt, Evidence
from tests.failover.summary import PAUSED, Summary, summarise

BIN_SECONDS = 0.1
PATIENCE_SECONDS = 0.3
# Polls further apart than this say nothing about the time between them.
POLL_REACH_SECONDS = 1.5


@dataclass(frozen=True)
class Reign:
    """A node answered /primary from begin to end; the timeline that it acked on, if it did."""

    node: str
    begin: float
    end: float
    timeline: int | None


@dataclass(frozen=True)
class Bin:
    """One BIN_SECONDS: writes acked by each node, tries refused or in doubt, and writers that wait.

    A writer waits when its try has no answer after PATIENCE_SECONDS; it counts in each bin that it
    waits through.
    """

    begin: float
    acked: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    unknown: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Moment:
    """Something done to the cluster (fault, heal), or seen (note)."""

    at: float
    kind: str
    label: str


@dataclass(frozen=True)
class Look:
    """A probe of one path that was answered, that was not (down), or that saw what it must not."""

    at: float
    path: str
    verdict: str


@dataclass(frozen=True)
class Timeline:
    """One run. All times are seconds from the first fault; without one, from the beginning."""

    title: str
    # the time of day at zero
    zero: str
    begin: float
    end: float
    reigns: tuple[Reign, ...]
    bins: tuple[Bin, ...]
    moments: tuple[Moment, ...]
    looks: tuple[Look, ...]
    gap: tuple[float, float] | None
    summary: Summary

    @property
    def nodes(self) -> tuple[str, ...]:
        """Who led or acked or was looked at directly."""
        seen = {reign.node for reign in self.reigns}
        seen |= {node for each in self.bins for node in each.acked}
        seen |= {look.path for look in self.looks} - {"rw", "ro"}
        return tuple(sorted(seen))

    def dump(self, path: Path) -> None:
        """Write it as JSON."""
        facts: dict[str, Any] = asdict(self)
        path.write_text(json.dumps(facts, separators=(",", ":")) + "\n")


def timeline(evidence: Evidence, title: str, summary: Summary | None = None) -> Timeline:
    """Order the evidence of a run by time.

    Args:
        evidence: of the run, as `Evidence.load` or `Witnesses` has it.
        title: what stands above the picture.
        summary: its numbers, with what the invariants counted as lost.
    """
    frozen = evidence.snapshot()
    numbers = summary or summarise(frozen)
    zero = min((m.at for m in frozen.marks if m.kind == "fault"), default=frozen.started)
    moments = [poll.at for poll in frozen.polls] + [probe.at for probe in frozen.probes]
    moments += [attempt.answered or attempt.begun for attempt in frozen.attempts]
    begin = min(moments, default=zero) - zero
    end = max([*(moment - zero for moment in moments), begin + BIN_SECONDS])
    return Timeline(
        title=title,
        zero=frozen.wall(zero).isoformat(),
        begin=begin,
        end=end,
        reigns=tuple(_reigns(frozen, zero)),
        bins=tuple(_bins(frozen.attempts, zero, end)),
        moments=tuple(
            Moment(mark.at - zero, mark.kind, mark.label)
            for mark in frozen.marks
            if mark.label != PAUSED
        ),
        looks=tuple(
            Look(probe.at + probe.seconds - zero, probe.path, probe.verdict)
            for probe in frozen.probes
        ),
        gap=None if numbers.gap is None else (numbers.gap.begin - zero, numbers.gap.end - zero),
        summary=numbers,
    )


def _reigns(evidence: Evidence, zero: float) -> Iterable[Reign]:
    """For each node, the times in which poll after poll it answered /primary."""
    for node in sorted({name for poll in evidence.polls for name in poll.primaries}):
        begin: float | None = None
        last = 0.0
        for poll in evidence.polls:
            if begin is not None and (
                node not in poll.primaries or poll.at - last > POLL_REACH_SECONDS
            ):
                yield _reign(evidence, node, begin, last, zero)
                begin = None
            if node in poll.primaries:
                begin = poll.at if begin is None else begin
                last = poll.at + poll.seconds
        if begin is not None:
            yield _reign(evidence, node, begin, last, zero)


def _reign(evidence: Evidence, node: str, begin: float, end: float, zero: float) -> Reign:
    """One reign; a node that acked shortly before the poll that saw it leading led by then."""
    acked = [
        attempt
        for attempt in evidence.of("acked")
        if attempt.node == node
        and attempt.answered is not None
        and begin - POLL_REACH_SECONDS <= attempt.answered <= end
    ]
    begin = min([begin, *(attempt.answered for attempt in acked if attempt.answered is not None)])
    return Reign(node, begin - zero, end - zero, acked[-1].timeline if acked else None)


def _bins(attempts: Iterable[Attempt], zero: float, end: float) -> list[Bin]:
    """The bins in which there is anything to show, in order."""
    acked: Counter[tuple[int, str]] = Counter()
    others: Counter[tuple[int, str]] = Counter()
    for attempt in attempts:
        begun = _bin(attempt.begun - zero)
        answered = _bin(end if attempt.answered is None else attempt.answered - zero)
        if (answered - begun) * BIN_SECONDS > PATIENCE_SECONDS:
            others.update((number, "waiting") for number in range(begun + 1, answered))
        if attempt.outcome == "acked":
            acked[answered, attempt.node or "?"] += 1
        elif attempt.outcome != "in flight":
            others[answered, attempt.outcome] += 1
    return [
        Bin(
            begin=round(number * BIN_SECONDS, 3),
            acked={node: count for (where, node), count in acked.items() if where == number},
            refused=others[number, "refused"],
            unknown=others[number, "unknown"],
            waiting=others[number, "waiting"],
        )
        for number in sorted({number for number, _ in acked} | {number for number, _ in others})
    ]


def _bin(moment: float) -> int:
    return int(moment // BIN_SECONDS)
