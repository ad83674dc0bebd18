"""Tell what happens to crm.conversations

Reason:    each changed row of crm.conversations leaves an event in the outbox, in the same
           transaction.
Locks:     ShareRowExclusive on crm.conversations, then AccessExclusive on the way back.
Duration:  milliseconds.
Way back:  drops the triggers; events that are there stay.
"""

from migrations.runner.execute import execute

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create or replace trigger event_delete
        after delete on crm.conversations
        referencing old table as old_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_insert
        after insert on crm.conversations
        referencing new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_update
        after update on crm.conversations
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop trigger event_update on crm.conversations;
        """
    )
    execute(
        r"""
        drop trigger event_insert on crm.conversations;
        """
    )
    execute(
        r"""
        drop trigger event_delete on crm.conversations;
        """
    )
