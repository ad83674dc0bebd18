-- What a trusted issuer is, is recorded.
create or replace trigger audit_delete
after delete on tenancy.issuers
referencing old table as old_rows
for each statement
execute function audit.record_tenancy_issuers();

create or replace trigger audit_insert
after insert on tenancy.issuers
referencing new table as new_rows
for each statement
execute function audit.record_tenancy_issuers();

create or replace trigger audit_truncate
before truncate on tenancy.issuers
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on tenancy.issuers
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_tenancy_issuers();
