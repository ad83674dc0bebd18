-- What one row of participants needs, and the list of members in the conversation or event.
create or replace trigger forbid_agency_change
before update on crm.participants
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger forbid_hidden_links
after insert or update of
    membership_id,
    contact_id
on crm.participants
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links(
    'membership_id', 'tenancy.memberships',
    'contact_id', 'crm.contacts'
);

create or replace trigger keep_definition
before update on crm.participants
for each row
when (
    old.conversation_id is distinct from new.conversation_id
    or old.calendar_event_id is distinct from new.calendar_event_id
)
execute function app.forbid_redefinition('conversation_id', 'calendar_event_id');

create or replace trigger note
after insert or delete or update of
    conversation_id,
    calendar_event_id,
    membership_id
on crm.participants
for each row
execute function app.note_participants();

create or replace trigger stamp
before insert on crm.participants
for each row
execute function app.stamp_link();

create or replace trigger audit_delete
after delete on crm.participants
referencing old table as old_rows
for each statement
execute function audit.record_crm_participants();

create or replace trigger audit_insert
after insert on crm.participants
referencing new table as new_rows
for each statement
execute function audit.record_crm_participants();

create or replace trigger audit_truncate
before truncate on crm.participants
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.participants
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_participants();
