"""Let the search read crm.companies

Reason:    the functions that find by words run as gardenos_search, which had no right here.
Locks:     AccessExclusive on crm.companies, for the policy.
Duration:  milliseconds.
Way back:  takes the policy and the grant away: the search finds nothing here.
"""

from migrations.runner.execute import execute

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select on table crm.companies to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on crm.companies
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
        drop policy "search finds by words" on crm.companies;
        """
    )
    execute(
        r"""
        revoke select on table crm.companies from gardenos_search cascade;
        """
    )
