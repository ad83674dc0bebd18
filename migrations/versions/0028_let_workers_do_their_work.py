"""Let workers do their work

Reason:    what policies/worker.csv allows to a bound worker and no more: publish, deliver, import,
           keep mail, scan files, report on erasures. In an agency that is not active only what
           erasing and retaining needs.
Locks:     AccessExclusive on twenty tables of crm, integration and governance, which are new and
           empty; tables in use would get a revision each.
Duration:  milliseconds.
Way back:  takes the grants and policies of gardenos_worker away; rows stay as they are.
"""

from migrations.runner.execute import execute

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create policy "the worker reads what happened"
        on integration.outbox_events
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
        );

        create policy "the worker notes what was published"
        on integration.outbox_events
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        grant select on table integration.outbox_events to gardenos_worker;

        grant update (
            published_at
        ) on table integration.outbox_events to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads webhooks"
        on integration.webhook_endpoints
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker switches webhooks off"
        on integration.webhook_endpoints
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select on table integration.webhook_endpoints to gardenos_worker;

        grant update (
            is_active,
            disabled_at
        ) on table integration.webhook_endpoints to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads the secret that it signs with"
        on integration.webhook_secrets
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select on table integration.webhook_secrets to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads deliveries"
        on integration.webhook_deliveries
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker queues deliveries"
        on integration.webhook_deliveries
        as permissive
        for insert
        to gardenos_worker
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker notes how deliveries went"
        on integration.webhook_deliveries
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker removes old deliveries"
        on integration.webhook_deliveries
        as permissive
        for delete
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select, insert, update, delete on table integration.webhook_deliveries to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads imports"
        on integration.import_jobs
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker notes how imports go"
        on integration.import_jobs
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select, update on table integration.import_jobs to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads the lines of imports"
        on integration.import_rows
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker adds the lines of imports"
        on integration.import_rows
        as permissive
        for insert
        to gardenos_worker
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker notes what came of the lines of imports"
        on integration.import_rows
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select, insert, update on table integration.import_rows to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads conversations"
        on crm.conversations
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker adds conversations"
        on crm.conversations
        as permissive
        for insert
        to gardenos_worker
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker keeps the state of conversations"
        on crm.conversations
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select on table crm.conversations to gardenos_worker;

        grant insert (
            agency_id,
            channel,
            subject,
            status,
            contact_id,
            deal_id,
            owner_id,
            assignee_id,
            team_id,
            visibility,
            external_thread_id,
            participant_ids,
            last_message_at,
            snoozed_until,
            created_at,
            created_by,
            updated_at,
            updated_by,
            row_version,
            deleted_at,
            deleted_by
        ) on table crm.conversations to gardenos_worker;

        grant update (
            status,
            last_message_at
        ) on table crm.conversations to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads messages"
        on crm.messages
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker adds messages"
        on crm.messages
        as permissive
        for insert
        to gardenos_worker
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker notes how messages went"
        on crm.messages
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select, insert on table crm.messages to gardenos_worker;

        grant update (
            status,
            external_id,
            error
        ) on table crm.messages to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads participants"
        on crm.participants
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker adds participants"
        on crm.participants
        as permissive
        for insert
        to gardenos_worker
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker notes what participants read"
        on crm.participants
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select, insert on table crm.participants to gardenos_worker;

        grant update (
            last_read_at
        ) on table crm.participants to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads files"
        on crm.files
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker notes what scans found"
        on crm.files
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select on table crm.files to gardenos_worker;

        grant update (
            scan_status,
            sha256
        ) on table crm.files to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads companies"
        on crm.companies
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select on table crm.companies to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads contacts"
        on crm.contacts
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select on table crm.contacts to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads contact points"
        on crm.contact_points
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select on table crm.contact_points to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads deals"
        on crm.deals
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select on table crm.deals to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads activities"
        on crm.activities
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select on table crm.activities to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads events"
        on crm.calendar_events
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select on table crm.calendar_events to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads consents"
        on crm.consents
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker adds consents"
        on crm.consents
        as permissive
        for insert
        to gardenos_worker
        with check (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        grant select, insert on table crm.consents to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads erasure requests"
        on governance.erasure_requests
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
        );

        create policy "the worker reports on erasure requests"
        on governance.erasure_requests
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        grant select on table governance.erasure_requests to gardenos_worker;

        grant update (
            status,
            report,
            exported_at
        ) on table governance.erasure_requests to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads retention policies"
        on governance.retention_policies
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
        );

        create policy "the worker notes when retention ran"
        on governance.retention_policies
        as permissive
        for update
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        grant select on table governance.retention_policies to gardenos_worker;

        grant update (
            last_run_at,
            last_run_rows
        ) on table governance.retention_policies to gardenos_worker;
        """
    )
    execute(
        r"""
        create policy "the worker reads suppressed addresses"
        on governance.suppressions
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
        );

        grant select on table governance.suppressions to gardenos_worker;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        revoke select on table governance.suppressions from gardenos_worker;

        drop policy "the worker reads suppressed addresses" on governance.suppressions;
        """
    )
    execute(
        r"""
        revoke update (
            last_run_at,
            last_run_rows
        ) on table governance.retention_policies from gardenos_worker;

        revoke select on table governance.retention_policies from gardenos_worker;

        drop policy "the worker notes when retention ran" on governance.retention_policies;

        drop policy "the worker reads retention policies" on governance.retention_policies;
        """
    )
    execute(
        r"""
        revoke update (
            status,
            report,
            exported_at
        ) on table governance.erasure_requests from gardenos_worker;

        revoke select on table governance.erasure_requests from gardenos_worker;

        drop policy "the worker reports on erasure requests" on governance.erasure_requests;

        drop policy "the worker reads erasure requests" on governance.erasure_requests;
        """
    )
    execute(
        r"""
        revoke select, insert on table crm.consents from gardenos_worker;

        drop policy "the worker adds consents" on crm.consents;

        drop policy "the worker reads consents" on crm.consents;
        """
    )
    execute(
        r"""
        revoke select on table crm.calendar_events from gardenos_worker;

        drop policy "the worker reads events" on crm.calendar_events;
        """
    )
    execute(
        r"""
        revoke select on table crm.activities from gardenos_worker;

        drop policy "the worker reads activities" on crm.activities;
        """
    )
    execute(
        r"""
        revoke select on table crm.deals from gardenos_worker;

        drop policy "the worker reads deals" on crm.deals;
        """
    )
    execute(
        r"""
        revoke select on table crm.contact_points from gardenos_worker;

        drop policy "the worker reads contact points" on crm.contact_points;
        """
    )
    execute(
        r"""
        revoke select on table crm.contacts from gardenos_worker;

        drop policy "the worker reads contacts" on crm.contacts;
        """
    )
    execute(
        r"""
        revoke select on table crm.companies from gardenos_worker;

        drop policy "the worker reads companies" on crm.companies;
        """
    )
    execute(
        r"""
        revoke update (
            scan_status,
            sha256
        ) on table crm.files from gardenos_worker;

        revoke select on table crm.files from gardenos_worker;

        drop policy "the worker notes what scans found" on crm.files;

        drop policy "the worker reads files" on crm.files;
        """
    )
    execute(
        r"""
        revoke update (
            last_read_at
        ) on table crm.participants from gardenos_worker;

        revoke select, insert on table crm.participants from gardenos_worker;

        drop policy "the worker notes what participants read" on crm.participants;

        drop policy "the worker adds participants" on crm.participants;

        drop policy "the worker reads participants" on crm.participants;
        """
    )
    execute(
        r"""
        revoke update (
            status,
            external_id,
            error
        ) on table crm.messages from gardenos_worker;

        revoke select, insert on table crm.messages from gardenos_worker;

        drop policy "the worker notes how messages went" on crm.messages;

        drop policy "the worker adds messages" on crm.messages;

        drop policy "the worker reads messages" on crm.messages;
        """
    )
    execute(
        r"""
        revoke update (
            status,
            last_message_at
        ) on table crm.conversations from gardenos_worker;

        revoke insert (
            agency_id,
            channel,
            subject,
            status,
            contact_id,
            deal_id,
            owner_id,
            assignee_id,
            team_id,
            visibility,
            external_thread_id,
            participant_ids,
            last_message_at,
            snoozed_until,
            created_at,
            created_by,
            updated_at,
            updated_by,
            row_version,
            deleted_at,
            deleted_by
        ) on table crm.conversations from gardenos_worker;

        revoke select on table crm.conversations from gardenos_worker;

        drop policy "the worker keeps the state of conversations" on crm.conversations;

        drop policy "the worker adds conversations" on crm.conversations;

        drop policy "the worker reads conversations" on crm.conversations;
        """
    )
    execute(
        r"""
        revoke select, insert, update on table integration.import_rows from gardenos_worker;

        drop policy "the worker notes what came of the lines of imports" on integration.import_rows;

        drop policy "the worker adds the lines of imports" on integration.import_rows;

        drop policy "the worker reads the lines of imports" on integration.import_rows;
        """
    )
    execute(
        r"""
        revoke select, update on table integration.import_jobs from gardenos_worker;

        drop policy "the worker notes how imports go" on integration.import_jobs;

        drop policy "the worker reads imports" on integration.import_jobs;
        """
    )
    execute(
        r"""
        revoke select, insert, update, delete on table integration.webhook_deliveries from gardenos_worker;

        drop policy "the worker removes old deliveries" on integration.webhook_deliveries;

        drop policy "the worker notes how deliveries went" on integration.webhook_deliveries;

        drop policy "the worker queues deliveries" on integration.webhook_deliveries;

        drop policy "the worker reads deliveries" on integration.webhook_deliveries;
        """
    )
    execute(
        r"""
        revoke select on table integration.webhook_secrets from gardenos_worker;

        drop policy "the worker reads the secret that it signs with" on integration.webhook_secrets;
        """
    )
    execute(
        r"""
        revoke update (
            is_active,
            disabled_at
        ) on table integration.webhook_endpoints from gardenos_worker;

        revoke select on table integration.webhook_endpoints from gardenos_worker;

        drop policy "the worker switches webhooks off" on integration.webhook_endpoints;

        drop policy "the worker reads webhooks" on integration.webhook_endpoints;
        """
    )
    execute(
        r"""
        revoke update (
            published_at
        ) on table integration.outbox_events from gardenos_worker;

        revoke select on table integration.outbox_events from gardenos_worker;

        drop policy "the worker notes what was published" on integration.outbox_events;

        drop policy "the worker reads what happened" on integration.outbox_events;
        """
    )
