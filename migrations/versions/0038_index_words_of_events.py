"""Index the words of calendar events

Reason:    the column was there, without an index.
Locks:     ShareUpdateExclusive on crm.calendar_events: reading and writing go on; it waits for older transactions.
Duration:  grows with the rows, about a minute for ten million.
Way back:  drops the index: searching reads every row of the agency instead.
"""

from migrations.runner.index import create_index, drop_index

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "crm.calendar_events_search_idx",
        "on crm.calendar_events using gin (agency_id, search)",
    )


def downgrade() -> None:
    drop_index("crm.calendar_events_search_idx")
