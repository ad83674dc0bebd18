-- What one row of checkpoint_blobs needs: a thread that is a conversation of this agency, and a key for life.
create or replace trigger check_thread
before insert on langgraph.checkpoint_blobs
for each row
execute function app.check_thread();

create or replace trigger forbid_agency_change
before update on langgraph.checkpoint_blobs
for each row
when (
    old.agency_id is distinct from new.agency_id
)
execute function app.forbid_agency_change();

create or replace trigger keep_definition
before update on langgraph.checkpoint_blobs
for each row
when (
    old.thread_id is distinct from new.thread_id
    or old.checkpoint_ns is distinct from new.checkpoint_ns
    or old.channel is distinct from new.channel
    or old.version is distinct from new.version
)
execute function app.forbid_redefinition('thread_id', 'checkpoint_ns', 'channel', 'version');

create or replace trigger audit_delete
after delete on langgraph.checkpoint_blobs
referencing old table as old_rows
for each statement
execute function audit.record_langgraph_checkpoint_blobs();

create or replace trigger audit_insert
after insert on langgraph.checkpoint_blobs
referencing new table as new_rows
for each statement
execute function audit.record_langgraph_checkpoint_blobs();

create or replace trigger audit_truncate
before truncate on langgraph.checkpoint_blobs
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on langgraph.checkpoint_blobs
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_langgraph_checkpoint_blobs();
