-- What one row of api_keys needs, and no escalation through a key that is out. last_used_at is written
-- often and is no change: it raises no version.
create or replace trigger forbid_agency_change
before update on tenancy.api_keys
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger guard
before update on tenancy.api_keys
for each row
execute function app.guard_api_key();

create or replace trigger stamp
before insert or update of
    agency_id,
    id,
    name,
    prefix,
    scopes,
    acts_as_id,
    expires_at,
    revoked_at,
    created_at,
    created_by,
    updated_at,
    updated_by,
    row_version
on tenancy.api_keys
for each row
execute function app.stamp_row();

create or replace trigger audit_delete
after delete on tenancy.api_keys
referencing old table as old_rows
for each statement
execute function audit.record_tenancy_api_keys();

create or replace trigger audit_insert
after insert on tenancy.api_keys
referencing new table as new_rows
for each statement
execute function audit.record_tenancy_api_keys();

create or replace trigger audit_truncate
before truncate on tenancy.api_keys
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on tenancy.api_keys
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_tenancy_api_keys();
