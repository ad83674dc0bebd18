-- What one row of agencies needs. The agency_id of everybody is its id, so that is what never changes.
create or replace trigger check_timezone
before insert or update of timezone on tenancy.agencies
for each row
execute function app.check_timezone();

create or replace trigger forbid_agency_change
before update on tenancy.agencies
for each row
when (
    old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
)
execute function app.forbid_agency_change();

create or replace trigger guard_model
after insert or update of embedding_model_id on tenancy.agencies
for each row
execute function app.guard_agency_model();

create or replace trigger make_tiers
after insert on tenancy.agencies
referencing new table as new_rows
for each statement
execute function app.make_tiers();

create or replace trigger stamp
before insert or update on tenancy.agencies
for each row
execute function app.stamp_global();

create or replace trigger stamp_deletion
before update on tenancy.agencies
for each row
when (
    (old.deleted_at is null) <> (new.deleted_at is null)
    or old.deleted_at <> new.deleted_at
    or old.deleted_by is distinct from new.deleted_by
)
execute function app.stamp_deletion();

create or replace trigger audit_delete
after delete on tenancy.agencies
referencing old table as old_rows
for each statement
execute function audit.record_tenancy_agencies();

create or replace trigger audit_insert
after insert on tenancy.agencies
referencing new table as new_rows
for each statement
execute function audit.record_tenancy_agencies();

create or replace trigger audit_truncate
before truncate on tenancy.agencies
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on tenancy.agencies
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_tenancy_agencies();
