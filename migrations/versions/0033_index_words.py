"""Index names, addresses, titles and words as people type them

Reason:    people look for records by any part of a name, address or number, whatever case,
           accents and spelling, and by words of a subject or an event.
Locks:     ShareUpdateExclusive on crm.contacts, contact_points, companies, deals, conversations
           and calendar_events, one after another: reading and writing go on; each waits for older
           transactions.
Duration:  grows with the rows, about a minute an index for ten million.
Way back:  drops the indexes: searching reads every row of the agency instead.
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
    create_index(
        "crm.contact_points_value_norm_trgm_idx",
        "on crm.contact_points using gin (agency_id, value_norm extensions.gin_trgm_ops)",
    )
    create_index(
        "crm.companies_name_search_idx",
        r"on crm.companies using gin (agency_id, lower(regexp_replace(normalize((((name)::text || ' '::text) || coalesce((domain)::text, ''::text)), nfd), "
        r"'[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]'::text, ''::text, 'g'::text)) extensions.gin_trgm_ops)",
    )
    create_index(
        "crm.deals_title_search_idx",
        r"on crm.deals using gin (agency_id, lower(regexp_replace(normalize(title, nfd), "
        r"'[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]'::text, ''::text, 'g'::text)) extensions.gin_trgm_ops)",
    )
    create_index(
        "crm.conversations_subject_search_idx",
        "on crm.conversations using gin (agency_id, to_tsvector('simple'::regconfig, coalesce((subject)::text, ''::text)))",
    )
    create_index(
        "crm.calendar_events_search_idx",
        "on crm.calendar_events using gin (agency_id, search)",
    )


def downgrade() -> None:
    drop_index("crm.calendar_events_search_idx")
    drop_index("crm.conversations_subject_search_idx")
    drop_index("crm.deals_title_search_idx")
    drop_index("crm.companies_name_search_idx")
    drop_index("crm.contact_points_value_norm_trgm_idx")
    drop_index("crm.contacts_full_name_search_idx")
