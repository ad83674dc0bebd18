"""Migrations as a pipeline runs them: the program alembic, through the write port."""

import subprocess
import sys

from tests.cluster import Cluster, ClusterError
from tests.database import ROOT, program_environment


def upgrade(cluster: Cluster) -> None:
    """Bring the database to head.

    Raises:
        ClusterError: it did not get there; the message is what the program said.
    """
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env=program_environment(cluster.url("gardenos_migrator")),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ClusterError(f"alembic upgrade head: {done.stderr.strip()}")
