-- What one row of agency_tiers needs.
create or replace trigger forbid_agency_change
before update on ai.agency_tiers
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
)
execute function app.forbid_agency_change();

create or replace trigger audit_delete
after delete on ai.agency_tiers
referencing old table as old_rows
for each statement
execute function audit.record_ai_agency_tiers();

create or replace trigger audit_insert
after insert on ai.agency_tiers
referencing new table as new_rows
for each statement
execute function audit.record_ai_agency_tiers();

create or replace trigger audit_truncate
before truncate on ai.agency_tiers
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on ai.agency_tiers
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_ai_agency_tiers();
