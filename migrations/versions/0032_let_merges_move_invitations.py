"""Let merges move the invitations of clients

Reason:    an invitation that is out leads to the contact that is left after a merge.
Locks:     AccessExclusive on tenancy.invitations.
Duration:  milliseconds.
Way back:  takes the policy and the grants away.
"""

from migrations.runner.execute import execute

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select on table tenancy.invitations to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on tenancy.invitations
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
        drop policy "merges move what hangs on a record" on tenancy.invitations;
        """
    )
    execute(
        r"""
        revoke select on table tenancy.invitations from gardenos_merger cascade;
        """
    )
