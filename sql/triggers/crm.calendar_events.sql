-- What one row of calendar_events needs.
create or replace trigger default_owner
before insert on crm.calendar_events
for each row
when (
    new.owner_id is null
)
execute function app.default_owner();

create or replace trigger default_team
before insert on crm.calendar_events
for each row
when (
    new.team_id is null
)
execute function app.default_team();

create or replace trigger forbid_agency_change
before update on crm.calendar_events
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
    company_id,
    deal_id,
    team_id
on crm.calendar_events
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links(
    'company_id', 'crm.companies',
    'deal_id', 'crm.deals',
    'team_id', 'tenancy.teams'
);

create or replace trigger guard_agent
before update on crm.calendar_events
for each row
execute function app.guard_agent();

create or replace trigger keep_participants
before insert or update of participant_ids on crm.calendar_events
for each row
execute function app.keep_participants();

create or replace trigger stamp
before insert or update of
    agency_id,
    id,
    title,
    description,
    location,
    starts_at,
    ends_at,
    all_day,
    timezone,
    calendar_key,
    external_uid,
    recurrence_id,
    recurrence_rule,
    owner_id,
    team_id,
    company_id,
    deal_id,
    visibility,
    created_at,
    created_by,
    updated_at,
    updated_by,
    row_version,
    deleted_at,
    deleted_by,
    search
on crm.calendar_events
for each row
execute function app.stamp_row();

create or replace trigger stamp_deletion
before update on crm.calendar_events
for each row
when (
    (old.deleted_at is null) <> (new.deleted_at is null)
    or old.deleted_at <> new.deleted_at
    or old.deleted_by is distinct from new.deleted_by
)
execute function app.stamp_deletion();

create or replace trigger audit_delete
after delete on crm.calendar_events
referencing old table as old_rows
for each statement
execute function audit.record_crm_calendar_events();

create or replace trigger audit_insert
after insert on crm.calendar_events
referencing new table as new_rows
for each statement
execute function audit.record_crm_calendar_events();

create or replace trigger audit_truncate
before truncate on crm.calendar_events
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.calendar_events
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_calendar_events();

create or replace trigger event_delete
after delete on crm.calendar_events
referencing old table as old_rows
for each statement
execute function app.note_event();

create or replace trigger event_insert
after insert on crm.calendar_events
referencing new table as new_rows
for each statement
execute function app.note_event();

create or replace trigger event_update
after update on crm.calendar_events
referencing old table as old_rows new table as new_rows
for each statement
execute function app.note_event();

create or replace trigger spread_access
after update on crm.calendar_events
referencing old table as old_rows new table as new_rows
for each statement
execute function app.spread_source();
