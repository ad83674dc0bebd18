"""Programs of an import killed in the middle: every valid line once, and undone without a trace.

`make import ROWS=100000` plays the same on the real cluster, and kills the leader too.
"""

from pathlib import Path

from tests.crm.killing import play
from tests.database import Database


def test_a_killed_client_and_a_killed_worker_lose_and_double_nothing(
    database: Database, tmp_path: Path
) -> None:
    play(database, tmp_path, rows=2000, seed=1)
