"""One run in numbers, for a table of many runs."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from tests.failover.evidence import Attempt, Evidence

PAUSED = "writers paused"

HEADINGS = (
    "faults",
    "write gap",
    "timeline",
    "acked",
    "refused",
    "unknown",
    "lost",
    "leaked",
    "probes",
)


@dataclass(frozen=True)
class Gap:
    """A time without an acked write. Times are of `time.monotonic`."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long."""
        return self.end - self.begin


@dataclass(frozen=True)
class Summary:
    """The numbers of one run."""

    faults: tuple[str, ...]
    # the longest one that a fault overlaps; None when nothing was acked
    gap: Gap | None
    # of the gaps between two acks in a row, in seconds
    usual_gap: float
    # those that acked, in order, each with its node
    timelines: tuple[tuple[int, str], ...]
    acked: int
    refused: int
    unknown: int
    # keys, not tries
    lost: int | None
    leaked: int
    probes: int
    unanswered: int

    def row(self) -> tuple[str, ...]:
        """The cells below `HEADINGS`."""
        return (
            ", ".join(self.faults),
            "-" if self.gap is None else f"{self.gap.seconds:.1f} s",
            " → ".join(f"{number} ({node})" for number, node in self.timelines),
            str(self.acked),
            str(self.refused),
            str(self.unknown),
            "?" if self.lost is None else str(self.lost),
            str(self.leaked),
            str(self.probes),
        )

    def __str__(self) -> str:
        """One line."""
        cells = zip(HEADINGS, self.row(), strict=True)
        return "; ".join(f"{heading}: {cell or '-'}" for heading, cell in cells)


def summarise(evidence: Evidence, lost: int | None = None) -> Summary:
    """Count.

    Args:
        evidence: of a run, finished or not.
        lost: how many acked keys are gone; None when nobody looked.
    """
    acked = evidence.of("acked")
    gaps = gaps_between(evidence, acked)
    owners: dict[int, str] = {}
    for attempt in acked:
        owners.setdefault(attempt.timeline or 0, attempt.node or "?")
    verdicts = Counter(probe.verdict for probe in evidence.probes)
    return Summary(
        faults=tuple(mark.label for mark in evidence.marks if mark.kind == "fault"),
        gap=gap_of_faults(evidence, gaps),
        usual_gap=median(gap.seconds for gap in gaps) if gaps else 0.0,
        timelines=tuple(owners.items()),
        acked=len(acked),
        refused=len(evidence.of("refused")),
        unknown=len(evidence.of("unknown")),
        lost=lost,
        leaked=verdicts["broken"] + verdicts["blind"],
        probes=sum(verdicts.values()) - verdicts["down"],
        unanswered=verdicts["down"],
    )


def gaps_between(evidence: Evidence, acked: list[Attempt]) -> list[Gap]:
    """The times between two acks in a row, without those in which the writers were told to rest.

    The last one ends with the last poll: writes that never came back are a gap too.
    """
    rests = [mark.at for mark in evidence.marks if mark.label == PAUSED]
    moments = [attempt.answered for attempt in acked if attempt.answered is not None]
    if evidence.polls and moments:
        moments.append(max(moments[-1], evidence.polls[-1].at))
    return [
        Gap(begin, end)
        for begin, end in pairwise(moments)
        if not any(begin <= rest <= end for rest in rests)
    ]


def gap_of_faults(evidence: Evidence, gaps: list[Gap]) -> Gap | None:
    """The longest gap that ends after the first fault; without a fault, the longest of all."""
    faults = [mark.at for mark in evidence.marks if mark.kind == "fault"]
    begun = min(faults, default=evidence.started)
    return max((gap for gap in gaps if gap.end >= begun), key=lambda gap: gap.seconds, default=None)
