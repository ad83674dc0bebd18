-- What one row of invitations needs, and no escalation through an open one.
create or replace trigger forbid_agency_change
before update on tenancy.invitations
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger guard
before update on tenancy.invitations
for each row
execute function app.guard_invitation();

create or replace trigger stamp
before insert or update on tenancy.invitations
for each row
execute function app.stamp_row();

create or replace trigger audit_delete
after delete on tenancy.invitations
referencing old table as old_rows
for each statement
execute function audit.record_tenancy_invitations();

create or replace trigger audit_insert
after insert on tenancy.invitations
referencing new table as new_rows
for each statement
execute function audit.record_tenancy_invitations();

create or replace trigger audit_truncate
before truncate on tenancy.invitations
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on tenancy.invitations
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_tenancy_invitations();
