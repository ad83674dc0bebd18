-- What one row of deal_line_items needs; the deal is worth their sum.
create or replace trigger forbid_agency_change
before update on crm.deal_line_items
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger forbid_hidden_links
after insert or update of product_id on crm.deal_line_items
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links('product_id', 'crm.products');

create or replace trigger keep_definition
before update on crm.deal_line_items
for each row
when (
    old.deal_id is distinct from new.deal_id
)
execute function app.forbid_redefinition('deal_id');

create or replace trigger stamp
before insert or update on crm.deal_line_items
for each row
execute function app.stamp_row();

create or replace trigger total_delete
after delete on crm.deal_line_items
referencing old table as changed_rows
for each statement
execute function app.total_deals();

create or replace trigger total_insert
after insert on crm.deal_line_items
referencing new table as changed_rows
for each statement
execute function app.total_deals();

create or replace trigger total_update
after update on crm.deal_line_items
referencing new table as changed_rows
for each statement
execute function app.total_deals();

create or replace trigger audit_delete
after delete on crm.deal_line_items
referencing old table as old_rows
for each statement
execute function audit.record_crm_deal_line_items();

create or replace trigger audit_insert
after insert on crm.deal_line_items
referencing new table as new_rows
for each statement
execute function audit.record_crm_deal_line_items();

create or replace trigger audit_truncate
before truncate on crm.deal_line_items
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.deal_line_items
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_deal_line_items();
