"""Patroni, etcd and HAProxy as plain processes on one Linux machine, with faults a person can name.

`python -m tests.cluster up` for a person, `Cluster` for tests.
"""

from tests.cluster.cluster import Cluster
from tests.cluster.errors import ClusterError

__all__ = ["Cluster", "ClusterError"]
