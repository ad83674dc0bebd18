-- What one row of custom_field_defs needs.
create or replace trigger check_options
before insert or update of options on crm.custom_field_defs
for each row
execute function app.check_field_options();

create or replace trigger forbid_agency_change
before update on crm.custom_field_defs
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger forbid_removal
before delete on crm.custom_field_defs
for each row
execute function app.forbid_removal();

create or replace trigger keep_definition
before update on crm.custom_field_defs
for each row
when (
    old.entity is distinct from new.entity
    or old.key is distinct from new.key
    or old.data_type is distinct from new.data_type
)
execute function app.forbid_redefinition('entity', 'key', 'data_type');

create or replace trigger stamp
before insert or update on crm.custom_field_defs
for each row
execute function app.stamp_row();

create or replace trigger audit_delete
after delete on crm.custom_field_defs
referencing old table as old_rows
for each statement
execute function audit.record_crm_custom_field_defs();

create or replace trigger audit_insert
after insert on crm.custom_field_defs
referencing new table as new_rows
for each statement
execute function audit.record_crm_custom_field_defs();

create or replace trigger audit_truncate
before truncate on crm.custom_field_defs
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.custom_field_defs
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_custom_field_defs();
