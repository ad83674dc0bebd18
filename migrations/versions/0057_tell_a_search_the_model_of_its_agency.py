"""Tell a search the model of its agency

Reason:    app.search_model reads which model the texts of an agency are embedded with, for keys that may
           not read the agency.
Locks:     AccessExclusive on tenancy.agencies.
Duration:  milliseconds, whatever the size.
Way back:  drops the policy and the grant; a search by vectors fails then.
"""

from migrations.runner.execute import execute

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select on table tenancy.agencies to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search reads the model of an agency"
        on tenancy.agencies
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
        drop policy "search reads the model of an agency" on tenancy.agencies;
        """
    )
    execute(
        r"""
        revoke select on table tenancy.agencies from gardenos_search cascade;
        """
    )
