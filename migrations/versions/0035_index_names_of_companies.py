"""Index names and domains of companies as people type them

Reason:    a company is found by name or domain, whatever case, accents and spelling.
Locks:     ShareUpdateExclusive on crm.companies: reading and writing go on; it waits for older transactions.
Duration:  grows with the rows, about a minute for ten million.
Way back:  drops the index: searching reads every row of the agency instead.
"""

from migrations.runner.index import create_index, drop_index

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "crm.companies_name_search_idx",
        r"on crm.companies using gin (agency_id, lower(regexp_replace(normalize((((name)::text || ' '::text) || coalesce((domain)::text, ''::text)), nfd), "
        r"'[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]'::text, ''::text, 'g'::text)) extensions.gin_trgm_ops)",
    )


def downgrade() -> None:
    drop_index("crm.companies_name_search_idx")
