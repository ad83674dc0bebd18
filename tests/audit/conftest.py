"""Fixtures of the tests of the trail."""

from collections.abc import Iterator

import pytest

from tests.audit.trail import Office, Person, opened
from tests.database import Database


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    """A database of its own, in which a test commits."""
    with opened(database) as found:
        yield found


@pytest.fixture
def owner(office: Office) -> Person:
    """The owner of an agency."""
    return office.found("garden")
