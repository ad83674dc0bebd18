"""Index the words in subjects of conversations

Reason:    people look for a conversation by its subject.
Locks:     ShareUpdateExclusive on crm.conversations: reading and writing go on; it waits for older transactions.
Duration:  grows with the rows, about a minute for ten million.
Way back:  drops the index: searching reads every row of the agency instead.
"""

from migrations.runner.index import create_index, drop_index

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "crm.conversations_subject_search_idx",
        "on crm.conversations using gin (agency_id, to_tsvector('simple'::regconfig, coalesce((subject)::text, ''::text)))",
    )


def downgrade() -> None:
    drop_index("crm.conversations_subject_search_idx")
