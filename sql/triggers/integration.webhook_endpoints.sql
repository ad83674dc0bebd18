-- What one row of webhook_endpoints needs.
create or replace trigger forbid_agency_change
before update on integration.webhook_endpoints
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger stamp
before insert or update on integration.webhook_endpoints
for each row
execute function app.stamp_row();

create or replace trigger stamp_deletion
before update on integration.webhook_endpoints
for each row
when (
    (old.deleted_at is null) <> (new.deleted_at is null)
    or old.deleted_at <> new.deleted_at
    or old.deleted_by is distinct from new.deleted_by
)
execute function app.stamp_deletion();

create or replace trigger audit_delete
after delete on integration.webhook_endpoints
referencing old table as old_rows
for each statement
execute function audit.record_integration_webhook_endpoints();

create or replace trigger audit_insert
after insert on integration.webhook_endpoints
referencing new table as new_rows
for each statement
execute function audit.record_integration_webhook_endpoints();

create or replace trigger audit_truncate
before truncate on integration.webhook_endpoints
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on integration.webhook_endpoints
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_integration_webhook_endpoints();
