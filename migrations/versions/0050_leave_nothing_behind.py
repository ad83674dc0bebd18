"""Refuse to remove a member who would leave records behind

Reason:    records of somebody who left are seen by few and worked on by nobody.
Locks:     ShareRowExclusive on tenancy.memberships, to create the trigger.
Duration:  milliseconds; members who were removed before are not looked at.
Way back:  drops the trigger: members can be removed with their records again.
"""

from migrations.runner.execute import execute

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create constraint trigger check_hand_over
        after update on tenancy.memberships
        deferrable initially deferred
        for each row
        when (old.status <> 'removed' and new.status = 'removed')
        execute function app.check_hand_over();
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop trigger check_hand_over on tenancy.memberships;
        """
    )
