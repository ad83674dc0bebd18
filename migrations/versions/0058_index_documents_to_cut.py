"""Index documents to cut

Reason:    workers ask which agencies have documents to cut, and for the next one of an agency.
Locks:     ShareUpdateExclusive on ai.documents while the index is built; nobody waits.
Duration:  seconds; it waits for older transactions.
Way back:  drops the index.
"""

from migrations.runner.index import create_index, drop_index

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "ai.documents_to_cut_idx",
        "on ai.documents using btree (agency_id, id)"
        " where ((status = any (array['pending'::app.document_status, 'stale'::app.document_status]))"
        " and (deleted_at is null))",
    )


def downgrade() -> None:
    drop_index("ai.documents_to_cut_idx")
