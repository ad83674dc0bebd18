-- What one row of embedding_models needs.
create or replace trigger forbid_agency_change
before update on ai.embedding_models
for each row
when (
    old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
)
execute function app.forbid_agency_change();

create or replace trigger guard_status
after update on ai.embedding_models
for each row
execute function app.guard_model_status();

create or replace trigger stamp
before insert or update on ai.embedding_models
for each row
execute function app.stamp_global();

create or replace trigger audit_delete
after delete on ai.embedding_models
referencing old table as old_rows
for each statement
execute function audit.record_ai_embedding_models();

create or replace trigger audit_insert
after insert on ai.embedding_models
referencing new table as new_rows
for each statement
execute function audit.record_ai_embedding_models();

create or replace trigger audit_truncate
before truncate on ai.embedding_models
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on ai.embedding_models
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_ai_embedding_models();
