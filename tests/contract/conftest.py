"""Databases for the contract tests: one nobody prepared, and one without any revision."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.database import Cluster, Database


@pytest.fixture
def blank(cluster: Cluster) -> Iterator[Database]:
    """An empty database; roles are the cluster's, so they may be there already."""
    with cluster.empty() as made:
        yield made


@pytest.fixture(scope="module")
def prepared(cluster: Cluster) -> Iterator[Database]:
    """A database that bootstrap has prepared and no revision has touched."""
    with cluster.bootstrapped() as made:
        yield made


@pytest.fixture
def dba(prepared: Database) -> Iterator[psycopg.Connection[Any]]:
    """A superuser that is not called postgres, in a transaction that is rolled back.

    Roles, memberships and settings are transactional too: damage done here is gone afterwards.
    """
    with prepared.connect(autocommit=True) as connection:
        connection.execute("drop role if exists contract_dba")
        connection.execute("create role contract_dba login superuser")
        try:
            with prepared.connect("contract_dba") as session:
                yield session
                session.rollback()
        finally:
            connection.execute("drop role contract_dba")
