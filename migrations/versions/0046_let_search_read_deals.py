"""Let the search read crm.deals

Reason:    the functions that find by words run as gardenos_search, which had no right here.
Locks:     AccessExclusive on crm.deals, for the policy.
Duration:  milliseconds.
Way back:  takes the policy and the grant away: the search finds nothing here.
"""

from migrations.runner.execute import execute

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select on table crm.deals to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on crm.deals
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
        drop policy "search finds by words" on crm.deals;
        """
    )
    execute(
        r"""
        revoke select on table crm.deals from gardenos_search cascade;
        """
    )
