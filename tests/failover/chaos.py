"""All faults in both profiles, in random sequences, for as long as one likes: `make chaos`.

python -m tests.failover.chaos --minutes 20 [--seed 7] [--only F2,F6] [--bindir DIR]

Exit code 0: every invariant held after every fault; 1: one did not, and the last lines name the
seed that plays the same sequence again; 2: it could not begin.
"""

import argparse
import random
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import Cluster, ClusterError
from tests.database import ROOT
from tests.failover import deploy
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


def sequence(seed: int, faults: Sequence[Fault]) -> Iterator[tuple[str, Fault]]:
    """Profile and fault, for ever: rounds in which no fault comes twice before all have come."""
    chance = random.Random(seed)
    bags: dict[str, list[Fault]] = {profile: [] for profile in PROFILES}
    while True:
        for profile in PROFILES:
            for _ in range(ROUND):
                if not bags[profile]:
                    bags[profile] = chance.sample(list(faults), len(faults))
                yield profile, bags[profile].pop()


def play(cluster: Cluster, minutes: float, seed: int, faults: Sequence[Fault]) -> Tally:
    """Play the sequence of a seed until the time is up, or until something does not hold.

    Raises:
        ClusterError: the cluster could not be healed.
    """
    stage = set_stage(cluster)
    tally = Tally()
    for profile, fault in sequence(seed, faults):
        if time.monotonic() > tally.began + minutes * 60:
            break
        cluster.use_profile(profile)
        report = run(fault, cluster, stage, PLACE / f"{profile}-{fault.number}")
        tally.reports.append(report)
        print(tally.line(), flush=True)
        if not report.holds:
            print(f"\n{report}")
            break
    return tally


def main() -> int:
    """Play, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=None, help="play this sequence again")
    parser.add_argument("--only", help="some faults, as F2,F6")
    parser.add_argument("--bindir", type=Path, help="PostgreSQL programs; default: the wheel's")
    arguments = parser.parse_args()
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    wanted = arguments.only.split(",") if arguments.only else None
    faults = [each for each in FAULTS if wanted is None or each.number in wanted]
    if not faults:
        print(f"There is no fault {arguments.only}.", file=sys.stderr)
        return 2
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
        print(f"seed {seed}, {len(faults)} faults, {arguments.minutes:g} minutes", flush=True)
        tally = play(cluster, arguments.minutes, seed, faults)
        clean = all(report.holds for report in tally.reports)
        print(f"\n{table(tally.reports)}\n\n{tally.totals()}")
    except ClusterError as error:
        print(f"\n{error}")
    finally:
        cluster.down(keep_logs=not clean)
    if not clean:
        print(f"\nplay it again: make chaos SEED={seed}; logs: {cluster.directory}")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
