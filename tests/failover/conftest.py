"""Fixtures of the failover suite: one cluster, its stage, and what a profile needs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster, ClusterError, deploy, programs
from tests.cluster.processes import why_no_namespaces
from tests.database import ROOT
from tests.failover.scene import Fault, Report, run
from tests.failover.stand import Stage, set_stage

PICTURES = ROOT / ".local" / "failover"


@pytest.fixture(scope="session")
def cluster_of_patroni(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster of CLUSTER_DIRECTORY, or one of our own; its database is at head."""
    given = os.environ.get("CLUSTER_DIRECTORY")
    if given:
        yield Cluster.attach(Path(given))
        return
    if absent := programs.missing():
        pytest.skip(f"not installed: {', '.join(absent)} (`make programs` may install them)")
    cluster = Cluster.up()
    try:
        deploy.upgrade(cluster)
        yield cluster
    finally:
        failed = bool(request.session.testsfailed)
        cluster.down(keep_logs=failed)
        if failed:
            print(f"\nlogs of the cluster: {cluster.directory}")


@pytest.fixture(scope="session")
def stage(cluster_of_patroni: Cluster) -> Stage:
    """Agencies and people for the witnesses."""
    return set_stage(cluster_of_patroni)


class Theatre:
    """Runs faults, keeps their pictures, and fails with everything a person wants to know."""

    def __init__(self, cluster: Cluster, stage: Stage) -> None:
        """Use this cluster and stage."""
        self._cluster = cluster
        self._stage = stage

    def play(self, fault: Fault, profile: str) -> Report:
        """Run a fault under a profile and require that all holds.

        Raises:
            AssertionError: its row of the matrix or an invariant does not hold.
        """
        if fault.needs_network and not self._cluster.network.namespaces:
            pytest.skip(f"no network namespaces: {why_no_namespaces() or 'switched off'}")
        try:
            self._cluster.use_profile(profile)
            report = run(fault, self._cluster, self._stage, PICTURES / profile / fault.number)
        except ClusterError as error:
            raise AssertionError(f"{fault}: {error}; logs: {self._cluster.directory}") from error
        assert report.holds, (
            f"{report}\nlogs: {self._cluster.directory}\npicture: {PICTURES / profile}"
        )
        return report


@pytest.fixture(scope="session")
def theatre(cluster_of_patroni: Cluster, stage: Stage) -> Theatre:
    """Where faults are played."""
    return Theatre(cluster_of_patroni, stage)
