"""Fixtures of the state machine, and what it did as a line at the end."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.database import Cluster
from tests.people.runs import opened
from tests.people.town import Town


@pytest.fixture(scope="module")
def town(cluster: Cluster) -> Iterator[Town]:
    """A database for the people of one file."""
    with cluster.migrated() as database, opened(database) as found:
        yield found


@pytest.fixture
def say(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say something in the summary of the run."""
    return lambda line: record_property("people", line)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests said, whether they passed or failed."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, line in report.user_properties:
                if name == "people" and report.when == "call":
                    terminalreporter.write_line(str(line))
