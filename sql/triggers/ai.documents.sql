-- What one row of documents needs; chunks follow what it says of who may read it.
create or replace trigger copy_source
before insert or update of
    source_kind,
    file_id,
    conversation_id,
    activity_id,
    contact_id,
    company_id,
    deal_id,
    owner_id,
    team_id,
    visibility,
    participant_ids,
    by_record,
    deleted_at
on ai.documents
for each row
execute function app.copy_source();

create or replace trigger default_owner
before insert on ai.documents
for each row
when (
    new.source_kind = 'note'
    and new.owner_id is null
)
execute function app.default_owner();

create or replace trigger default_team
before insert on ai.documents
for each row
when (
    new.source_kind = 'note'
    and new.team_id is null
)
execute function app.default_team();

create or replace trigger forbid_agency_change
before update on ai.documents
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger forbid_hidden_links
after insert on ai.documents
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links(
    'file_id', 'crm.files',
    'conversation_id', 'crm.conversations',
    'activity_id', 'crm.activities',
    'contact_id', 'crm.contacts',
    'company_id', 'crm.companies',
    'deal_id', 'crm.deals'
);

create or replace trigger stamp
before insert or update of
    agency_id,
    id,
    source_kind,
    file_id,
    conversation_id,
    activity_id,
    contact_id,
    company_id,
    deal_id,
    title,
    content_sha256,
    status,
    error,
    owner_id,
    team_id,
    visibility,
    by_record,
    created_at,
    created_by,
    updated_at,
    updated_by,
    row_version,
    deleted_at,
    deleted_by
on ai.documents
for each row
execute function app.stamp_row();

create or replace trigger stamp_deletion
before update on ai.documents
for each row
when (
    current_user <> 'gardenos_ai_writer'
    and (
        (old.deleted_at is null) <> (new.deleted_at is null)
        or old.deleted_at <> new.deleted_at
        or old.deleted_by is distinct from new.deleted_by
    )
)
execute function app.stamp_deletion();

create or replace trigger audit_delete
after delete on ai.documents
referencing old table as old_rows
for each statement
execute function audit.record_ai_documents();

create or replace trigger audit_insert
after insert on ai.documents
referencing new table as new_rows
for each statement
execute function audit.record_ai_documents();

create or replace trigger audit_truncate
before truncate on ai.documents
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on ai.documents
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_ai_documents();

create or replace trigger spread_access
after update on ai.documents
referencing old table as old_rows new table as new_rows
for each statement
execute function app.spread_document();
