"""Open integration.webhook_secrets to the publisher

Reason:    the functions of the outbox and of webhooks, which gardenos_publisher owns, reach
           integration.webhook_secrets.
Locks:     AccessExclusive on integration.webhook_secrets, for an instant.
Duration:  milliseconds.
Way back:  takes it back: no event is written, and no webhook made.
"""

from migrations.runner.execute import execute

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select, insert on table integration.webhook_secrets to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "webhook functions read and write"
        on integration.webhook_secrets
        as permissive
        for all
        to gardenos_publisher
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
        drop policy "webhook functions read and write" on integration.webhook_secrets;
        """
    )
    execute(
        r"""
        revoke select, insert on table integration.webhook_secrets from gardenos_publisher cascade;
        """
    )
