-- What one row of record_tags needs.
create or replace trigger forbid_agency_change
before update on crm.record_tags
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger forbid_hidden_links
after insert or update of
    tag_id,
    contact_id,
    company_id,
    deal_id
on crm.record_tags
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links(
    'tag_id', 'crm.tags',
    'contact_id', 'crm.contacts',
    'company_id', 'crm.companies',
    'deal_id', 'crm.deals'
);

create or replace trigger stamp
before insert on crm.record_tags
for each row
execute function app.stamp_link();

create or replace trigger audit_delete
after delete on crm.record_tags
referencing old table as old_rows
for each statement
execute function audit.record_crm_record_tags();

create or replace trigger audit_insert
after insert on crm.record_tags
referencing new table as new_rows
for each statement
execute function audit.record_crm_record_tags();

create or replace trigger audit_truncate
before truncate on crm.record_tags
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.record_tags
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_record_tags();
