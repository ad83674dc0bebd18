"""Undo every fault, whichever it was: nobody has to remember what was broken."""

import contextlib
import itertools
import json
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

import psycopg

from tests.cluster import configuration, health
from tests.cluster.errors import ClusterError, Unanswered
from tests.cluster.network import MEMBERS, NODES, PROXY
from tests.cluster.waiting import until

if TYPE_CHECKING:
    from tests.cluster.cluster import Cluster

ROUND_SECONDS = 5
PATIENT_ROUNDS = 3
GONE_SECONDS = 10
# Patroni keeps keys that it does not know
MARK = "gardenos_mark"


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
    _restore_configuration(cluster)
    for done in itertools.count(1):
        try:
            cluster.wait_whole(min(ROUND_SECONDS, max(1, deadline - time.monotonic())))
        except ClusterError:
            if time.monotonic() > deadline:
                raise
            _begin_segment(cluster)
            if done == 1 or done % PATIENT_ROUNDS == 0:
                _reinitialise(cluster, all_idle=done > 1)
        else:
            break
    if cluster.processes.disturbed.exists():
        _wait_informed(cluster)
        cluster.processes.disturbed.unlink()
    cluster.wait_configured()


def _wait_informed(cluster: "Cluster") -> None:
    """Start the replicas' Patroni anew, and wait until every one hears etcd.

    After an outage of etcd the watch of a Patroni can look alive and miss keys for some ten seconds
    (seen with 4.1.5, even when it had just heard a change): its node would not join an election.
    """
    for node in cluster.replicas():
        cluster.signal_patroni(node, signal.SIGKILL)
        until(partial(_is_gone, cluster, node), GONE_SECONDS, f"Patroni of {node} lives on")
        cluster.start_patroni(node)
    for mark in (True, None):
        cluster.configure({MARK: mark})
    cluster.wait_whole()


def _is_gone(cluster: "Cluster", node: str) -> bool:
    return not cluster.processes.is_alive(node)


def _restore_configuration(cluster: "Cluster") -> None:
    wanted = configuration.dynamic(cluster.profile, cluster.times)
    text = cluster.rest.key("config")
    if text is None or json.loads(text) != wanted:
        cluster.rest.ask(cluster.leader(), "PUT", "/config", wanted)


def _begin_segment(cluster: "Cluster") -> None:
    """Let the leader begin a new WAL segment.

    When a leader died in the middle of a record, its standby may ask the next one for a segment
    that it has not begun, and in strict mode nothing is written until the standby has it (F13).
    """
    for node in NODES:
        with (
            contextlib.suppress(psycopg.Error),
            cluster.connect(through=node, dbname="postgres", autocommit=True) as connection,
        ):
            connection.execute("select pg_switch_wal() where not pg_is_in_recovery()")


def _reinitialise(cluster: "Cluster", *, all_idle: bool) -> None:
    """Make nodes new: those whose data Patroni cannot read, or all that do not stream.

    A rewind may have failed for good (failover.md, section 4); it may also just take a while.
    """
    try:
        leader = cluster.rest.key("leader")
    except Unanswered:
        return
    for node in NODES if leader else ():
        if node == leader or _streams(cluster, node):
            continue
        with contextlib.suppress(ClusterError):
            if all_idle or cluster.rest.role(node) == "uninitialized":
                cluster.rest.ask(node, "POST", "/reinitialize", {"force": True}, 10)


def _streams(cluster: "Cluster", node: str) -> bool:
    try:
        return health.look(cluster, node).streaming
    except psycopg.Error:
        return False
