"""Fixtures of the tests of erasure and retention."""

from collections.abc import Iterator

import pytest

from tests.audit.trail import Office, opened
from tests.database import Cluster
from tests.erasure.person import Agency, found_agency


@pytest.fixture(scope="module")
def office(cluster: Cluster) -> Iterator[Office]:
    """A database for the tests of one file, each with an agency of its own."""
    with cluster.migrated() as database, opened(database) as found:
        yield found


@pytest.fixture
def agency(office: Office) -> Agency:
    """An agency with an owner, an admin and a member, and nothing else."""
    return found_agency(office)
