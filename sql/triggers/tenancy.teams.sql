-- What one row of teams needs, and the shape of the tree.
create or replace trigger check_team_tree
before insert or update of parent_team_id on tenancy.teams
for each row
when (
    new.parent_team_id is not null
)
execute function app.check_team_tree();

create or replace trigger forbid_agency_change
before update on tenancy.teams
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger forbid_hidden_links
after insert or update of parent_team_id on tenancy.teams
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links('parent_team_id', 'tenancy.teams');

create or replace trigger stamp
before insert or update on tenancy.teams
for each row
execute function app.stamp_row();

create or replace trigger stamp_deletion
before update on tenancy.teams
for each row
when (
    (old.deleted_at is null) <> (new.deleted_at is null)
    or old.deleted_at <> new.deleted_at
    or old.deleted_by is distinct from new.deleted_by
)
execute function app.stamp_deletion();

create or replace trigger audit_delete
after delete on tenancy.teams
referencing old table as old_rows
for each statement
execute function audit.record_tenancy_teams();

create or replace trigger audit_insert
after insert on tenancy.teams
referencing new table as new_rows
for each statement
execute function audit.record_tenancy_teams();

create or replace trigger audit_truncate
before truncate on tenancy.teams
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on tenancy.teams
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_tenancy_teams();
