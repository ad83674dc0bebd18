-- What one embedding of an item needs: the namespace of the item, and a key for life.
create or replace trigger check_namespace
before insert on langgraph.store_vectors
for each row
execute function app.check_namespace();

create or replace trigger forbid_agency_change
before update on langgraph.store_vectors
for each row
when (
    old.prefix is distinct from new.prefix
    or old.created_at is distinct from new.created_at
)
execute function app.forbid_agency_change();

create or replace trigger keep_definition
before update on langgraph.store_vectors
for each row
when (
    old.key is distinct from new.key
    or old.field_name is distinct from new.field_name
)
execute function app.forbid_redefinition('key', 'field_name');

create or replace trigger audit_delete
after delete on langgraph.store_vectors
referencing old table as old_rows
for each statement
execute function audit.record_langgraph_store_vectors();

create or replace trigger audit_insert
after insert on langgraph.store_vectors
referencing new table as new_rows
for each statement
execute function audit.record_langgraph_store_vectors();

create or replace trigger audit_truncate
before truncate on langgraph.store_vectors
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on langgraph.store_vectors
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_langgraph_store_vectors();
