-- Hashes are only ever added.
create or replace trigger forbid_change
before update or delete on governance.suppressions
for each row
execute function app.forbid_change();

create or replace trigger audit_delete
after delete on governance.suppressions
referencing old table as old_rows
for each statement
execute function audit.record_governance_suppressions();

create or replace trigger audit_insert
after insert on governance.suppressions
referencing new table as new_rows
for each statement
execute function audit.record_governance_suppressions();

create or replace trigger audit_truncate
before truncate on governance.suppressions
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on governance.suppressions
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_governance_suppressions();
