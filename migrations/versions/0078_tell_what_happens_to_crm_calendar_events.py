"""Tell what happens to crm.calendar_events

Reason:    each changed row of crm.calendar_events leaves an event in the outbox, in the same
           transaction.
Locks:     ShareRowExclusive on crm.calendar_events, then AccessExclusive on the way back.
Duration:  milliseconds.
Way back:  drops the triggers; events that are there stay.
"""

from migrations.runner.execute import execute

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create or replace trigger event_delete
        after delete on crm.calendar_events
        referencing old table as old_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_insert
        after insert on crm.calendar_events
        referencing new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_update
        after update on crm.calendar_events
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop trigger event_update on crm.calendar_events;
        """
    )
    execute(
        r"""
        drop trigger event_insert on crm.calendar_events;
        """
    )
    execute(
        r"""
        drop trigger event_delete on crm.calendar_events;
        """
    )
