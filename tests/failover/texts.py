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

from tests.ai.killing import play
from tests.cluster import Cluster, ClusterError, deploy
from tests.cluster.configuration import DATABASE, PROFILES
from tests.database import Database
from tests.failover.imports import Doors

LEAST = 300


def main() -> int:
    """Play once, on a cluster of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover.texts", description=__doc__)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--profile", choices=tuple(PROFILES), default="sync")
    parser.add_argument("--bindir", type=Path, help="PostgreSQL programs; default: the wheel's")
    arguments = parser.parse_args()
    if arguments.texts < LEAST:
        print(f"Nobody is caught in the middle of less than {LEAST} texts.", file=sys.stderr)
        return 2
    try:
        cluster = Cluster.up(bindir=arguments.bindir, profile=arguments.profile)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 2
    clean = False
    began = time.monotonic()

    def kill_leader() -> None:
        leader = cluster.leader()
        cluster.kill_node(leader)
        print(f"{leader} led", flush=True)

    try:
        deploy.upgrade(cluster)
        with tempfile.TemporaryDirectory() as directory:
            play(
                Database(Doors(cluster), DATABASE),
                Path(directory),
                kill_leader,
                texts=arguments.texts,
                say=lambda text: print(f"{time.monotonic() - began:7.1f} s  {text}", flush=True),
            )
        clean = True
    except (AssertionError, ClusterError) as error:
        print(error)
    finally:
        cluster.down(keep_logs=not clean)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
