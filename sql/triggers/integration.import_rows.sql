-- What one row of import_rows needs.
create or replace trigger forbid_agency_change
before update on integration.import_rows
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger keep_definition
before update on integration.import_rows
for each row
when (
    old.job_id is distinct from new.job_id
    or old.row_no is distinct from new.row_no
)
execute function app.forbid_redefinition('job_id', 'row_no');

create or replace trigger stamp
before insert on integration.import_rows
for each row
execute function app.stamp_link();

create or replace trigger audit_delete
after delete on integration.import_rows
referencing old table as old_rows
for each statement
execute function audit.record_integration_import_rows();

create or replace trigger audit_insert
after insert on integration.import_rows
referencing new table as new_rows
for each statement
execute function audit.record_integration_import_rows();

create or replace trigger audit_truncate
before truncate on integration.import_rows
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on integration.import_rows
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_integration_import_rows();
