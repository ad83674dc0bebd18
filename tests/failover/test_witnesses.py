"""The witnesses themselves: what hangs is seen, what is stopped stops, what is told is kept."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.failover import pools
from tests.failover.reach import connect, wait_for_leader
from tests.failover.stand import Stage, set_stage
from tests.failover.summary import PAUSED, summarise
from tests.failover.unmanaged import Unmanaged, unmanaged
from tests.failover.witnesses import Witnesses


@pytest.fixture(scope="module")
def reach() -> Iterator[Unmanaged]:
    with unmanaged() as servers:
        yield servers


@pytest.fixture(scope="module")
def stage(reach: Unmanaged) -> Stage:
    return set_stage(reach, 3)


@contextmanager
def nobody_acknowledges(reach: Unmanaged) -> Iterator[None]:
    """Every COMMIT waits for a standby that never comes."""
    configure(reach, "alter system set synchronous_standby_names = 'nobody'")
    try:
        yield
    finally:
        configure(reach, "alter system reset synchronous_standby_names")


def configure(reach: Unmanaged, statement: str) -> None:
    with connect(reach, "postgres", autocommit=True) as connection:
        connection.execute(statement.encode())
        connection.execute("select pg_reload_conf()")
    time.sleep(0.3)


@contextmanager
def frozen(reach: Unmanaged, node: str) -> Iterator[None]:
    """A node that takes connections and says nothing."""
    pid = int((reach.servers[node].data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_stage_that_is_set_is_found_again(reach: Unmanaged, stage: Stage) -> None:
    assert set_stage(reach, 3) == stage


def test_a_commit_that_hangs_is_seen_and_is_unknown_in_the_end(
    reach: Unmanaged, stage: Stage
) -> None:
    with Witnesses(reach, stage) as witnesses:
        witnesses.settle(20)
        with nobody_acknowledges(reach):
            time.sleep(1.5)
            assert len(witnesses.evidence.hanging(0.5)) == 4
        witnesses.settle(20)
        assert witnesses.evidence.hanging(0.5) == []


@pytest.mark.slow
def test_witnesses_stop_in_seconds_while_their_connections_hang(
    reach: Unmanaged, stage: Stage
) -> None:
    with nobody_acknowledges(reach), frozen(reach, "n3"):
        with Witnesses(reach, stage) as witnesses:
            time.sleep(1)
            stopping = time.monotonic()
        assert time.monotonic() - stopping < 10
    # whoever was cut off could not begin the retry
    told = {(attempt.number, attempt.outcome) for attempt in witnesses.evidence.attempts}
    assert told <= {(1, "unknown"), (2, "refused")}
    assert (1, "unknown") in told


def test_writers_that_rest_write_nothing(reach: Unmanaged, stage: Stage) -> None:
    with Witnesses(reach, stage) as witnesses:
        witnesses.settle(20)
        with witnesses.quiet():
            time.sleep(0.5)
            earlier = len(witnesses.evidence.attempts)
            time.sleep(1)
            assert len(witnesses.evidence.attempts) == earlier
        witnesses.settle(20)
    rest = next(mark.at for mark in witnesses.evidence.marks if mark.label == PAUSED)
    gap = summarise(witnesses.evidence).gap
    assert gap is not None
    assert not gap.begin <= rest <= gap.end, "a rest is no gap"


def test_a_pool_that_keeps_claims_is_seen(
    reach: Unmanaged, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "abandon", lambda connection: None)
    with Witnesses(reach, stage) as witnesses:
        time.sleep(2)
    seen = {(p.question, p.detail) for p in witnesses.evidence.probes if p.verdict == "broken"}
    assert {question for question, _ in seen} == {pools.SESSION}
    assert any("came with ('authenticated'" in detail for _, detail in seen)


def test_a_promotion_is_seen_with_its_gap_and_nobody_leaks(reach: Unmanaged, stage: Stage) -> None:
    with Witnesses(reach, stage) as witnesses:
        witnesses.settle(20)
        witnesses.mark("fault", "n1 is killed")
        reach.servers["n1"].crash()
        time.sleep(1)
        reach.promote("n2")
        wait_for_leader(reach, 20)
        witnesses.mark("heal", "n2 leads")
        time.sleep(2)
    evidence = witnesses.evidence
    numbers = summarise(evidence)
    assert numbers.timelines == ((1, "n1"), (2, "n2"))
    assert numbers.gap is not None
    assert 1 < numbers.gap.seconds < 5
    assert numbers.leaked == 0
    # its kept connections became writable; the login for readers did not
    kept = [p for p in evidence.probes if p.path == "n2" and p.question == "a reader never writes"]
    assert {probe.verdict for probe in kept} == {"held"}
