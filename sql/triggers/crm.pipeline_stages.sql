-- What one row of pipeline_stages needs.
create or replace trigger forbid_agency_change
before update on crm.pipeline_stages
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger forbid_hidden_links
after insert or update of pipeline_id on crm.pipeline_stages
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links('pipeline_id', 'crm.pipelines');

create or replace trigger forbid_removal
before delete on crm.pipeline_stages
for each row
execute function app.forbid_removal();

create or replace trigger guard
before update on crm.pipeline_stages
for each row
when (
    old.pipeline_id <> new.pipeline_id
    or old.outcome <> new.outcome
)
execute function app.guard_stage();

create or replace trigger stamp
before insert or update on crm.pipeline_stages
for each row
execute function app.stamp_row();

create or replace trigger audit_delete
after delete on crm.pipeline_stages
referencing old table as old_rows
for each statement
execute function audit.record_crm_pipeline_stages();

create or replace trigger audit_insert
after insert on crm.pipeline_stages
referencing new table as new_rows
for each statement
execute function audit.record_crm_pipeline_stages();

create or replace trigger audit_truncate
before truncate on crm.pipeline_stages
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.pipeline_stages
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_pipeline_stages();
