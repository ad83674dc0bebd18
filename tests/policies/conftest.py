"""Fixtures of the policy tests: two databases that tests share and leave as they found them.

They come from a private server of each worker; with CLUSTER_URL from that cluster.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from psycopg.rows import dict_row

from tests.database import Database, Databases
from tests.policies import cluster_url
from tests.policies.access import Connection
from tests.policies.cluster_login import Refused
from tests.policies.interruption import Interruption
from tests.policies.matrix import Matrix
from tests.policies.town import Stage, Town
from tests.policies.world import World, build, refresh_trail


def pytest_configure(config: pytest.Config) -> None:
    """With CLUSTER_URL, prepare that cluster; workers find it prepared."""
    if hasattr(config, "workerinput") or config.option.collectonly or not cluster_url.wanted():
        return
    interruption = Interruption(config)
    run = ExitStack()
    config.add_cleanup(run.close)
    try:
        run.enter_context(cluster_url.prepared())
    except Refused as refusal:
        raise pytest.UsageError(str(refusal)) from None
    interruption.allow()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say which cells were run, and who in the cluster passes every policy and is not ours."""
    if hasattr(config, "workerinput"):
        return
    for line in cell_counts(terminalreporter.stats):
        terminalreporter.write_line(line)
    found = cluster_url.strangers_past_policies()
    if found:
        terminalreporter.write_line(
            f"No policy stops these roles of the cluster, which bootstrap does not know: {found}"
        )


def cell_counts(stats: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """How many cells of the matrix were run in each manner, and what became of them."""
    for test, manner in (
        ("test_member", "as the member"),
        ("test_agent_acting_for_member", "by an agent for the member"),
        ("test_api_key", "with the member's API key"),
    ):
        fates = {
            fate: sum(f"test_matrix.py::{test}[" in report.nodeid for report in stats.get(fate, []))
            for fate in ("passed", "failed", "error", "skipped")
        }
        if any(fates.values()):
            yield f"matrix cells {manner}: " + ", ".join(
                f"{count} {fate}" for fate, count in fates.items()
            )


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Databases:
    """The cluster of CLUSTER_URL; without it the private server of this worker."""
    given = cluster_url.cluster_of_this_run()
    if given is not None:
        return given
    private: Databases = request.getfixturevalue("cluster")
    return private


@pytest.fixture(scope="session")
def town(cluster: Databases) -> Iterator[Town]:
    """The town that tests share: what they do to it, they roll back."""
    with cluster.migrated() as database:
        yield Town(database)


@pytest.fixture
def own_town(database: Database) -> Town:
    """A town for one test, which may commit."""
    return Town(database)


@pytest.fixture
def stage(town: Town) -> Iterator[Stage]:
    """A transaction of `authenticator` in the shared town, rolled back at the end."""
    with town.stage() as opened:
        yield opened


@pytest.fixture(scope="session")
def world_database(cluster: Databases) -> Iterator[Database]:
    """The database of the two agencies of the matrix. Tests roll back what they do."""
    with cluster.migrated() as made:
        yield made


@pytest.fixture(scope="session")
def built_world(world_database: Database) -> World:
    """Two agencies with every role, and every row there is."""
    return build(lambda role: world_database.connect(role, autocommit=True, row_factory=dict_row))


@pytest.fixture
def world(built_world: World, superuser: Connection) -> World:
    """The same two agencies. Only the trail grows, by what tests commit and take back."""
    refresh_trail(built_world, superuser)
    return built_world


@pytest.fixture(scope="session")
def client(built_world: World, world_database: Database) -> Iterator[Connection]:
    """The login of PostgREST in the world of the matrix, outside of any transaction."""
    with world_database.connect(
        "authenticator", autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


@pytest.fixture(scope="session")
def back_office(built_world: World, world_database: Database) -> Iterator[Connection]:
    """A second login, for what has to be committed beside the client's transaction."""
    with world_database.connect(
        "authenticator", autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


@pytest.fixture(scope="session")
def superuser(built_world: World, world_database: Database) -> Iterator[Connection]:
    """Reads the catalogue, and tries changes that it rolls back. Never stands in for a client."""
    with world_database.connect("postgres", autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture(scope="session")
def matrix() -> Matrix:
    """`policies/permissions.csv`."""
    return Matrix()
