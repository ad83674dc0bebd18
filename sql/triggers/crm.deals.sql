-- What one row of deals needs: its place in the pipeline, its history, its amount.
create or replace trigger check_custom
before insert on crm.deals
for each row
execute function app.check_custom('deal');

create or replace trigger check_custom_update
before update on crm.deals
for each row
when (
    old.custom is distinct from new.custom
)
execute function app.check_custom('deal');

create or replace trigger check_lookups
before insert or update of
    lost_reason_id,
    source_id
on crm.deals
for each row
when (
    new.lost_reason_id is not null
    or new.source_id is not null
)
execute function app.check_lookups('lost_reason_id', 'lost_reason', 'source_id', 'source');

create or replace trigger default_owner
before insert on crm.deals
for each row
when (
    new.owner_id is null
)
execute function app.default_owner();

create or replace trigger default_team
before insert on crm.deals
for each row
when (
    new.team_id is null
)
execute function app.default_team();

create or replace trigger forbid_agency_change
before update on crm.deals
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
    pipeline_id,
    company_id,
    primary_contact_id,
    lost_reason_id,
    source_id,
    team_id
on crm.deals
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links(
    'pipeline_id', 'crm.pipelines',
    'company_id', 'crm.companies',
    'primary_contact_id', 'crm.contacts',
    'lost_reason_id', 'crm.lookup_values',
    'source_id', 'crm.lookup_values',
    'team_id', 'tenancy.teams'
);

create or replace trigger guard_agent
before update on crm.deals
for each row
execute function app.guard_agent();

create or replace trigger keep_amount
before update on crm.deals
for each row
when (
    old.amount is distinct from new.amount
)
execute function app.keep_amount();

create or replace trigger note_stage
after insert on crm.deals
for each row
execute function app.note_stage();

create or replace trigger note_stage_update
after update on crm.deals
for each row
when (
    old.stage_id <> new.stage_id
)
execute function app.note_stage();

create or replace trigger place
before insert on crm.deals
for each row
execute function app.place_deal();

create or replace trigger place_update
before update on crm.deals
for each row
when (
    old.stage_id <> new.stage_id
    or old.status <> new.status
    or old.stage_entered_at <> new.stage_entered_at
    or old.closed_at is distinct from new.closed_at
)
execute function app.place_deal();

create or replace trigger stamp
before insert or update on crm.deals
for each row
execute function app.stamp_row();

create or replace trigger stamp_deletion
before update on crm.deals
for each row
when (
    (old.deleted_at is null) <> (new.deleted_at is null)
    or old.deleted_at <> new.deleted_at
    or old.deleted_by is distinct from new.deleted_by
)
execute function app.stamp_deletion();

create or replace trigger audit_delete
after delete on crm.deals
referencing old table as old_rows
for each statement
execute function audit.record_crm_deals();

create or replace trigger audit_insert
after insert on crm.deals
referencing new table as new_rows
for each statement
execute function audit.record_crm_deals();

create or replace trigger audit_truncate
before truncate on crm.deals
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on crm.deals
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_crm_deals();

create or replace trigger event_delete
after delete on crm.deals
referencing old table as old_rows
for each statement
execute function app.note_event();

create or replace trigger event_insert
after insert on crm.deals
referencing new table as new_rows
for each statement
execute function app.note_event();

create or replace trigger event_update
after update on crm.deals
referencing old table as old_rows new table as new_rows
for each statement
execute function app.note_event();

create or replace trigger spread_access
after update on crm.deals
referencing old table as old_rows new table as new_rows
for each statement
execute function app.spread_source();
