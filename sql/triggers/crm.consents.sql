-- Consent is only ever added; erasure empties the evidence.
create or replace trigger forbid_change
before update or delete on crm.consents
for each row
execute function app.forbid_change('evidence');

create or replace trigger guard
before insert on crm.consents
for each row
execute function app.guard_consent();

create or replace trigger stamp
before insert on crm.consents
for each row
execute function app.stamp_link();

create or replace trigger audit_delete
after delete on crm.consents
referencing old table as old_rows
for each statement
execute function audit.record_crm_consents();

create or replace trigger audit_insert
after insert on crm.consents
referencing new table as new_rows
for each statement
execute function audit.record_crm_consents();

create or replace trigger audit_truncate
before truncate on crm.consents
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.consents
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_consents();

create or replace trigger event_delete
after delete on crm.consents
referencing old table as old_rows
for each statement
execute function app.note_event();

create or replace trigger event_insert
after insert on crm.consents
referencing new table as new_rows
for each statement
execute function app.note_event();

create or replace trigger event_update
after update on crm.consents
referencing old table as old_rows new table as new_rows
for each statement
execute function app.note_event();
