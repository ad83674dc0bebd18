"""Let merges move the logins of clients

Reason:    a client who has a login is still that person after a merge.
Locks:     AccessExclusive on tenancy.memberships: every request waits for it.
Duration:  milliseconds.
Way back:  takes the policy and the grants away.
"""

from migrations.runner.execute import execute

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select on table tenancy.memberships to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on tenancy.memberships
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "merges move what hangs on a record" on tenancy.memberships;
        """
    )
    execute(
        r"""
        revoke select on table tenancy.memberships from gardenos_merger cascade;
        """
    )
