"""Plays on a real cluster of their own, started by hand: what a program of them has in common."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tests.cluster import Cluster, ClusterError, deploy
from tests.cluster.configuration import DATABASE, PROFILES
from tests.database import Database


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


def options(parser: argparse.ArgumentParser) -> None:
    """Let the person choose the cluster."""
    parser.add_argument("--profile", choices=tuple(PROFILES), default="sync")
    parser.add_argument("--bindir", type=Path, help="PostgreSQL programs; default: the wheel's")


def on_a_cluster(
    arguments: argparse.Namespace,
    play: Callable[[Cluster, Database], None],
    again: str | None = None,
) -> int:
    """Bring up a cluster at head, play on it, and take it down.

    Args:
        arguments: with what `options` reads.
        play: raises AssertionError when something does not hold.
        again: the command that plays the same once more.

    Returns:
        The exit code: 0, 1 when something did not hold, 2 when it could not begin.
    """
    try:
        cluster = Cluster.up(bindir=arguments.bindir, profile=arguments.profile)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 2
    clean = False
    try:
        deploy.upgrade(cluster)
        play(cluster, Database(Doors(cluster), DATABASE))
        clean = True
    except (AssertionError, ClusterError) as error:
        print(error)
    finally:
        cluster.down(keep_logs=not clean)
    if not clean and again is not None:
        print(f"play it again: {again}; logs: {cluster.directory}")
    return 0 if clean else 1


def kill_leader(cluster: Cluster) -> str:
    """Kill the node that leads; its name."""
    leader = cluster.leader()
    cluster.kill_node(leader)
    return leader
