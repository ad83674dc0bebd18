-- What one row of merge_records needs.
create or replace trigger forbid_agency_change
before update on crm.merge_records
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger keep_definition
before update on crm.merge_records
for each row
when (
    old.entity is distinct from new.entity
    or old.winner_contact_id is distinct from new.winner_contact_id
    or old.loser_contact_id is distinct from new.loser_contact_id
    or old.winner_company_id is distinct from new.winner_company_id
    or old.loser_company_id is distinct from new.loser_company_id
    -- erasure takes people out of them
    or (
        (old.snapshot, old.moved) is distinct from (new.snapshot, new.moved)
        and current_user <> 'gardenos_eraser'
    )
    or old.merged_by_id is distinct from new.merged_by_id
    or old.undo_until is distinct from new.undo_until
)
execute function app.forbid_redefinition(
    'entity',
    'winner_contact_id',
    'loser_contact_id',
    'winner_company_id',
    'loser_company_id',
    'snapshot',
    'moved',
    'merged_by_id',
    'undo_until'
);

create or replace trigger stamp
before insert on crm.merge_records
for each row
execute function app.stamp_link();

create or replace trigger audit_delete
after delete on crm.merge_records
referencing old table as old_rows
for each statement
execute function audit.record_crm_merge_records();

create or replace trigger audit_insert
after insert on crm.merge_records
referencing new table as new_rows
for each statement
execute function audit.record_crm_merge_records();

create or replace trigger audit_truncate
before truncate on crm.merge_records
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.merge_records
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_merge_records();
