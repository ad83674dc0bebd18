"""Open migration.epochs to the publisher

Reason:    the functions of the outbox and of webhooks, which gardenos_publisher owns, reach
           migration.epochs.
Locks:     AccessExclusive on migration.epochs, for an instant.
Duration:  milliseconds.
Way back:  takes it back: no event is written, and no webhook made.
"""

from migrations.runner.execute import execute

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select on table migration.epochs to gardenos_publisher;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        revoke select on table migration.epochs from gardenos_publisher cascade;
        """
    )
