"""Fixtures of the tests of what agents know."""

from collections.abc import Iterator

import pytest

from tests.ai.desk import Shelf, stock
from tests.audit.trail import Office, opened
from tests.crm.desk import Desk
from tests.database import Cluster


@pytest.fixture(scope="module")
def office(cluster: Cluster) -> Iterator[Office]:
    """A database for the tests of one file, each with an agency of its own."""
    with cluster.migrated() as database, opened(database) as found:
        yield found


@pytest.fixture
def shelf(office: Office) -> Shelf:
    """A new agency with a source of each kind, what was made of it, and memories."""
    return stock(Desk(office, office.found(Desk.new_slug())))
