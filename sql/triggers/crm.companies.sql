-- What one row of companies needs.
create or replace trigger check_custom
before insert on crm.companies
for each row
execute function app.check_custom('company');

create or replace trigger check_custom_update
before update on crm.companies
for each row
when (
    old.custom is distinct from new.custom
)
execute function app.check_custom('company');

create or replace trigger check_lookups
before insert or update of industry_id on crm.companies
for each row
when (
    new.industry_id is not null
)
execute function app.check_lookups('industry_id', 'industry');

create or replace trigger default_owner
before insert on crm.companies
for each row
when (
    new.owner_id is null
)
execute function app.default_owner();

create or replace trigger default_team
before insert on crm.companies
for each row
when (
    new.team_id is null
)
execute function app.default_team();

create or replace trigger forbid_agency_change
before update on crm.companies
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
    industry_id,
    team_id
on crm.companies
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links(
    'industry_id', 'crm.lookup_values',
    'team_id', 'tenancy.teams'
);

create or replace trigger guard_agent
before update on crm.companies
for each row
execute function app.guard_agent();

create or replace trigger stamp
before insert or update on crm.companies
for each row
execute function app.stamp_row();

create or replace trigger stamp_deletion
before update on crm.companies
for each row
when (
    (old.deleted_at is null) <> (new.deleted_at is null)
    or old.deleted_at <> new.deleted_at
    or old.deleted_by is distinct from new.deleted_by
)
execute function app.stamp_deletion();

create or replace trigger audit_delete
after delete on crm.companies
referencing old table as old_rows
for each statement
execute function audit.record_crm_companies();

create or replace trigger audit_insert
after insert on crm.companies
referencing new table as new_rows
for each statement
execute function audit.record_crm_companies();

create or replace trigger audit_truncate
before truncate on crm.companies
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.companies
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_companies();

create or replace trigger event_delete
after delete on crm.companies
referencing old table as old_rows
for each statement
execute function app.note_event();

create or replace trigger event_insert
after insert on crm.companies
referencing new table as new_rows
for each statement
execute function app.note_event();

create or replace trigger event_update
after update on crm.companies
referencing old table as old_rows new table as new_rows
for each statement
execute function app.note_event();

create or replace trigger spread_access
after update on crm.companies
referencing old table as old_rows new table as new_rows
for each statement
execute function app.spread_source();
