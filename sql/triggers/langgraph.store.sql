-- What one item of the store needs: a namespace that says whose it is, and a key for life.
create or replace trigger check_namespace
before insert on langgraph.store
for each row
execute function app.check_namespace();

create or replace trigger forbid_agency_change
before update on langgraph.store
for each row
when (
    old.prefix is distinct from new.prefix
    or old.created_at is distinct from new.created_at
)
execute function app.forbid_agency_change();

create or replace trigger keep_definition
before update on langgraph.store
for each row
when (
    old.key is distinct from new.key
)
execute function app.forbid_redefinition('key');

create or replace trigger audit_delete
after delete on langgraph.store
referencing old table as old_rows
for each statement
execute function audit.record_langgraph_store();

create or replace trigger audit_insert
after insert on langgraph.store
referencing new table as new_rows
for each statement
execute function audit.record_langgraph_store();

create or replace trigger audit_truncate
before truncate on langgraph.store
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on langgraph.store
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_langgraph_store();
