-- What one row of contact_companies needs.
create or replace trigger forbid_agency_change
before update on crm.contact_companies
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger forbid_hidden_links
after insert or update of company_id on crm.contact_companies
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links('company_id', 'crm.companies');

create or replace trigger stamp
before insert or update on crm.contact_companies
for each row
execute function app.stamp_row();

create or replace trigger audit_delete
after delete on crm.contact_companies
referencing old table as old_rows
for each statement
execute function audit.record_crm_contact_companies();

create or replace trigger audit_insert
after insert on crm.contact_companies
referencing new table as new_rows
for each statement
execute function audit.record_crm_contact_companies();

create or replace trigger audit_truncate
before truncate on crm.contact_companies
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.contact_companies
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_contact_companies();
