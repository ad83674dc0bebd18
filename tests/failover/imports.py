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

from tests.cluster import Cluster, ClusterError, deploy
from tests.cluster.configuration import DATABASE, PROFILES
from tests.crm.killing import play
from tests.database import Database

LEAST = 2000


class Doors:
    """The cluster as the tests of a single server know one: through its write port."""

    def __init__(self, cluster: Cluster) -> None:
        """Use this cluster."""
        self._cluster = cluster

    @property
    def psql(self) -> Path:
        """The psql of its PostgreSQL."""
        return self._cluster.bindir / "psql"

    def url(self, role: str = "postgres", dbname: str = DATABASE) -> str:
        """A libpq URL of whoever leads."""
        return self._cluster.url(role, dbname)


def main() -> int:
    """Play once, on a cluster of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.failover.imports", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None, help="write this file again")
    parser.add_argument("--profile", choices=tuple(PROFILES), default="sync")
    parser.add_argument("--bindir", type=Path, help="PostgreSQL programs; default: the wheel's")
    arguments = parser.parse_args()
    if arguments.rows < LEAST:
        print(f"Nobody is caught in the middle of less than {LEAST} lines.", file=sys.stderr)
        return 2
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    try:
        cluster = Cluster.up(bindir=arguments.bindir, profile=arguments.profile)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 2
    clean = False

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
                arguments.rows,
                seed,
                kill_leader=kill_leader,
                say=lambda text: print(text, flush=True),
            )
        clean = True
    except (AssertionError, ClusterError) as error:
        print(error)
    finally:
        cluster.down(keep_logs=not clean)
    if not clean:
        print(f"play it again: make import SEED={seed}; logs: {cluster.directory}")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
