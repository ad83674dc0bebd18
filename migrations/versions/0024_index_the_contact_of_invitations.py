"""Index the contact of invitations

Reason:    invitations are to reference contacts; deleting a contact then looks for its invitations.
           (The unique index on the contact of memberships serves their reference.)
Locks:     ShareUpdateExclusive on tenancy.invitations while the index is built; nobody waits.
Duration:  seconds; it waits for older transactions.
Way back:  drops the index.
"""

from migrations.runner.index import create_index, drop_index

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "tenancy.invitations_contact_id_idx",
        "on tenancy.invitations using btree (agency_id, contact_id)",
    )


def downgrade() -> None:
    drop_index("tenancy.invitations_contact_id_idx")
