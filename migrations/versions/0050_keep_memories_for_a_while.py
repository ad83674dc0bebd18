"""Keep memories for a while

Reason:    memories that were deleted, expired or superseded go after a time that the agency sets; thirty
           days to begin with, for the agencies that there are too.
Locks:     RowExclusive on governance.retention_policies.
Duration:  milliseconds; it grows with the number of agencies.
Way back:  retention leaves memories alone again; the policies of agencies for them stay, unheeded.
"""

from migrations.runner.execute import execute

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- Which rows of a table are kept for longer than an agency wants, as the text of a query with the agency as
        -- $1 and the time as $2: the one definition for counting them and for removing them. What was deleted is kept
        -- from then on; a memory also from when it expired or was superseded; lines of imports and attempts to
        -- deliver from their end. What belongs to a person on legal hold is never due, nor is a contact that was
        -- merged: it goes with the one that is left. Null for a table that retention does not know.
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
            end;
        begin
            return 'from ' || entity || ' as t where t.agency_id = $1 and ' || case
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
                when entity = 'integration.import_jobs'
                    then 't.finished_at < now() - $2 and (t.revert_until is null or t.revert_until < now())'
                when entity = 'integration.webhook_deliveries'
                    then 't.status in (''delivered'', ''dead'')'
                        || ' and coalesce(t.delivered_at, t.next_attempt_at) < now() - $2'
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
        """
    )
    execute(
        r"""
        -- What a new agency begins with: a pipeline, and how long it keeps what was deleted. All of it is the
        -- agency's to change.
        create or replace function app.furnish_agency(agency uuid)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            pipeline uuid := app.uuid_v7();
        begin
            insert into crm.pipelines (agency_id, id, name, is_default)
            values (agency, pipeline, 'Sales', true);
            insert into crm.pipeline_stages (agency_id, pipeline_id, name, position, probability, outcome)
            values
            (agency, pipeline, 'New', 0, 10, 'open'),
            (agency, pipeline, 'Qualified', 1, 30, 'open'),
            (agency, pipeline, 'Proposal', 2, 60, 'open'),
            (agency, pipeline, 'Won', 3, 100, 'won'),
            (agency, pipeline, 'Lost', 4, 0, 'lost');
            insert into governance.retention_policies (agency_id, entity, keep, action)
            values
            (agency, 'crm.companies', '30 days', 'delete'),
            (agency, 'crm.contacts', '30 days', 'anonymise'),
            (agency, 'crm.contact_points', '30 days', 'delete'),
            (agency, 'crm.deals', '30 days', 'delete'),
            (agency, 'crm.activities', '30 days', 'delete'),
            (agency, 'crm.conversations', '30 days', 'delete'),
            (agency, 'crm.messages', '30 days', 'delete'),
            (agency, 'crm.calendar_events', '30 days', 'delete'),
            (agency, 'crm.files', '30 days', 'delete'),
            (agency, 'ai.memories', '30 days', 'delete'),
            (agency, 'integration.import_rows', '90 days', 'anonymise'),
            (agency, 'integration.webhook_deliveries', '30 days', 'delete');
        end;
        $function$;

        revoke all on function app.furnish_agency(uuid) from public;
        grant execute on function app.furnish_agency(uuid) to
            gardenos_tenancy_writer;

        comment on function app.furnish_agency(uuid) is
        'Gives a new agency its pipeline and its retention policies.';
        """
    )
    execute(
        r"""
        set local role gardenos_tenancy_writer;

        insert into governance.retention_policies (agency_id, entity, keep, action)
        select
            a.id,
            'ai.memories',
            '30 days',
            'delete'
          from tenancy.agencies as a
            on conflict do nothing;

        set local role gardenos_owner;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.furnish_agency(agency uuid)
         RETURNS void
         LANGUAGE plpgsql
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            pipeline uuid := app.uuid_v7();
        begin
            insert into crm.pipelines (agency_id, id, name, is_default)
            values (agency, pipeline, 'Sales', true);
            insert into crm.pipeline_stages (agency_id, pipeline_id, name, position, probability, outcome)
            values
            (agency, pipeline, 'New', 0, 10, 'open'),
            (agency, pipeline, 'Qualified', 1, 30, 'open'),
            (agency, pipeline, 'Proposal', 2, 60, 'open'),
            (agency, pipeline, 'Won', 3, 100, 'won'),
            (agency, pipeline, 'Lost', 4, 0, 'lost');
            insert into governance.retention_policies (agency_id, entity, keep, action)
            values
            (agency, 'crm.companies', '30 days', 'delete'),
            (agency, 'crm.contacts', '30 days', 'anonymise'),
            (agency, 'crm.contact_points', '30 days', 'delete'),
            (agency, 'crm.deals', '30 days', 'delete'),
            (agency, 'crm.activities', '30 days', 'delete'),
            (agency, 'crm.conversations', '30 days', 'delete'),
            (agency, 'crm.messages', '30 days', 'delete'),
            (agency, 'crm.calendar_events', '30 days', 'delete'),
            (agency, 'crm.files', '30 days', 'delete'),
            (agency, 'integration.import_rows', '90 days', 'anonymise'),
            (agency, 'integration.webhook_deliveries', '30 days', 'delete');
        end;
        $function$;
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.due_rows(entity text)
         RETURNS text
         LANGUAGE plpgsql
         IMMUTABLE PARALLEL SAFE
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
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
            end;
        begin
            return 'from ' || entity || ' as t where t.agency_id = $1 and ' || case
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
                when entity = 'integration.import_rows'
                    then 'num_nonnulls(t.raw, t.before, t.error_message) > 0 and exists (select 1'
                        || ' from integration.import_jobs as j where j.agency_id = t.agency_id and j.id = t.job_id'
                        || ' and j.finished_at < now() - $2 and (j.revert_until is null or j.revert_until < now()))'
                when entity = 'integration.import_jobs'
                    then 't.finished_at < now() - $2 and (t.revert_until is null or t.revert_until < now())'
                when entity = 'integration.webhook_deliveries'
                    then 't.status in (''delivered'', ''dead'')'
                        || ' and coalesce(t.delivered_at, t.next_attempt_at) < now() - $2'
            end || coalesce(
                ' and not exists (select 1 from governance.erasure_requests as h where h.agency_id = t.agency_id'
                || ' and h.legal_hold and h.subject_kind = ''contact'' and h.subject_id = ' || whose || ')',
                ''
            );
        end;
        $function$;
        """
    )
