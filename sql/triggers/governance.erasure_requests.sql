-- What one row of erasure_requests needs.
create or replace trigger forbid_agency_change
before update on governance.erasure_requests
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger guard
before insert or update on governance.erasure_requests
for each row
execute function app.guard_erasure();

create or replace trigger stamp
before insert or update on governance.erasure_requests
for each row
execute function app.stamp_row();

create or replace trigger audit_delete
after delete on governance.erasure_requests
referencing old table as old_rows
for each statement
execute function audit.record_governance_erasure_requests();

create or replace trigger audit_insert
after insert on governance.erasure_requests
referencing new table as new_rows
for each statement
execute function audit.record_governance_erasure_requests();

create or replace trigger audit_truncate
before truncate on governance.erasure_requests
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on governance.erasure_requests
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_governance_erasure_requests();
