-- What one row of memories needs; vectors follow what it says of who may read it.
create or replace trigger copy_subject
before insert or update of
    subject,
    membership_id,
    contact_id,
    company_id,
    deal_id,
    owner_id,
    team_id,
    participant_ids,
    by_record,
    deleted_at
on ai.memories
for each row
execute function app.copy_subject();

create or replace trigger default_owner
before insert on ai.memories
for each row
when (
    new.owner_id is null
    and new.subject in ('agency', 'member')
)
execute function app.default_owner();

create or replace trigger default_team
before insert on ai.memories
for each row
when (
    new.team_id is null
    and new.subject in ('agency', 'member')
)
execute function app.default_team();

create or replace trigger forbid_agency_change
before update on ai.memories
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
    membership_id,
    contact_id,
    company_id,
    deal_id,
    source_run_id,
    superseded_by_id
on ai.memories
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links(
    'membership_id', 'tenancy.memberships',
    'contact_id', 'crm.contacts',
    'company_id', 'crm.companies',
    'deal_id', 'crm.deals',
    'source_run_id', 'ai.agent_runs',
    'superseded_by_id', 'ai.memories'
);

create or replace trigger forbid_hidden_team
after insert or update of
    team_id
on ai.memories
for each row
when (
    current_user = 'authenticated'
    and not new.by_record
)
execute function app.forbid_hidden_links('team_id', 'tenancy.teams');

create or replace trigger forbid_subject_change
before update on ai.memories
for each row
when (
    old.subject <> new.subject
    or (
        current_user <> 'gardenos_merger'
        and (
            old.membership_id is distinct from new.membership_id
            or old.contact_id is distinct from new.contact_id
            or old.company_id is distinct from new.company_id
            or old.deal_id is distinct from new.deal_id
        )
    )
)
execute function app.forbid_subject_change();

create or replace trigger guard_agent
before update on ai.memories
for each row
execute function app.guard_agent();

create or replace trigger hash_content
before insert or update of
    content,
    content_sha256
on ai.memories
for each row
execute function app.hash_content();

create or replace trigger keep_within_run
before insert or update of
    source_run_id,
    owner_id,
    team_id,
    visibility
on ai.memories
for each row
when (
    new.source_run_id is not null
)
execute function app.keep_within_run();

create or replace trigger stamp
before insert or update of
    agency_id,
    id,
    subject,
    membership_id,
    contact_id,
    company_id,
    deal_id,
    kind,
    content,
    content_sha256,
    importance,
    confidence,
    half_life,
    expires_at,
    source_run_id,
    superseded_by_id,
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
on ai.memories
for each row
execute function app.stamp_row();

create or replace trigger stamp_deletion
before update on ai.memories
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
after delete on ai.memories
referencing old table as old_rows
for each statement
execute function audit.record_ai_memories();

create or replace trigger audit_insert
after insert on ai.memories
referencing new table as new_rows
for each statement
execute function audit.record_ai_memories();

create or replace trigger audit_truncate
before truncate on ai.memories
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on ai.memories
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_ai_memories();

create or replace trigger forget_vectors
after update on ai.memories
referencing old table as old_rows new table as new_rows
for each statement
when (
    current_user = 'gardenos_eraser'
)
execute function app.forget_vectors();

create or replace trigger queue_insert
after insert on ai.memories
referencing new table as new_rows
for each statement
execute function app.note_text();

create or replace trigger queue_update
after update on ai.memories
referencing old table as old_rows new table as new_rows
for each statement
execute function app.note_text();

create or replace trigger spread_access
after update on ai.memories
referencing old table as old_rows new table as new_rows
for each statement
execute function app.spread_memory();
