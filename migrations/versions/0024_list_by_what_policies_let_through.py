"""List by what policies let through

Reason:    comparing enums is not leakproof, so below row-level security an enum column of an index
           cannot be searched: the list of open conversations and the search for an address read
           the whole agency. As the predicate of a partial index, and behind the value, it does
           no harm.
Locks:     AccessExclusive on crm.conversations and crm.contact_points, which are new and empty.
Duration:  milliseconds.
Way back:  the former indexes.
"""

from migrations.runner.execute import execute

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        drop index crm.conversations_status_idx;

        create index conversations_unclosed_idx
            on crm.conversations (agency_id, last_message_at desc, id)
            where status <> 'closed' and deleted_at is null;

        drop index crm.contact_points_value_norm_idx;

        create index contact_points_value_norm_idx
            on crm.contact_points (agency_id, value_norm, kind);
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop index crm.contact_points_value_norm_idx;

        create index contact_points_value_norm_idx
            on crm.contact_points (agency_id, kind, value_norm);

        drop index crm.conversations_unclosed_idx;

        create index conversations_status_idx
            on crm.conversations (agency_id, status, last_message_at desc, id)
            where deleted_at is null;
        """
    )
