-- What one row of checkpoint_writes needs: a thread that is a conversation of this agency, a key for life.
create or replace trigger check_thread
before insert on langgraph.checkpoint_writes
for each row
execute function app.check_thread();

create or replace trigger forbid_agency_change
before update on langgraph.checkpoint_writes
for each row
when (
    old.agency_id is distinct from new.agency_id
)
execute function app.forbid_agency_change();

create or replace trigger keep_definition
before update on langgraph.checkpoint_writes
for each row
when (
    old.thread_id is distinct from new.thread_id
    or old.checkpoint_ns is distinct from new.checkpoint_ns
    or old.checkpoint_id is distinct from new.checkpoint_id
    or old.task_id is distinct from new.task_id
    or old.idx is distinct from new.idx
)
execute function app.forbid_redefinition('thread_id', 'checkpoint_ns', 'checkpoint_id', 'task_id', 'idx');

create or replace trigger audit_delete
after delete on langgraph.checkpoint_writes
referencing old table as old_rows
for each statement
execute function audit.record_langgraph_checkpoint_writes();

create or replace trigger audit_insert
after insert on langgraph.checkpoint_writes
referencing new table as new_rows
for each statement
execute function audit.record_langgraph_checkpoint_writes();

create or replace trigger audit_truncate
before truncate on langgraph.checkpoint_writes
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on langgraph.checkpoint_writes
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_langgraph_checkpoint_writes();
