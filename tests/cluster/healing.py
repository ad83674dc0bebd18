"""Undo every fault, whichever it was: nobody has to remember what was broken."""

import json
import signal
import time
from typing import TYPE_CHECKING

import psycopg

from tests.cluster import configuration, health
from tests.cluster.errors import ClusterError
from tests.cluster.network import MEMBERS, NODES, PROXY
from tests.cluster.waiting import until

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster

PATIENCE_SECONDS = 15


def heal(cluster: "Cluster", seconds: float) -> None:
    """Open the network, thaw, start what is dead, take configuration back, make new what is stuck.

    Raises:
        ClusterError: the cluster is not whole within that many seconds.
    """
    deadline = time.monotonic() + seconds
    cluster.network.restore()
    cluster.processes.signal_all(signal.SIGCONT)
    for member in MEMBERS:
        if not cluster.processes.is_alive(member):
            cluster.start_member(member)
    if not cluster.processes.is_alive(PROXY):
        cluster.start_proxy()
    for node in NODES:
        if not cluster.processes.is_alive(node):
            cluster.start_patroni(node)
    left = max(1, deadline - time.monotonic())
    until(lambda: cluster.primaries(), left, "no node leads")
    _resume_replay(cluster)
    _restore_configuration(cluster)
    while True:
        try:
            cluster.wait_whole(min(PATIENCE_SECONDS, max(1, deadline - time.monotonic())))
        except ClusterError:
            if time.monotonic() > deadline:
                raise
            _reinitialise_stuck(cluster)
        else:
            return


def _resume_replay(cluster: "Cluster") -> None:
    for node in NODES:
        try:
            with cluster.connect(through=node, dbname="postgres", autocommit=True) as connection:
                connection.execute(
                    "select pg_wal_replay_resume() where pg_is_in_recovery()"
                    " and pg_is_wal_replay_paused()"
                )
        except psycopg.Error:
            continue


def _restore_configuration(cluster: "Cluster") -> None:
    wanted = configuration.dynamic(cluster.profile, cluster.times)
    text = cluster.rest.key("config")
    if text is None or json.loads(text) != wanted:
        cluster.rest.ask(cluster.leader(), "PUT", "/config", wanted)


def _reinitialise_stuck(cluster: "Cluster") -> None:
    """Make the nodes new that do not stream: a rewind may have failed for good (section 4)."""
    try:
        leader = cluster.leader()
        for node in NODES:
            if node != leader and not _streams(cluster, node):
                cluster.rest.ask(node, "POST", "/reinitialize", {"force": True}, 10)
    except ClusterError:
        return


def _streams(cluster: "Cluster", node: str) -> bool:
    try:
        return health.look(cluster, node).streaming
    except psycopg.Error:
        return False
