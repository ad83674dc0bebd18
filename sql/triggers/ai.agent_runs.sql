-- What one row of agent_runs needs: who acts, how far it has come, and who sees it. The sums of its steps are
-- no change. A foreign key clears the run above, as the owner of the table.
create or replace trigger check_agent
after insert on ai.agent_runs
for each row
execute function app.check_run_agent();

create or replace trigger forbid_agency_change
before update on ai.agent_runs
for each row
when (
    old.agency_id is distinct from new.agency_id
    or old.id is distinct from new.id
    or old.created_at is distinct from new.created_at
    or old.created_by is distinct from new.created_by
)
execute function app.forbid_agency_change();

create or replace trigger forbid_hidden_links
after insert or update of parent_run_id on ai.agent_runs
for each row
when (
    current_user = 'authenticated'
)
execute function app.forbid_hidden_links('parent_run_id', 'ai.agent_runs');

create or replace trigger guard
before insert or update on ai.agent_runs
for each row
execute function app.guard_run();

create or replace trigger keep_access
before insert on ai.agent_runs
for each row
execute function app.keep_run_access();

create or replace trigger keep_definition
before update on ai.agent_runs
for each row
when (
    old.agent_key is distinct from new.agent_key
    or old.agent_membership_id is distinct from new.agent_membership_id
    or old.triggered_by_id is distinct from new.triggered_by_id
    or old.on_behalf_of_id is distinct from new.on_behalf_of_id
    or old.conversation_id is distinct from new.conversation_id
    or (old.parent_run_id is distinct from new.parent_run_id and current_user <> 'gardenos_owner')
)
execute function app.forbid_redefinition(
    'agent_key',
    'agent_membership_id',
    'triggered_by_id',
    'on_behalf_of_id',
    'conversation_id',
    'parent_run_id'
);

create or replace trigger stamp
before insert or update of
    agency_id,
    id,
    agent_key,
    agent_membership_id,
    triggered_by_id,
    on_behalf_of_id,
    conversation_id,
    parent_run_id,
    status,
    model,
    input,
    outcome,
    cost,
    currency,
    started_at,
    finished_at,
    error,
    team_id,
    visibility,
    request_id,
    created_at,
    created_by,
    updated_at,
    updated_by,
    row_version
on ai.agent_runs
for each row
execute function app.stamp_row();

create or replace trigger audit_delete
after delete on ai.agent_runs
referencing old table as old_rows
for each statement
execute function audit.record_ai_agent_runs();

create or replace trigger audit_insert
after insert on ai.agent_runs
referencing new table as new_rows
for each statement
execute function audit.record_ai_agent_runs();

create or replace trigger audit_truncate
before truncate on ai.agent_runs
for each statement
execute function audit.forbid_truncate();

create or replace trigger audit_update
after update on ai.agent_runs
referencing old table as old_rows new table as new_rows
for each statement
execute function audit.record_ai_agent_runs();

create or replace trigger narrow_memories
after update on ai.agent_runs
referencing old table as old_rows new table as new_rows
for each statement
execute function app.narrow_memories();
