-- What one row of chunks needs; vectors follow what it says of who may read it.
create or replace trigger copy_document
before insert on ai.chunks
for each row
execute function app.copy_document();

create or replace trigger copy_document_again
before update of
    document_id,
    owner_id,
    team_id,
    visibility,
    participant_ids,
    by_record
on ai.chunks
for each row
when (
    current_user <> 'gardenos_ai_writer'
)
execute function app.copy_document();

create or replace trigger forbid_agency_change
before update on ai.chunks
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger hash_content
before insert or update of
    content,
    content_sha256
on ai.chunks
for each row
execute function app.hash_content();

create or replace trigger stamp
before insert on ai.chunks
for each row
execute function app.stamp_link();

create or replace trigger audit_delete
after delete on ai.chunks
referencing old table as old_rows
for each statement
execute function audit.record_ai_chunks();

create or replace trigger audit_insert
after insert on ai.chunks
referencing new table as new_rows
for each statement
execute function audit.record_ai_chunks();

create or replace trigger audit_truncate
before truncate on ai.chunks
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on ai.chunks
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_ai_chunks();

create or replace trigger forget_vectors
after update on ai.chunks
referencing old table as old_rows new table as new_rows
for each statement
when (
    current_user = 'gardenos_eraser'
)
execute function app.forget_vectors();

create or replace trigger queue_insert
after insert on ai.chunks
referencing new table as new_rows
for each statement
execute function app.note_text();

create or replace trigger queue_update
after update on ai.chunks
referencing old table as old_rows new table as new_rows
for each statement
execute function app.note_text();

create or replace trigger spread_access
after update on ai.chunks
referencing old table as old_rows new table as new_rows
for each statement
execute function app.spread_chunk();
