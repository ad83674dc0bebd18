"""Tell what happens

Reason:    each changed row of nine tables of crm leaves an event in the outbox, in the same
           transaction.
Locks:     ShareRowExclusive on nine tables of crm, which are new and empty, AccessExclusive on the
           way back; tables in use would get a revision each.
Duration:  milliseconds.
Way back:  drops the triggers; events that are there stay.
"""

from migrations.runner.execute import execute

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create or replace trigger event_delete
        after delete on crm.activities
        referencing old table as old_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_insert
        after insert on crm.activities
        referencing new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_update
        after update on crm.activities
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
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
    execute(
        r"""
        create or replace trigger event_delete
        after delete on crm.contacts
        referencing old table as old_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_insert
        after insert on crm.contacts
        referencing new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_update
        after update on crm.contacts
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
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
    execute(
        r"""
        create or replace trigger event_delete
        after delete on crm.deals
        referencing old table as old_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_insert
        after insert on crm.deals
        referencing new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_update
        after update on crm.deals
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_delete
        after delete on crm.files
        referencing old table as old_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_insert
        after insert on crm.files
        referencing new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_update
        after update on crm.files
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_delete
        after delete on crm.messages
        referencing old table as old_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_insert
        after insert on crm.messages
        referencing new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )
    execute(
        r"""
        create or replace trigger event_update
        after update on crm.messages
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function app.note_event();
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop trigger event_update on crm.messages;
        """
    )
    execute(
        r"""
        drop trigger event_insert on crm.messages;
        """
    )
    execute(
        r"""
        drop trigger event_delete on crm.messages;
        """
    )
    execute(
        r"""
        drop trigger event_update on crm.files;
        """
    )
    execute(
        r"""
        drop trigger event_insert on crm.files;
        """
    )
    execute(
        r"""
        drop trigger event_delete on crm.files;
        """
    )
    execute(
        r"""
        drop trigger event_update on crm.deals;
        """
    )
    execute(
        r"""
        drop trigger event_insert on crm.deals;
        """
    )
    execute(
        r"""
        drop trigger event_delete on crm.deals;
        """
    )
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
    execute(
        r"""
        drop trigger event_update on crm.contacts;
        """
    )
    execute(
        r"""
        drop trigger event_insert on crm.contacts;
        """
    )
    execute(
        r"""
        drop trigger event_delete on crm.contacts;
        """
    )
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
    execute(
        r"""
        drop trigger event_update on crm.activities;
        """
    )
    execute(
        r"""
        drop trigger event_insert on crm.activities;
        """
    )
    execute(
        r"""
        drop trigger event_delete on crm.activities;
        """
    )
