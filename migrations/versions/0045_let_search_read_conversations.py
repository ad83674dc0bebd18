"""Let the search read crm.conversations

Reason:    the functions that find by words run as gardenos_search, which had no right here.
Locks:     AccessExclusive on crm.conversations, for the policy.
Duration:  milliseconds.
Way back:  takes the policy and the grant away: the search finds nothing here.
"""

from migrations.runner.execute import execute

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select on table crm.conversations to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on crm.conversations
        as permissive
        for select
        to gardenos_search
        using (
            true
        );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "search finds by words" on crm.conversations;
        """
    )
    execute(
        r"""
        revoke select on table crm.conversations from gardenos_search cascade;
        """
    )
