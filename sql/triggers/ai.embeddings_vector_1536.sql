-- What one vector needs. Moved to another partition it is inserted there.
create or replace trigger copy_text
before insert on ai.embeddings_vector_1536
for each row
execute function app.copy_text();

create or replace trigger copy_text_again
before update of
    chunk_id,
    memory_id,
    owner_id,
    team_id,
    visibility,
    participant_ids,
    by_record
on ai.embeddings_vector_1536
for each row
when (
    current_user <> 'gardenos_ai_writer'
)
execute function app.copy_text();

create or replace trigger forbid_agency_change
before update on ai.embeddings_vector_1536
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
)
execute function app.forbid_agency_change();

create or replace trigger guard_tier
before insert on ai.embeddings_vector_1536
for each row
execute function app.guard_tier();

create or replace trigger audit_delete
after delete on ai.embeddings_vector_1536
referencing old table as old_rows
for each statement
execute function audit.record_ai_embeddings_vector_1536();

create or replace trigger audit_insert
after insert on ai.embeddings_vector_1536
referencing new table as new_rows
for each statement
execute function audit.record_ai_embeddings_vector_1536();

create or replace trigger audit_truncate
before truncate on ai.embeddings_vector_1536
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on ai.embeddings_vector_1536
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_ai_embeddings_vector_1536();
