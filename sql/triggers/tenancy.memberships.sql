-- What one row of memberships needs; no escalation; at least one active owner; and never a delete. A
-- constraint trigger knows no OR REPLACE. A revision that changes it drops and creates it in one
-- transaction, which keeps the lock on the table: no write passes between the two.
drop trigger if exists check_last_owner on tenancy.memberships;

create constraint trigger check_last_owner
after update or delete on tenancy.memberships
deferrable initially deferred
for each row
when (old.role = 'owner' and old.status = 'active')
execute function app.check_last_owner();

drop trigger if exists check_hand_over on tenancy.memberships;

create constraint trigger check_hand_over
after update on tenancy.memberships
deferrable initially deferred
for each row
when (old.status <> 'removed' and new.status = 'removed')
execute function app.check_hand_over();

create or replace trigger forbid_agency_change
before update on tenancy.memberships
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger forbid_delete
before delete on tenancy.memberships
for each row
execute function app.forbid_delete();

create or replace trigger guard
before insert or update on tenancy.memberships
for each row
execute function app.guard_membership();

create or replace trigger guard_insert
after insert on tenancy.memberships
for each row
execute function app.guard_membership();

create or replace trigger stamp
before insert or update on tenancy.memberships
for each row
execute function app.stamp_row();

create or replace trigger audit_delete
after delete on tenancy.memberships
referencing old table as old_rows
for each statement
execute function audit.record_tenancy_memberships();

create or replace trigger audit_insert
after insert on tenancy.memberships
referencing new table as new_rows
for each statement
execute function audit.record_tenancy_memberships();

create or replace trigger audit_truncate
before truncate on tenancy.memberships
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on tenancy.memberships
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_tenancy_memberships();
