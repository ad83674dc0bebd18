-- What one row of retention_policies needs.
create or replace trigger check_retention
before insert or update of entity, action on governance.retention_policies
for each row
execute function app.check_retention();

create or replace trigger forbid_agency_change
before update on governance.retention_policies
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger stamp
before insert or update on governance.retention_policies
for each row
execute function app.stamp_row();

create or replace trigger audit_delete
after delete on governance.retention_policies
referencing old table as old_rows
for each statement
execute function audit.record_governance_retention_policies();

create or replace trigger audit_insert
after insert on governance.retention_policies
referencing new table as new_rows
for each statement
execute function audit.record_governance_retention_policies();

create or replace trigger audit_truncate
before truncate on governance.retention_policies
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on governance.retention_policies
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_governance_retention_policies();
