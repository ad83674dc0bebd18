"""Open integration.outbox_events to the publisher

Reason:    the functions of the outbox and of webhooks, which gardenos_publisher owns, reach
           integration.outbox_events.
Locks:     AccessExclusive on integration.outbox_events, for an instant.
Duration:  milliseconds.
Way back:  takes it back: no event is written, and no webhook made.
"""

from migrations.runner.execute import execute

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select, insert on table integration.outbox_events to gardenos_publisher;
        """
    )
    execute(
        r"""
        create policy "the publisher looks for work"
        on integration.outbox_events
        as permissive
        for select
        to gardenos_publisher
        using (
            true
        );
        """
    )
    execute(
        r"""
        create policy "triggers add what happened"
        on integration.outbox_events
        as permissive
        for insert
        to gardenos_publisher
        with check (
            true
        );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "triggers add what happened" on integration.outbox_events;
        """
    )
    execute(
        r"""
        drop policy "the publisher looks for work" on integration.outbox_events;
        """
    )
    execute(
        r"""
        revoke select, insert on table integration.outbox_events from gardenos_publisher cascade;
        """
    )
