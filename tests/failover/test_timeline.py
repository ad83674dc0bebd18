"""A run is drawn from its evidence alone: what the picture shows is what the witnesses saw."""

import json
from pathlib import Path
from uuid import uuid4

from tests.failover.drawing import draw_run, label_rows
from tests.failover.evidence import Attempt, Evidence, Mark, Outcome, Poll, Probe
from tests.failover.summary import PAUSED, summarise
from tests.failover.timeline import timeline


def write(evidence: Evidence, answered: float, outcome: Outcome, node: str, number: int) -> None:
    evidence.add(
        Attempt(
            uuid4(), uuid4(), "writer", 1, answered - 0.01, answered - 0.005, answered, outcome,
            node, number, 1,
        )
    )  # fmt: skip


def switchover() -> Evidence:
    """Two seconds by n1, three without a write, two by n2; the fault is at 102."""
    evidence = Evidence(started=100, offset=0)
    for tick in range(20):
        write(evidence, 100 + tick / 10, "acked", "n1", 1)
        write(evidence, 105 + tick / 10, "acked", "n2", 2)
        evidence.add(Poll(100 + tick / 10, 0.01, ("n1",)))
        evidence.add(Poll(105 + tick / 10, 0.01, ("n2",)))
        evidence.add(Probe("reader", "ro", "a question", "held", 100 + tick / 3, 0.01))
    evidence.polls.sort(key=lambda poll: poll.at)
    write(evidence, 102.5, "refused", "n1", 1)
    write(evidence, 102.6, "unknown", "n1", 1)
    evidence.add(Mark(102, "fault", "a switchover"))
    evidence.add(Mark(102.1, "note", "a note beside it"))
    evidence.add(Mark(105.5, "heal", "healed"))
    return evidence


def test_time_is_counted_from_the_first_fault() -> None:
    found = timeline(switchover(), "A switchover")
    assert found.gap is not None
    assert [round(moment, 1) for moment in found.gap] == [-0.1, 3.0]
    assert [(reign.node, reign.timeline) for reign in found.reigns] == [("n1", 1), ("n2", 2)]
    assert [(round(m.at, 1), m.kind) for m in found.moments] == [
        (0.0, "fault"),
        (0.1, "note"),
        (3.5, "heal"),
    ]
    assert sum(sum(each.acked.values()) for each in found.bins) == 40
    assert sum(each.refused for each in found.bins) == 1
    assert sum(each.unknown for each in found.bins) == 1


def test_a_writer_that_waits_is_shown_while_it_waits() -> None:
    evidence = switchover()
    evidence.add(Attempt(uuid4(), uuid4(), "patient", 1, 102, 102.01, 104, "unknown"))
    evidence.add(Attempt(uuid4(), uuid4(), "more patient", 1, 103, 103.01))
    found = timeline(evidence, "")
    waiting = {each.begin: each.waiting for each in found.bins if each.waiting}
    assert waiting[1.5] == 2
    assert waiting[0.5] == 1
    assert waiting[4.0] == 1
    assert -0.5 not in waiting


def test_a_rest_of_the_writers_is_no_gap() -> None:
    evidence = switchover()
    evidence.marks = [Mark(103, "note", PAUSED)]
    gap = summarise(evidence).gap
    assert gap is not None
    assert gap.seconds < 0.2


def test_writes_that_never_come_back_are_a_gap() -> None:
    evidence = switchover()
    evidence.attempts = [a for a in evidence.attempts if a.node == "n1"]
    gap = summarise(evidence).gap
    assert gap is not None
    assert round(gap.seconds, 1) == 5.0


def test_labels_beside_each_other_do_not_overlap() -> None:
    assert label_rows(timeline(switchover(), "")) == [0, 1, 0]


def test_a_run_is_drawn_with_its_data(tmp_path: Path) -> None:
    evidence = switchover()
    evidence.add(Probe("reader", "n1", "a question", "broken", 103, 0.01))
    draw_run(evidence, tmp_path / "run", "A switchover", summarise(evidence, lost=0))
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (tmp_path / "run.svg").read_text()
    assert json.loads((tmp_path / "run.json").read_text())["summary"]["leaked"] == 1


def test_a_run_in_which_nothing_was_seen_is_drawn(tmp_path: Path) -> None:
    draw_run(Evidence(), tmp_path / "nothing", "Nothing")
    assert (tmp_path / "nothing.png").exists()
