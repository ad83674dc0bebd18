"""One fault, from the healthy cluster to the healed one: the witnesses work all the while.

A fault is a function of a `Scene`. It breaks something, asserts what its row of the matrix promises
beyond the invariants (failover.md, section 7), and may leave the cluster broken: `run` heals it,
waits until every witness is answered again, and lets the invariants judge the evidence.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.cluster import Cluster
from tests.failover import reach
from tests.failover.drawing import draw_run
from tests.failover.evidence import Attempt, Evidence
from tests.failover.invariants import Verdict, check, remember
from tests.failover.stand import Stage
from tests.failover.witnesses import Witnesses

SETTLE_SECONDS = 60
# Writes before the fault and after the healing, so that the picture shows what a gap is.
CALM_SECONDS = 0.6
PROXY_SECONDS = 3


@dataclass
class Scene:
    """What a fault works with."""

    cluster: Cluster
    stage: Stage
    witnesses: Witnesses
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def evidence(self) -> Evidence:
        """What the witnesses saw so far."""
        return self.witnesses.evidence

    def fault(self, label: str) -> float:
        """Note what is broken now, and give the moment."""
        return self.witnesses.mark("fault", label).at

    def note(self, label: str) -> float:
        """Note what is seen or done now, and give the moment."""
        return self.witnesses.mark("note", label).at

    def heal(self) -> None:
        """Undo every fault."""
        self.witnesses.mark("heal", "heal")
        self.cluster.heal()

    def record(self, name: str, value: object) -> None:
        """Keep a measured fact: it is printed, and asserted by nobody."""
        self.facts[name] = str(value)

    def acked_since(self, moment: float) -> list[Attempt]:
        """The acknowledged attempts that began after a moment."""
        return [each for each in self.evidence.of("acked") if each.begun >= moment]

    def wait_for_write(self, since: float, seconds: float) -> float:
        """Seconds from a moment to the first acknowledgement of a write that began after it.

        Raises:
            AssertionError: there was none in time.
        """
        deadline = since + seconds
        while not (found := self.acked_since(since)):
            assert time.monotonic() < deadline, f"no write was acknowledged within {seconds:g} s"
            time.sleep(0.02)
        answered = found[0].answered
        assert answered is not None
        assert answered < deadline, f"the first write took {answered - since:.1f} s"
        return answered - since

    def wait_for_leader(self, other_than: str, since: float, seconds: float) -> str:
        """Another node that answers /primary, within that many seconds of a moment.

        Raises:
            AssertionError: there was none in time.
        """
        deadline = since + seconds
        while not (found := self.cluster.primaries() - {other_than}):
            assert time.monotonic() < deadline, f"nobody else led within {seconds:g} s"
            time.sleep(0.05)
        return found.pop()

    def hasten(self) -> None:
        """Let the replicas race at once, as if the leader's time (`ttl`) were up."""
        time.sleep(0.5)
        self.note("the leader key expires")
        self.cluster.rest.delete_key("leader")

    @contextmanager
    def login(
        self, role: str, through: str = "rw", **options: Any
    ) -> Iterator[psycopg.Connection[Any]]:
        """A connection; options go to `psycopg.connect`.

        For a moment after a failover the proxy may still send every other client to the dead node.
        """
        deadline = time.monotonic() + (PROXY_SECONDS if through in ("rw", "ro") else 0)
        while True:
            try:
                connection = self.cluster.connect(role, through=through, **options)
                break
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        with connection:
            yield connection

    @contextmanager
    def superuser(self, through: str = "rw", **options: Any) -> Iterator[psycopg.Connection[Any]]:
        """A connection of the superuser, in autocommit unless told otherwise."""
        with self.login("postgres", through, **{"autocommit": True, **options}) as connection:
            yield connection


Act = Callable[[Scene], None]


@dataclass(frozen=True)
class Fault:
    """One row of the matrix.

    Attributes:
        number: as in the matrix; rows with two halves are `F4a`, `F4b`.
        sentence: what happens and what must hold.
        act: does it.
        needs_network: it cuts somebody off, so it needs network namespaces.
        quick: part of the subset that CI runs in `quorum` too.
    """

    number: str
    sentence: str
    act: Act
    needs_network: bool = False
    quick: bool = False

    def __str__(self) -> str:
        """As the matrix and pytest name it."""
        return f"{self.number} {self.sentence}"


REGISTERED: list[Fault] = []


def fault(number: str, sentence: str, **traits: bool) -> Callable[[Act], Act]:
    """Register a function as a fault; the traits are those of `Fault`."""

    def register(act: Act) -> Act:
        REGISTERED.append(Fault(number, sentence, act, **traits))
        return act

    return register


@dataclass(frozen=True)
class Report:
    """What became of one fault."""

    fault: Fault
    profile: str
    verdict: Verdict
    evidence: Evidence
    facts: dict[str, str]
    complaint: str | None
    seconds: float

    @property
    def gap(self) -> float:
        """The longest time without an acknowledged write, in seconds."""
        found = self.verdict.summary.gap
        return found.seconds if found else float("inf")

    @property
    def promotions(self) -> int:
        """How many timelines further the cluster is."""
        seen = [number for number, _ in self.verdict.summary.timelines]
        return max(seen) - min(seen) if seen else 0

    @property
    def holds(self) -> bool:
        """Whether its row of the matrix and all invariants hold."""
        return self.verdict.holds and self.complaint is None

    def __str__(self) -> str:
        """All of it, for the person who reads a failed test."""
        facts = [f"       {name}: {value}" for name, value in self.facts.items()]
        complaint = [f"BROKEN {self.complaint}"] if self.complaint else []
        head = f"{self.fault} ({self.profile}, {self.seconds:.1f} s)"
        return "\n".join([head, *complaint, *facts, str(self.verdict)])


def run(fault: Fault, cluster: Cluster, stage: Stage, place: Path | None = None) -> Report:
    """Run one fault on a healthy cluster, and leave a healthy one.

    Args:
        fault: what to do.
        cluster: whole.
        stage: what `set_stage` made.
        place: a path without suffix for the evidence (.jsonl), the picture (.svg, .png) and what
            it shows (.json).

    Raises:
        ClusterError: the cluster could not be healed.
    """
    begun = time.monotonic()
    before = remember(cluster)
    complaint: str | None = None
    if place is not None:
        place.parent.mkdir(parents=True, exist_ok=True)
    dump = place.with_suffix(".jsonl") if place else None
    with Witnesses(cluster, stage, dump=dump) as witnesses:
        scene = Scene(cluster, stage, witnesses)
        witnesses.settle(SETTLE_SECONDS)
        time.sleep(CALM_SECONDS)
        try:
            fault.act(scene)
        except (AssertionError, psycopg.Error, TimeoutError) as error:
            complaint = f"{type(error).__name__}: {error}"
        scene.heal()
        reach.wait_for_replay(cluster)
        witnesses.settle(SETTLE_SECONDS)
        time.sleep(CALM_SECONDS)
    verdict = check(witnesses.evidence, cluster, before)
    if place is not None:
        draw_run(witnesses.evidence, place, f"{fault} ({cluster.profile})", verdict.summary)
    return Report(
        fault,
        cluster.profile,
        verdict,
        witnesses.evidence,
        scene.facts,
        complaint,
        time.monotonic() - begun,
    )
