"""Index dead letters

Reason:    monitoring counts the texts that were given up, in a queue that may be long.
Locks:     ShareUpdateExclusive on ai.embedding_jobs while the index is built; nobody waits.
Duration:  seconds; it waits for older transactions.
Way back:  drops the index.
"""

from migrations.runner.index import create_index, drop_index

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "ai.embedding_jobs_dead_idx",
        "on ai.embedding_jobs using btree (agency_id, id) where (dead_at is not null)",
    )


def downgrade() -> None:
    drop_index("ai.embedding_jobs_dead_idx")
