-- What one row of invitation_secrets needs.
create or replace trigger forbid_agency_change
before update on tenancy.invitation_secrets
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
)
execute function app.forbid_agency_change();

create or replace trigger audit_delete
after delete on tenancy.invitation_secrets
referencing old table as old_rows
for each statement
execute function audit.record_tenancy_invitation_secrets();

create or replace trigger audit_insert
after insert on tenancy.invitation_secrets
referencing new table as new_rows
for each statement
execute function audit.record_tenancy_invitation_secrets();

create or replace trigger audit_truncate
before truncate on tenancy.invitation_secrets
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on tenancy.invitation_secrets
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_tenancy_invitation_secrets();
