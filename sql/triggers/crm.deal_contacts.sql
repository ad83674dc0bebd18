-- What one row of deal_contacts needs.
create or replace trigger forbid_agency_change
before update on crm.deal_contacts
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger forbid_hidden_links
after insert or update of contact_id on crm.deal_contacts
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links('contact_id', 'crm.contacts');

create or replace trigger stamp
before insert or update on crm.deal_contacts
for each row
execute function app.stamp_row();

create or replace trigger audit_delete
after delete on crm.deal_contacts
referencing old table as old_rows
for each statement
execute function audit.record_crm_deal_contacts();

create or replace trigger audit_insert
after insert on crm.deal_contacts
referencing new table as new_rows
for each statement
execute function audit.record_crm_deal_contacts();

create or replace trigger audit_truncate
before truncate on crm.deal_contacts
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.deal_contacts
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_deal_contacts();
