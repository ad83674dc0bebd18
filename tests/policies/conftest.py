"""Fixtures of the policy tests: two databases that tests share and leave as they found them."""

from collections.abc import Iterator

import pytest
from psycopg.rows import dict_row

from tests.database import Cluster, Database
from tests.policies.access import Connection
from tests.policies.matrix import Matrix
from tests.policies.town import Stage, Town
from tests.policies.world import World, build


@pytest.fixture(scope="session")
def town(cluster: Cluster) -> Iterator[Town]:
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
def world_database(cluster: Cluster) -> Iterator[Database]:
    """The database of the two agencies of the matrix. Tests roll back what they do."""
    with cluster.migrated() as made:
        yield made


@pytest.fixture(scope="session")
def world(world_database: Database) -> World:
    """Two agencies with every role, and every row there is."""
    return build(lambda role: world_database.connect(role, autocommit=True, row_factory=dict_row))


@pytest.fixture(scope="session")
def client(world: World, world_database: Database) -> Iterator[Connection]:
    """The login of PostgREST in the world of the matrix, outside of any transaction."""
    with world_database.connect(
        "authenticator", autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


@pytest.fixture(scope="session")
def back_office(world: World, world_database: Database) -> Iterator[Connection]:
    """A second login, for what has to be committed beside the client's transaction."""
    with world_database.connect(
        "authenticator", autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


@pytest.fixture(scope="session")
def superuser(world: World, world_database: Database) -> Iterator[Connection]:
    """Reads the catalogue, and tries changes that it rolls back. Never stands in for a client."""
    with world_database.connect("postgres", autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture(scope="session")
def matrix() -> Matrix:
    """`policies/permissions.csv`."""
    return Matrix()
