"""Index the model of agencies

Reason:    agencies reference the model that their searches use; deleting a model then looks for its
           agencies.
Locks:     ShareUpdateExclusive on tenancy.agencies while the index is built; nobody waits.
Duration:  seconds; it waits for older transactions.
Way back:  drops the index.
"""

from migrations.runner.index import create_index, drop_index

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "tenancy.agencies_embedding_model_id_idx",
        "on tenancy.agencies using btree (embedding_model_id)",
    )


def downgrade() -> None:
    drop_index("tenancy.agencies_embedding_model_id_idx")
