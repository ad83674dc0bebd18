"""The queue while workers and the server die; see `tests.ai.killing`."""

from pathlib import Path

import pytest

from tests.ai.killing import play
from tests.database import Cluster, Databases


def test_whatever_dies_each_text_has_one_vector(cluster: Databases, tmp_path: Path) -> None:
    if not isinstance(cluster, Cluster):
        pytest.skip("somebody else's server is not crashed")

    def crash() -> None:
        cluster.server.crash()
        cluster.server.start()

    with cluster.migrated() as database:
        play(database, tmp_path, crash)
