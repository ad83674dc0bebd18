"""The rules of architecture section 4, for every table, function and role that there is."""

import pytest

from tests.policies import catalogue
from tests.policies.access import Connection


@pytest.mark.parametrize("name", list(catalogue.all_checks()))
def test_catalogue(superuser: Connection, name: str) -> None:
    assert catalogue.all_checks()[name](superuser) == []
