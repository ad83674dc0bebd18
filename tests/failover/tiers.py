"""A promotion on the real cluster, killed again and again, and the leader too: `make promotion`.

python -m tests.failover.tiers --vectors 400 [--kills 20] [--seed 7] [--profile sync]

Exit code 0: after each kill and after the failover every vector was there once, unchanged and
found, and a standby answered a search as well; 1: it was not so, and the last line says what; 2: it
could not begin.
"""

import argparse
import secrets
import sys

from tests.ai import shelves
from tests.ai.searching import DIMS
from tests.cluster import Cluster
from tests.cluster.waiting import until
from tests.database import Database
from tests.failover.staged import kill_leader, on_a_cluster, options
from tests.policies.town import Stage, Town


def main() -> int:
    """Play once, on a cluster of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover.tiers", description=__doc__)
    parser.add_argument("--vectors", type=int, default=400)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="the same points in time again")
    options(parser)
    arguments = parser.parse_args()
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed

    def say(text: str) -> None:
        print(text, flush=True)

    def play(cluster: Cluster, database: Database) -> None:
        def standby_answers() -> bool:
            question = "select id from ai.search('rose', array_fill(1::real, array[%s]), 100)"
            with cluster.connect("authenticator_ro", through="ro") as standby:
                return len(Stage(standby).become("ann").rows(question, DIMS)) == 100

        Town(database)
        shelves.play(
            shelves.fill(database, arguments.vectors),
            arguments.kills,
            seed,
            fail_over=lambda: say(f"{kill_leader(cluster)} led, and is dead"),
            say=say,
        )
        until(standby_answers, 60, "a standby to answer a search")
        say("a standby answers a search")

    return on_a_cluster(arguments, play, f"make promotion SEED={seed}")


if __name__ == "__main__":
    sys.exit(main())
