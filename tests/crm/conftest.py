"""Fixtures of the tests of what the database itself does to a row of crm."""

from collections.abc import Iterator

import pytest

from tests.audit.trail import Office, Person, opened
from tests.crm.desk import Desk
from tests.database import Cluster


@pytest.fixture(scope="module")
def office(cluster: Cluster) -> Iterator[Office]:
    """A database for the tests of one file, each with an agency of its own."""
    with cluster.migrated() as database, opened(database) as found:
        yield found


@pytest.fixture
def desk(office: Office) -> Desk:
    """The owner of a new agency at work."""
    return Desk(office, office.found(Desk.new_slug()))


@pytest.fixture
def owner(desk: Desk) -> Person:
    """That owner."""
    return desk.owner
