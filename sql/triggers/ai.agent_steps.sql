-- What one row of agent_steps needs: a run that goes on, and its tokens in the sums of the run.
create or replace trigger forbid_agency_change
before update on ai.agent_steps
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger guard
before insert or update on ai.agent_steps
for each row
execute function app.guard_step();

create or replace trigger keep_definition
before update on ai.agent_steps
for each row
when (
    old.run_id is distinct from new.run_id
    or old.seq is distinct from new.seq
    or old.node is distinct from new.node
    or old.kind is distinct from new.kind
    or old.tool_name is distinct from new.tool_name
)
execute function app.forbid_redefinition('run_id', 'seq', 'node', 'kind', 'tool_name');

create or replace trigger note_tokens_insert
after insert on ai.agent_steps
referencing new table as new_rows
for each statement
execute function app.note_tokens();

create or replace trigger note_tokens_update
after update on ai.agent_steps
referencing old table as old_rows new table as new_rows
for each statement
execute function app.note_tokens();

create or replace trigger stamp
before insert on ai.agent_steps
for each row
execute function app.stamp_link();

create or replace trigger audit_delete
after delete on ai.agent_steps
referencing old table as old_rows
for each statement
execute function audit.record_ai_agent_steps();

create or replace trigger audit_insert
after insert on ai.agent_steps
referencing new table as new_rows
for each statement
execute function audit.record_ai_agent_steps();

create or replace trigger audit_truncate
before truncate on ai.agent_steps
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on ai.agent_steps
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_ai_agent_steps();
