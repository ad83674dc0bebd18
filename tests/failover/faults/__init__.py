"""The fault matrix (failover.md, section 7), one module for each kind of thing that breaks."""

from tests.failover.faults import (
    commits,
    deploy,
    disk,
    network,
    processes,
    proxy,
    quorum,
    rejoin,
    replication,
    sessions,
    slots,
    switchover,
)
from tests.failover.scene import REGISTERED, Fault

FAULTS = sorted(REGISTERED, key=lambda fault: (len(fault.number.rstrip("abcde")), fault.number))

__all__ = [
    "FAULTS",
    "Fault",
    "commits",
    "deploy",
    "disk",
    "network",
    "processes",
    "proxy",
    "quorum",
    "rejoin",
    "replication",
    "sessions",
    "slots",
    "switchover",
]
