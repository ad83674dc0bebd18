"""Fixtures of all tests: one server for each pytest worker, one database for each test.

A test that breaks something on purpose says so with the fixture `mutant`; `make mutants` lists them
all: what was broken, which gate must notice, and whether it did.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.database import Cluster, Database, Databases, private_server


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The server of this worker."""
    with private_server() as server:
        yield Cluster(server)


@pytest.fixture
def database(cluster: Databases) -> Iterator[Database]:
    """A database at head, dropped after the test."""
    with cluster.migrated() as made:
        yield made


@pytest.fixture
def bootstrapped(cluster: Databases) -> Iterator[Database]:
    """A database without any revision, dropped after the test."""
    with cluster.bootstrapped() as made:
        yield made


Mutant = Callable[[str, str, str], None]


@pytest.fixture
def mutant(record_property: Callable[[str, object], None]) -> Mutant:
    """Say what this test breaks: its kind, the gate that must notice, the statement."""

    def tell(kind: str, gate: str, change: str) -> None:
        record_property("mutant", (kind, gate, " ".join(change.split())))

    return tell


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--mutants`: run only the tests that break something, and print what noticed it."""
    parser.addoption("--mutants", action="store_true", help="the mutation suite, as a table")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests with the fixture `mutant`."""
    if config.getoption("--mutants"):
        items[:] = [item for item in items if "mutant" in getattr(item, "fixturenames", ())]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table: kind, gate, noticed or not, and the mutant."""
    if not config.getoption("--mutants"):
        return
    rows = sorted(
        (*(" ".join(str(value).split()) for value in told), outcome)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, told in report.user_properties
        if name == "mutant" and report.when == "call"
    )
    verdict = {"passed": "caught", "failed": "SURVIVED"}
    for kind, gate, change, outcome in rows:
        terminalreporter.write_line(f"{verdict[outcome]}  {kind:<18} {gate:<44} {change[:110]}")
    survived = sum(outcome == "failed" for *_, outcome in rows)
    terminalreporter.write_line(f"{len(rows)} mutants, {survived} survived")
