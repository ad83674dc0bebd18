"""Tell what happens to crm.companies

Reason:    each changed row of crm.companies leaves an event in the outbox, in the same
           transaction.
Locks:     ShareRowExclusive on crm.companies, then AccessExclusive on the way back.
Duration:  milliseconds.
Way back:  drops the triggers; events that are there stay.
"""

from migrations.runner.execute import execute

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create or replace trigger event_delete
        after delete on crm.companies
        referencing old table as old_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_insert
        after insert on crm.companies
        referencing new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_update
        after update on crm.companies
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop trigger event_update on crm.companies;
        """
    )
    execute(
        r"""
        drop trigger event_insert on crm.companies;
        """
    )
    execute(
        r"""
        drop trigger event_delete on crm.companies;
        """
    )
