"""Let merges move the logins and invitations of clients

Reason:    a client who has a login is still that person after a merge, and an invitation that is
           out leads to the contact that is left.
Locks:     AccessExclusive on tenancy.memberships and tenancy.invitations: every request waits for
           it.
Duration:  milliseconds.
Way back:  takes the policies and the grants away.
"""

from migrations.runner.execute import execute

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
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

        grant select on table tenancy.memberships to gardenos_merger;

        grant update (
            contact_id
        ) on table tenancy.memberships to gardenos_merger;
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

        grant select on table tenancy.invitations to gardenos_merger;

        grant update (
            contact_id
        ) on table tenancy.invitations to gardenos_merger;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "merges move what hangs on a record" on tenancy.invitations;

        revoke update (
            contact_id
        ) on table tenancy.invitations from gardenos_merger;

        revoke select on table tenancy.invitations from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on tenancy.memberships;

        revoke update (
            contact_id
        ) on table tenancy.memberships from gardenos_merger;

        revoke select on table tenancy.memberships from gardenos_merger;
        """
    )
