-- What one row of team_members needs.
create or replace trigger forbid_agency_change
before update on tenancy.team_members
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger stamp
before insert on tenancy.team_members
for each row
execute function app.stamp_link();

create or replace trigger audit_delete
after delete on tenancy.team_members
referencing old table as old_rows
for each statement
execute function audit.record_tenancy_team_members();

create or replace trigger audit_insert
after insert on tenancy.team_members
referencing new table as new_rows
for each statement
execute function audit.record_tenancy_team_members();

create or replace trigger audit_truncate
before truncate on tenancy.team_members
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on tenancy.team_members
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_tenancy_team_members();
