-- Which rows of a table are kept for longer than an agency wants, as the text of a query with the agency
-- as $1 and the time as $2: the one definition for counting them and for removing them. What was deleted
-- is kept from then on; a memory also from when it expired or was superseded; lines of imports, attempts
-- to deliver and runs of agents from their end, and a run that never ended from its last change. What
-- belongs to a person on legal hold is never due, nor is a contact that was merged: it goes with the one
-- that is left. Of agents' threads those without a contact are due, when the last step was that long ago;
-- each counts once. Null for a table that retention does not know.
create or replace function app.due_rows(entity text)
returns text
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    whose constant text := case entity
        when 'crm.contacts' then 't.id'
        when 'crm.messages' then '(select c.contact_id from crm.conversations as c'
            || ' where c.agency_id = t.agency_id and c.id = t.conversation_id)'
        when 'crm.contact_points' then 't.contact_id'
        when 'crm.activities' then 't.contact_id'
        when 'crm.conversations' then 't.contact_id'
        when 'crm.files' then 't.contact_id'
        when 'integration.import_rows' then 't.contact_id'
        when 'ai.memories' then 't.contact_id'
        when 'ai.agent_runs' then '(select c.contact_id from crm.conversations as c'
            || ' where c.agency_id = t.agency_id and c.id = t.conversation_id)'
        when 'ai.agent_steps' then '(select c.contact_id from ai.agent_runs as r'
            || ' join crm.conversations as c on c.agency_id = r.agency_id and c.id = r.conversation_id'
            || ' where r.agency_id = t.agency_id and r.id = t.run_id)'
    end;
begin
    return 'from ' || case entity
        when 'langgraph.checkpoints' then 'crm.conversations'
        else entity
    end || ' as t where t.agency_id = $1 and ' || case
        when entity = 'crm.contacts'
            then 't.deleted_at < now() - $2 and t.anonymised_at is null and t.merged_into_id is null'
        when entity = 'crm.companies'
            -- a merge can be undone for thirty days
            then 't.deleted_at < now() - case when t.merged_into_id is null then $2'
                || ' else greatest($2, interval ''31 days'') end'
        when entity in (
            'crm.contact_points', 'crm.deals', 'crm.activities', 'crm.conversations', 'crm.messages',
            'crm.calendar_events', 'crm.files'
        )
            then 't.deleted_at < now() - $2'
        when entity = 'ai.memories'
            then '(least(t.deleted_at, t.expires_at) < now() - $2'
                || ' or (t.superseded_by_id is not null and t.updated_at < now() - $2))'
        when entity = 'integration.import_rows'
            then 'num_nonnulls(t.raw, t.before, t.error_message) > 0 and exists (select 1'
                || ' from integration.import_jobs as j where j.agency_id = t.agency_id and j.id = t.job_id'
                || ' and j.finished_at < now() - $2 and (j.revert_until is null or j.revert_until < now()))'
        when entity = 'langgraph.checkpoints'
            then 't.contact_id is null and (select max(k.created_at) from langgraph.checkpoints as k'
                || ' where k.agency_id = t.agency_id and k.conversation_id = t.id) < now() - $2'
        when entity = 'integration.import_jobs'
            then 't.finished_at < now() - $2 and (t.revert_until is null or t.revert_until < now())'
        when entity = 'integration.webhook_deliveries'
            then 't.status in (''delivered'', ''dead'')'
                || ' and coalesce(t.delivered_at, t.next_attempt_at) < now() - $2'
        when entity = 'ai.agent_runs'
            then 'coalesce(t.finished_at, t.updated_at) < now() - $2'
        when entity = 'ai.agent_steps'
            then 'exists (select 1 from ai.agent_runs as r where r.agency_id = t.agency_id'
                || ' and r.id = t.run_id and coalesce(r.finished_at, r.updated_at) < now() - $2)'
    end || coalesce(
        ' and not exists (select 1 from governance.erasure_requests as h where h.agency_id = t.agency_id'
        || ' and h.legal_hold and h.subject_kind = ''contact'' and h.subject_id = ' || whose || ')',
        ''
    );
end;
$function$;

revoke all on function app.due_rows(text) from public;
grant execute on function app.due_rows(text) to
    authenticated,
    service_role,
    gardenos_worker,
    gardenos_tenancy_writer,
    gardenos_eraser;

comment on function app.due_rows(text) is
'The rows of a table that are kept for too long, as the text of a query; null for an unknown table.';
