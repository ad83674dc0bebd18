"""Fixtures of all tests: one server for each pytest worker, one database for each test."""

from collections.abc import Iterator

import pytest

from tests.database import Cluster, Database, private_server


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The server of this worker."""
    with private_server() as server:
        yield Cluster(server)


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """A database at head, dropped after the test."""
    with cluster.migrated() as made:
        yield made


@pytest.fixture
def bootstrapped(cluster: Cluster) -> Iterator[Database]:
    """A database without any revision, dropped after the test."""
    with cluster.bootstrapped() as made:
        yield made
