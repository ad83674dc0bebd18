"""A dirty import on the real cluster, with client, worker and leader killed: `make import`.

python -m tests.failover.imports --rows 100000 [--seed 7] [--profile sync]

Exit code 0: every valid line became what it must, once, each other one failed with its field and
reason, and reverting left no trace; 1: something did not hold, and the last lines say what; 2: it
could not begin.
"""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.cluster import Cluster
from tests.crm import killing
from tests.database import Database
from tests.failover.staged import kill_leader, on_a_cluster, options

LEAST = 2000


def main() -> int:
    """Play once, on a cluster of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover.imports", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None, help="write this file again")
    options(parser)
    arguments = parser.parse_args()
    if arguments.rows < LEAST:
        print(f"Nobody is caught in the middle of less than {LEAST} lines.", file=sys.stderr)
        return 2
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed

    def play(cluster: Cluster, database: Database) -> None:
        with tempfile.TemporaryDirectory() as directory:
            killing.play(
                database,
                Path(directory),
                arguments.rows,
                seed,
                kill_leader=lambda: print(f"{kill_leader(cluster)} led", flush=True),
                say=lambda text: print(text, flush=True),
            )

    return on_a_cluster(arguments, play, f"make import SEED={seed}")


if __name__ == "__main__":
    sys.exit(main())
