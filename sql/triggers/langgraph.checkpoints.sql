-- What one row of checkpoints needs: a thread that is a conversation of this agency, and a key for life.
create or replace trigger check_thread
before insert on langgraph.checkpoints
for each row
execute function app.check_thread();

create or replace trigger forbid_agency_change
before update on langgraph.checkpoints
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.created_at is distinct from new.created_at
)
execute function app.forbid_agency_change();

create or replace trigger keep_definition
before update on langgraph.checkpoints
for each row
when (
    old.thread_id is distinct from new.thread_id
    or old.checkpoint_ns is distinct from new.checkpoint_ns
    or old.checkpoint_id is distinct from new.checkpoint_id
)
execute function app.forbid_redefinition('thread_id', 'checkpoint_ns', 'checkpoint_id');

create or replace trigger audit_delete
after delete on langgraph.checkpoints
referencing old table as old_rows
for each statement
execute function audit.record_langgraph_checkpoints();

create or replace trigger audit_insert
after insert on langgraph.checkpoints
referencing new table as new_rows
for each statement
execute function audit.record_langgraph_checkpoints();

create or replace trigger audit_truncate
before truncate on langgraph.checkpoints
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on langgraph.checkpoints
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_langgraph_checkpoints();
