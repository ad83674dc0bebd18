"""Let the search read crm.activities

Reason:    the functions that find by words run as gardenos_search, which had no right here.
Locks:     AccessExclusive on crm.activities, for the policy.
Duration:  milliseconds.
Way back:  takes the policy and the grant away: the search finds nothing here.
"""

from migrations.runner.execute import execute

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select on table crm.activities to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on crm.activities
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
        drop policy "search finds by words" on crm.activities;
        """
    )
    execute(
        r"""
        revoke select on table crm.activities from gardenos_search cascade;
        """
    )
