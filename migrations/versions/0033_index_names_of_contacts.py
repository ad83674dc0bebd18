"""Index the names of contacts as people type them

Reason:    a name is found whatever its case, accents and spelling; the index on full_name knows
           no accents, and duplicates are still found by it.
Locks:     ShareUpdateExclusive on crm.contacts: reading and writing go on; it waits for older transactions.
Duration:  grows with the rows, about a minute for ten million.
Way back:  drops the index: searching reads every row of the agency instead.
"""

from migrations.runner.index import create_index, drop_index

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "crm.contacts_full_name_search_idx",
        r"on crm.contacts using gin (agency_id, lower(regexp_replace(normalize(full_name, nfd), "
        r"'[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]'::text, ''::text, 'g'::text)) extensions.gin_trgm_ops)",
    )


def downgrade() -> None:
    drop_index("crm.contacts_full_name_search_idx")
