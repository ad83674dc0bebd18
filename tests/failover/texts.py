"""Texts embedded on the real cluster, with a worker and the leader killed in the middle.

python -m tests.failover.texts --texts 2000 [--profile sync]

Exit code 0: each text has one vector, that of its words; 1: something did not hold, and the last
lines say what; 2: it could not begin.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.ai import killing
from tests.cluster import Cluster
from tests.database import Database
from tests.failover.staged import kill_leader, on_a_cluster, options

LEAST = 300


def main() -> int:
    """Play once, on a cluster of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover.texts", description=__doc__)
    parser.add_argument("--texts", type=int, default=1000)
    options(parser)
    arguments = parser.parse_args()
    if arguments.texts < LEAST:
        print(f"Nobody is caught in the middle of less than {LEAST} texts.", file=sys.stderr)
        return 2

    def play(cluster: Cluster, database: Database) -> None:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as directory:
            killing.play(
                database,
                Path(directory),
                lambda: print(f"{kill_leader(cluster)} led", flush=True),
                texts=arguments.texts,
                say=lambda text: print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True),
            )

    return on_a_cluster(arguments, play)


if __name__ == "__main__":
    sys.exit(main())
