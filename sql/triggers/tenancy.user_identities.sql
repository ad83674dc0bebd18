-- What one row of user_identities needs. last_used_at is written often and is no change: it raises no
-- version.
create or replace trigger forbid_agency_change
before update on tenancy.user_identities
for each row
when (
    old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
)
execute function app.forbid_agency_change();

create or replace trigger stamp
before insert or update of
    id,
    user_id,
    issuer,
    subject,
    provider,
    created_at,
    updated_at,
    row_version
on tenancy.user_identities
for each row
execute function app.stamp_global();

create or replace trigger audit_delete
after delete on tenancy.user_identities
referencing old table as old_rows
for each statement
execute function audit.record_tenancy_user_identities();

create or replace trigger audit_insert
after insert on tenancy.user_identities
referencing new table as new_rows
for each statement
execute function audit.record_tenancy_user_identities();

create or replace trigger audit_truncate
before truncate on tenancy.user_identities
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on tenancy.user_identities
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_tenancy_user_identities();
