"""The sequence of a chaos run, its progress and its table, without a cluster."""

import os
import subprocess
import sys
from collections import Counter
from itertools import islice

from tests.database import ROOT
from tests.failover.chaos import PROFILES, ROUND, Tally, repeated, sequence
from tests.failover.evidence import Evidence
from tests.failover.faults import FAULTS
from tests.failover.invariants import Verdict
from tests.failover.scene import Report
from tests.failover.summary import Gap, Summary
from tests.failover.table import table


def report(number: str, gap: float, violations: dict[str, list[str]] | None = None) -> Report:
    """A run of a fault, as if it had been."""
    summary = Summary(
        faults=("it breaks",),
        gap=Gap(10.0, 10.0 + gap),
        usual_gap=0.03,
        timelines=((4, "n1"), (5, "n2")),
        acked=100,
        refused=3,
        unknown=1,
        lost=len(violations or {}),
        leaked=0,
        probes=50,
        unanswered=2,
    )
    fault = next(each for each in FAULTS if each.number == number)
    return Report(fault, "sync", Verdict(violations or {}, {}, summary), Evidence(), {}, None, 9.0)


def names(seed: int, count: int) -> list[tuple[str, str]]:
    """The beginning of a sequence."""
    return [(profile, fault.number) for profile, fault in islice(sequence(seed, FAULTS), count)]


def test_a_seed_plays_the_same_sequence_again() -> None:
    assert names(7, 200) == names(7, 200)
    assert names(7, 200) != names(8, 200)


def test_no_fault_comes_twice_before_all_have_come() -> None:
    long = names(7, 2 * ROUND * len(FAULTS))
    for profile in PROFILES:
        played = [number for of, number in long if of == profile][: len(FAULTS)]
        assert sorted(played) == sorted(fault.number for fault in FAULTS)


def test_each_fault_is_played_as_often_as_asked() -> None:
    played = Counter(repeated(7, FAULTS[:3], PROFILES, 5))
    assert played == {(profile, fault): 5 for profile in PROFILES for fault in FAULTS[:3]}


def test_table_has_median_worst_and_losses() -> None:
    runs = [report("F2", gap) for gap in (1.0, 9.0, 2.0)] + [report("F12a", 0.5)]
    lines = table(runs).splitlines()
    assert lines[2].startswith("| F2 ")
    assert lines[2].endswith("| sync | 3 | 2.0 s | 9.0 s | +1 | 0 | 0 |")
    assert lines[3].startswith("| F12a ")


def test_a_lost_write_and_a_leak_break_a_report() -> None:
    assert report("F2", 1.0).holds
    assert not report("F2", 1.0, {"I1": ["a key is gone"]}).holds
    assert not report("F2", 1.0, {"I4": ["a row of another agency"]}).holds


def test_progress_names_the_fault_and_the_totals() -> None:
    line = Tally([report("F2", 1.5), report("F6", 2.5)]).line()
    assert "F6" in line
    assert "gap   2.5 s" in line
    assert "2 faults, 200 writes, 100 probes, 0 lost, 0 leaked" in line


def test_an_unknown_fault_is_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.failover.chaos", "--only", "F99"],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == "There is no fault F99.\n"
