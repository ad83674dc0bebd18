"""Migrations as a pipeline runs them: the program alembic, through the write port."""

from tests.cluster.cluster import Cluster
from tests.cluster.errors import ClusterError
from tests.database import alembic


def upgrade(cluster: Cluster) -> None:
    """Bring the database to head.

    Raises:
        ClusterError: it did not get there; the message is what the program said.
    """
    done = alembic("upgrade", "head", url=cluster.url("gardenos_migrator"))
    if done.returncode:
        raise ClusterError(f"alembic upgrade head: {(done.stderr or done.stdout).strip()}")
