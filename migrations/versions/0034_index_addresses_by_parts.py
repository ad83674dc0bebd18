"""Index addresses and numbers by their parts

Reason:    a contact is found by the domain of an address or the last digits of a number.
Locks:     ShareUpdateExclusive on crm.contact_points: reading and writing go on; it waits for older transactions.
Duration:  grows with the rows, about a minute for ten million.
Way back:  drops the index: searching reads every row of the agency instead.
"""

from migrations.runner.index import create_index, drop_index

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "crm.contact_points_value_norm_trgm_idx",
        "on crm.contact_points using gin (agency_id, value_norm extensions.gin_trgm_ops)",
    )


def downgrade() -> None:
    drop_index("crm.contact_points_value_norm_trgm_idx")
