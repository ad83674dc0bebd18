-- What one row of contacts needs; its addresses are deleted and restored with it.
create or replace trigger check_custom
before insert on crm.contacts
for each row
execute function app.check_custom('contact');

create or replace trigger check_custom_update
before update on crm.contacts
for each row
when (
    old.custom is distinct from new.custom
    and new.anonymised_at is null
)
execute function app.check_custom('contact');

create or replace trigger check_lookups
before insert or update of
    lifecycle_id,
    source_id
on crm.contacts
for each row
when (
    new.lifecycle_id is not null
    or new.source_id is not null
)
execute function app.check_lookups('lifecycle_id', 'lifecycle_stage', 'source_id', 'source');

create or replace trigger default_owner
before insert on crm.contacts
for each row
when (
    new.owner_id is null
)
execute function app.default_owner();

create or replace trigger default_team
before insert on crm.contacts
for each row
when (
    new.team_id is null
)
execute function app.default_team();

create or replace trigger delete_points
after update on crm.contacts
for each row
when (
    (old.deleted_at is null) <> (new.deleted_at is null)
)
execute function app.delete_points();

create or replace trigger forbid_agency_change
before update on crm.contacts
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
    lifecycle_id,
    source_id,
    team_id
on crm.contacts
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links(
    'lifecycle_id', 'crm.lookup_values',
    'source_id', 'crm.lookup_values',
    'team_id', 'tenancy.teams'
);

create or replace trigger guard_agent
before update on crm.contacts
for each row
execute function app.guard_agent();

create or replace trigger guard_anonymised
before update on crm.contacts
for each row
when (
    old.anonymised_at is not null
)
execute function app.guard_anonymised();

create or replace trigger stamp
before insert or update on crm.contacts
for each row
execute function app.stamp_row();

create or replace trigger stamp_deletion
before update on crm.contacts
for each row
when (
    (old.deleted_at is null) <> (new.deleted_at is null)
    or old.deleted_at <> new.deleted_at
    or old.deleted_by is distinct from new.deleted_by
)
execute function app.stamp_deletion();

create or replace trigger audit_delete
after delete on crm.contacts
referencing old table as old_rows
for each statement
execute function audit.record_crm_contacts();

create or replace trigger audit_insert
after insert on crm.contacts
referencing new table as new_rows
for each statement
execute function audit.record_crm_contacts();

create or replace trigger audit_truncate
before truncate on crm.contacts
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.contacts
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_contacts();

create or replace trigger event_delete
after delete on crm.contacts
referencing old table as old_rows
for each statement
execute function app.note_event();

create or replace trigger event_insert
after insert on crm.contacts
referencing new table as new_rows
for each statement
execute function app.note_event();

create or replace trigger event_update
after update on crm.contacts
referencing old table as old_rows new table as new_rows
for each statement
execute function app.note_event();

create or replace trigger spread_access
after update on crm.contacts
referencing old table as old_rows new table as new_rows
for each statement
execute function app.spread_source();
