"""Open integration.webhook_deliveries to the publisher

Reason:    the functions of the outbox and of webhooks, which gardenos_publisher owns, reach
           integration.webhook_deliveries.
Locks:     AccessExclusive on integration.webhook_deliveries, for an instant.
Duration:  milliseconds.
Way back:  takes it back: no event is written, and no webhook made.
"""

from migrations.runner.execute import execute

revision = "0073"
down_revision = "0072"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select on table integration.webhook_deliveries to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "the publisher looks for work"
        on integration.webhook_deliveries
        as permissive
        for select
        to gardenos_publisher
        using (
            true
        );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "the publisher looks for work" on integration.webhook_deliveries;
        """
    )
    execute(
        r"""
        revoke select on table integration.webhook_deliveries from gardenos_publisher cascade;
        """
    )
