"""All faults in both profiles, in random sequences, for as long as one likes: `make chaos`.

python -m tests.failover.chaos --minutes 20 [--seed 7] [--only F2,F6] [--profiles sync]
python -m tests.failover.chaos --runs 5      until each fault was played so often in each profile

Exit code 0: every invariant held after every fault; 1: one did not, and the last lines name the
seed that plays the same sequence again; 2: it could not begin.
"""

import argparse
import random
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from tests.cluster import Cluster, ClusterError, deploy
from tests.database import ROOT
from tests.failover.evidence import Evidence
from tests.failover.faults import FAULTS
from tests.failover.scene import Fault, Report, run
from tests.failover.stand import set_stage
from tests.failover.table import table

PROFILES = ("sync", "quorum")
# A profile is changed after so many faults: it costs a few seconds.
ROUND = 8
PLACE = ROOT / ".local" / "failover" / "chaos"


@dataclass
class Tally:
    """What happened so far."""

    reports: list[Report] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def line(self) -> str:
        """The progress line."""
        last = self.reports[-1]
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        return (
            f"{minutes:3d}:{seconds:02d}  {'ok    ' if last.holds else 'BROKEN'}"
            f" {last.profile:<6} {last.fault.number:<5} gap {last.gap:5.1f} s"
            f"  {self.totals()}"
        )

    def totals(self) -> str:
        """Faults, writes and probes."""
        summaries = [report.verdict.summary for report in self.reports]
        return (
            f"{len(summaries)} faults, {sum(each.acked for each in summaries)} writes,"
            f" {sum(each.probes for each in summaries)} probes,"
            f" {sum(each.lost or 0 for each in summaries)} lost,"
            f" {sum(each.leaked for each in summaries)} leaked"
        )


def sequence(
    seed: int, faults: Sequence[Fault], profiles: Sequence[str] = PROFILES
) -> Iterator[tuple[str, Fault]]:
    """Profile and fault, for ever: no fault comes twice in a profile before all have come."""
    chance = random.Random(seed)
    bags: dict[str, list[Fault]] = {profile: [] for profile in profiles}
    while True:
        for profile in profiles:
            for _ in range(ROUND):
                if not bags[profile]:
                    bags[profile] = chance.sample(list(faults), len(faults))
                yield profile, bags[profile].pop()


def repeated(
    seed: int, faults: Sequence[Fault], profiles: Sequence[str], runs: int
) -> Iterator[tuple[str, Fault]]:
    """Each fault so often in each profile, one profile after the other."""
    chance = random.Random(seed)
    for profile in profiles:
        for _ in range(runs):
            for fault in chance.sample(list(faults), len(faults)):
                yield profile, fault


def play(
    cluster: Cluster, tally: Tally, steps: Iterable[tuple[str, Fault]], minutes: float
) -> None:
    """Play until the time is up, the steps are, or something does not hold.

    Raises:
        ClusterError: the cluster could not be healed.
    """
    stage = set_stage(cluster)
    for profile, fault in steps:
        if time.monotonic() > tally.began + minutes * 60:
            break
        cluster.use_profile(profile)
        report = run(fault, cluster, stage, PLACE / f"{profile}-{fault.number}")
        # the evidence is in its file; hours of it would fill the memory
        tally.reports.append(replace(report, evidence=Evidence()))
        print(tally.line(), flush=True)
        if not report.holds:
            print(f"\n{report}")
            break


def main() -> int:
    """Play, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, help="for so long; 20 unless --runs is given")
    parser.add_argument("--runs", type=int, help="each fault so often")
    parser.add_argument("--seed", type=int, default=None, help="play this sequence again")
    parser.add_argument("--only", help="some faults, as F2,F6")
    parser.add_argument("--profiles", default=",".join(PROFILES))
    parser.add_argument("--bindir", type=Path, help="PostgreSQL programs; default: the wheel's")
    arguments = parser.parse_args()
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    wanted = arguments.only.split(",") if arguments.only else None
    faults = [each for each in FAULTS if wanted is None or each.number in wanted]
    if not faults:
        print(f"There is no fault {arguments.only}.", file=sys.stderr)
        return 2
    profiles = arguments.profiles.split(",")
    if strange := set(profiles) - set(PROFILES):
        print(f"There is no profile {', '.join(strange)}: {', '.join(PROFILES)}.", file=sys.stderr)
        return 2
    minutes = arguments.minutes or (inf if arguments.runs else 20)
    try:
        cluster = Cluster.up(bindir=arguments.bindir)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 2
    clean = False
    try:
        deploy.upgrade(cluster)
        if not cluster.network.namespaces:
            print("no network namespaces: the faults of the network are left out")
            faults = [each for each in faults if not each.needs_network]
        steps = sequence(seed, faults, profiles)
        if arguments.runs:
            steps = repeated(seed, faults, profiles, arguments.runs)
        print(f"seed {seed}, {len(faults)} faults, {minutes:g} minutes", flush=True)
        tally = Tally()
        try:
            play(cluster, tally, steps, minutes)
        finally:
            print(f"\n{table(tally.reports)}\n\n{tally.totals()}")
        clean = all(report.holds for report in tally.reports)
    except ClusterError as error:
        print(f"\n{error}")
    finally:
        cluster.down(keep_logs=not clean)
    if not clean:
        print(f"\nplay it again: make chaos SEED={seed}; logs: {cluster.directory}")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
