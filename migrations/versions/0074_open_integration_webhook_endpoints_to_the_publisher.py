"""Open integration.webhook_endpoints to the publisher

Reason:    the functions of the outbox and of webhooks, which gardenos_publisher owns, reach
           integration.webhook_endpoints.
Locks:     AccessExclusive on integration.webhook_endpoints, for an instant.
Duration:  milliseconds.
Way back:  takes it back: no event is written, and no webhook made.
"""

from migrations.runner.execute import execute

revision = "0074"
down_revision = "0073"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select, insert on table integration.webhook_endpoints to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "webhook functions add"
        on integration.webhook_endpoints
        as permissive
        for insert
        to gardenos_publisher
        with check (
            true
        );
        """
    )
    execute(
        r"""
        create policy "webhook functions read"
        on integration.webhook_endpoints
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
        drop policy "webhook functions read" on integration.webhook_endpoints;
        """
    )
    execute(
        r"""
        drop policy "webhook functions add" on integration.webhook_endpoints;
        """
    )
    execute(
        r"""
        revoke select, insert on table integration.webhook_endpoints from gardenos_publisher cascade;
        """
    )
