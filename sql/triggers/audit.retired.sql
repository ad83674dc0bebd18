-- What leaves the trail is recorded in it.
create or replace trigger audit_delete
after delete on audit.retired
referencing old table as old_rows
for each statement
execute function audit.record_audit_retired();

create or replace trigger audit_insert
after insert on audit.retired
referencing new table as new_rows
for each statement
execute function audit.record_audit_retired();

create or replace trigger audit_truncate
before truncate on audit.retired
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on audit.retired
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_audit_retired();

create or replace trigger forbid_change
before update or delete on audit.retired
for each row
execute function audit.forbid_change();
