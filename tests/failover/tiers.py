"""A promotion on the real cluster, killed again and again, and the leader too: `make promotion`.

python -m tests.failover.tiers --vectors 400 [--kills 20] [--seed 7] [--profile sync]

Exit code 0: after each kill and after the failover every vector was there once, unchanged and
found, and a standby answered a search as well; 1: it was not so, and the last line says what; 2: it
could not begin.
"""

import argparse
import secrets
import sys
from pathlib import Path

from tests.ai.searching import DIMS
from tests.ai.shelves import fill, play
from tests.cluster import Cluster, ClusterError, deploy
from tests.cluster.configuration import DATABASE, PROFILES
from tests.cluster.waiting import until
from tests.database import Database
from tests.failover.imports import Doors
from tests.policies.town import Stage, Town


def main() -> int:
    """Play once, on a cluster of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover.tiers", description=__doc__)
    parser.add_argument("--vectors", type=int, default=400)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="the same points in time again")
    parser.add_argument("--profile", choices=tuple(PROFILES), default="sync")
    parser.add_argument("--bindir", type=Path, help="PostgreSQL programs; default: the wheel's")
    arguments = parser.parse_args()
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    try:
        cluster = Cluster.up(bindir=arguments.bindir, profile=arguments.profile)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 2
    clean = False

    def say(text: str) -> None:
        print(text, flush=True)

    def kill_leader() -> None:
        leader = cluster.leader()
        cluster.kill_node(leader)
        say(f"{leader} led, and is dead")

    def standby_answers() -> bool:
        with cluster.connect("authenticator_ro", through="ro") as standby:
            found = (
                Stage(standby)
                .become("ann")
                .rows("select id from ai.search('rose', array_fill(1::real, array[%s]), 100)", DIMS)
            )
        return len(found) == 100

    try:
        deploy.upgrade(cluster)
        database = Database(Doors(cluster), DATABASE)
        Town(database)
        play(
            fill(database, arguments.vectors), arguments.kills, seed, fail_over=kill_leader, say=say
        )
        until(standby_answers, 60, "a standby to answer a search")
        say("a standby answers a search")
        clean = True
    except (AssertionError, ClusterError) as error:
        print(error)
    finally:
        cluster.down(keep_logs=not clean)
    if not clean:
        print(f"play it again: make promotion SEED={seed}; logs: {cluster.directory}")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
