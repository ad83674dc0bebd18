-- What one row of import_jobs needs.
create or replace trigger default_owner
before insert on integration.import_jobs
for each row
when (
    new.owner_id is null
)
execute function app.default_owner();

create or replace trigger default_team
before insert on integration.import_jobs
for each row
when (
    new.team_id is null
)
execute function app.default_team();

create or replace trigger forbid_agency_change
before update on integration.import_jobs
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger forbid_hidden_links
after insert or update of file_id on integration.import_jobs
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links('file_id', 'crm.files');

create or replace trigger guard_import
before insert or update of
    entity,
    mapping,
    dedupe,
    owner_id,
    file_id,
    status
on integration.import_jobs
for each row
execute function app.guard_import();

create or replace trigger stamp
before insert or update of
    agency_id,
    id,
    entity,
    file_id,
    mapping,
    dedupe,
    status,
    owner_id,
    team_id,
    started_at,
    finished_at,
    reverted_at,
    revert_until,
    created_at,
    created_by,
    updated_at,
    updated_by,
    row_version
on integration.import_jobs
for each row
execute function app.stamp_row();

create or replace trigger audit_delete
after delete on integration.import_jobs
referencing old table as old_rows
for each statement
execute function audit.record_integration_import_jobs();

create or replace trigger audit_insert
after insert on integration.import_jobs
referencing new table as new_rows
for each statement
execute function audit.record_integration_import_jobs();

create or replace trigger audit_truncate
before truncate on integration.import_jobs
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on integration.import_jobs
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_integration_import_jobs();
