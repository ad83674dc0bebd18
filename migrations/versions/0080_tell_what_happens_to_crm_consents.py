"""Tell what happens to crm.consents

Reason:    each changed row of crm.consents leaves an event in the outbox, in the same
           transaction.
Locks:     ShareRowExclusive on crm.consents, then AccessExclusive on the way back.
Duration:  milliseconds.
Way back:  drops the triggers; events that are there stay.
"""

from migrations.runner.execute import execute

revision = "0080"
down_revision = "0079"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create or replace trigger event_delete
        after delete on crm.consents
        referencing old table as old_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_insert
        after insert on crm.consents
        referencing new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_update
        after update on crm.consents
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop trigger event_update on crm.consents;
        """
    )
    execute(
        r"""
        drop trigger event_insert on crm.consents;
        """
    )
    execute(
        r"""
        drop trigger event_delete on crm.consents;
        """
    )
