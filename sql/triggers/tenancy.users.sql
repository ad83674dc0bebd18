-- What one row of users needs, and the other half of the last-owner rule: an agency loses its owner, too,
-- when that person is disabled.
create or replace trigger check_active_agency
before insert or update of active_agency_id on tenancy.users
for each row
when (
    new.active_agency_id is not null
)
execute function app.check_active_agency();

-- A constraint trigger knows no OR REPLACE. A revision that changes it drops and creates it in one
-- transaction, which keeps the lock on the table: no write passes between the two.
drop trigger if exists check_last_owner on tenancy.users;

create constraint trigger check_last_owner
after update on tenancy.users
deferrable initially deferred
for each row
when (old.status = 'active' and new.status <> 'active')
execute function app.check_last_owner();

create or replace trigger check_timezone
before insert or update of timezone on tenancy.users
for each row
execute function app.check_timezone();

create or replace trigger forbid_agency_change
before update on tenancy.users
for each row
when (
    old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
)
execute function app.forbid_agency_change();

create or replace trigger stamp
before insert or update on tenancy.users
for each row
execute function app.stamp_global();

create or replace trigger audit_delete
after delete on tenancy.users
referencing old table as old_rows
for each statement
execute function audit.record_tenancy_users();

create or replace trigger audit_insert
after insert on tenancy.users
referencing new table as new_rows
for each statement
execute function audit.record_tenancy_users();

create or replace trigger audit_truncate
before truncate on tenancy.users
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on tenancy.users
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_tenancy_users();
