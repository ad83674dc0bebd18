"""Create the tables of integration

Reason:    the outbox in monthly partitions, webhooks with their deliveries, imports.
           Nobody but services and the auditor reaches them until their policies open them.
Locks:     AccessExclusive on the new tables; ShareRowExclusive on the tables that they point to.
Duration:  a second, for 25 partitions.
Way back:  drops the tables with all their rows: restore a backup to get them back.
"""

from migrations.runner.execute import execute

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create domain app.https_url as text
            constraint https_url_form check (length(value) <= 2000 and value ~ '^https://[^\s]+$');

        create type app.delivery_status as enum (
            'pending',
            'delivered',
            'failed',
            'dead'
        );

        create type app.dedupe as enum (
            'skip',
            'update',
            'create'
        );

        create type app.import_status as enum (
            'draft',
            'validating',
            'ready',
            'running',
            'done',
            'failed',
            'reverted'
        );

        create type app.import_row_status as enum (
            'pending',
            'created',
            'updated',
            'skipped',
            'failed',
            'reverted'
        );

        comment on domain app.https_url is 'An address that begins with https://.';
        comment on type app.delivery_status is 'How a delivery went; dead: no more attempts.';
        comment on type app.dedupe is 'What an import does with a known record.';
        comment on type app.import_status is 'How far an import is.';
        comment on type app.import_row_status is 'What came of a line of an import.';
        """
    )
    execute(
        r"""
        create table integration.outbox_events (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            aggregate app.label not null,
            aggregate_id uuid not null,
            type app.label not null,
            payload app.json_doc not null default '{}',
            headers app.json_object not null default '{}',
            seq bigint not null generated always as identity,
            txid xid8 not null default pg_current_xact_id(),
            epoch integer not null,
            timeline integer not null,
            occurred_at timestamptz not null default clock_timestamp(),
            published_at timestamptz,
            constraint outbox_events_pkey primary key (agency_id, id)
        ) partition by range (id);

        create index outbox_events_unpublished_idx
            on integration.outbox_events (agency_id, epoch, timeline, seq)
            where published_at is null;

        create table integration.webhook_endpoints (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            name app.label not null,
            url app.https_url not null,
            event_types text[] not null default '{}',
            is_active boolean not null default true,
            disabled_at timestamptz,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            constraint webhook_endpoints_pkey primary key (agency_id, id),
            constraint webhook_endpoints_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint webhook_endpoints_event_types_number
                check (cardinality(event_types) <= 100 and octet_length(event_types::text) <= 20000)
        );

        create unique index webhook_endpoints_url_key
            on integration.webhook_endpoints (agency_id, url)
            where deleted_at is null;

        create table integration.webhook_secrets (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            endpoint_id uuid not null,
            secret_ref app.label not null,
            constraint webhook_secrets_pkey primary key (agency_id, id),
            constraint webhook_secrets_endpoint_id_key unique (agency_id, endpoint_id),
            constraint webhook_secrets_endpoint_id_fkey foreign key (agency_id, endpoint_id)
                references integration.webhook_endpoints (agency_id, id) on delete cascade
        );

        create table integration.webhook_deliveries (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            endpoint_id uuid not null,
            event_id uuid not null,
            event_type app.label not null,
            status app.delivery_status not null default 'pending',
            -- squawk-ignore prefer-bigint-over-smallint -- a handful
            attempts smallint not null default 0,
            -- squawk-ignore prefer-bigint-over-smallint -- three digits
            response_code smallint,
            response_ms integer,
            last_error app.line,
            next_attempt_at timestamptz not null default now(),
            delivered_at timestamptz,
            constraint webhook_deliveries_pkey primary key (agency_id, id),
            constraint webhook_deliveries_endpoint_id_event_id_key unique (agency_id, endpoint_id, event_id),
            constraint webhook_deliveries_endpoint_id_fkey foreign key (agency_id, endpoint_id)
                references integration.webhook_endpoints (agency_id, id) on delete cascade
        );

        create index webhook_deliveries_due_idx
            on integration.webhook_deliveries (agency_id, next_attempt_at)
            where status in ('pending', 'failed');

        create table integration.import_jobs (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            entity app.entity not null,
            file_id uuid,
            mapping app.json_object not null default '{}',
            dedupe app.dedupe not null default 'update',
            status app.import_status not null default 'draft',
            owner_id uuid not null,
            team_id uuid,
            total_rows integer not null default 0,
            created_rows integer not null default 0,
            updated_rows integer not null default 0,
            skipped_rows integer not null default 0,
            failed_rows integer not null default 0,
            started_at timestamptz,
            finished_at timestamptz,
            reverted_at timestamptz,
            revert_until timestamptz,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            constraint import_jobs_pkey primary key (agency_id, id),
            constraint import_jobs_file_id_fkey foreign key (agency_id, file_id)
                references crm.files (agency_id, id) on delete set null (file_id),
            constraint import_jobs_owner_id_fkey foreign key (agency_id, owner_id)
                references tenancy.memberships (agency_id, id),
            constraint import_jobs_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id) on delete set null (team_id),
            constraint import_jobs_counters_not_negative
                check (least(total_rows, created_rows, updated_rows, skipped_rows, failed_rows) >= 0)
        );

        create index import_jobs_file_id_idx
            on integration.import_jobs (agency_id, file_id)
            where file_id is not null;

        create index import_jobs_owner_id_idx
            on integration.import_jobs (agency_id, owner_id);

        create index import_jobs_team_id_idx
            on integration.import_jobs (agency_id, team_id);

        create unique index import_jobs_running_key
            on integration.import_jobs (agency_id)
            where status = 'running';

        create table integration.import_rows (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            job_id uuid not null,
            row_no integer not null,
            raw app.json_doc,
            status app.import_row_status not null default 'pending',
            error_code app.label,
            error_field app.label,
            error_message app.line,
            contact_id uuid,
            company_id uuid,
            deal_id uuid,
            record_version integer,
            before jsonb,
            created_at timestamptz not null default now(),
            created_by uuid,
            constraint import_rows_pkey primary key (agency_id, id),
            constraint import_rows_job_id_row_no_key unique (agency_id, job_id, row_no),
            constraint import_rows_job_id_fkey foreign key (agency_id, job_id)
                references integration.import_jobs (agency_id, id) on delete cascade,
            constraint import_rows_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id) on delete set null (contact_id),
            constraint import_rows_company_id_fkey foreign key (agency_id, company_id)
                references crm.companies (agency_id, id) on delete set null (company_id),
            constraint import_rows_deal_id_fkey foreign key (agency_id, deal_id)
                references crm.deals (agency_id, id) on delete set null (deal_id),
            constraint import_rows_one_record check (num_nonnulls(contact_id, company_id, deal_id) <= 1),
            constraint import_rows_before_length check (octet_length(before::text) <= 262144)
        );

        create index import_rows_contact_id_idx
            on integration.import_rows (agency_id, contact_id)
            where contact_id is not null;

        create index import_rows_company_id_idx
            on integration.import_rows (agency_id, company_id)
            where company_id is not null;

        create index import_rows_deal_id_idx
            on integration.import_rows (agency_id, deal_id)
            where deal_id is not null;

        create index import_rows_job_id_status_idx
            on integration.import_rows (agency_id, job_id, status);
        """
    )
    execute(
        r"""
        comment on table integration.outbox_events is 'What happened, written in the transaction of the change. Read by the publisher.';
        comment on column integration.outbox_events.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column integration.outbox_events.id is 'The id of the row, a uuid v7.';
        comment on column integration.outbox_events.aggregate is 'The table, schema.table.';
        comment on column integration.outbox_events.aggregate_id is 'The row.';
        comment on column integration.outbox_events.type is 'What happened: crm.deals.updated.';
        comment on column integration.outbox_events.payload is 'Ids, row_version and names of changed columns; no values.';
        comment on column integration.outbox_events.headers is 'Request id and actor.';
        comment on column integration.outbox_events.seq is 'Order within an epoch and a timeline.';
        comment on column integration.outbox_events.txid is 'The transaction.';
        comment on column integration.outbox_events.epoch is 'The life of the data that the transaction belongs to; see migration.epochs.';
        comment on column integration.outbox_events.timeline is 'The timeline of the primary that wrote it.';
        comment on column integration.outbox_events.occurred_at is 'When it happened; no order.';
        comment on column integration.outbox_events.published_at is 'When it was published; written by the worker.';

        comment on table integration.webhook_endpoints is 'Where the agency wants to be told of events. Made by app.create_webhook.';
        comment on column integration.webhook_endpoints.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column integration.webhook_endpoints.id is 'The id of the row, a uuid v7.';
        comment on column integration.webhook_endpoints.name is 'What it is.';
        comment on column integration.webhook_endpoints.url is 'Where events are sent, unique among live endpoints.';
        comment on column integration.webhook_endpoints.event_types is 'Which events; empty: all.';
        comment on column integration.webhook_endpoints.is_active is 'Whether events are sent.';
        comment on column integration.webhook_endpoints.disabled_at is 'When it was switched off after too many failures.';
        comment on column integration.webhook_endpoints.created_at is 'When the row was made.';
        comment on column integration.webhook_endpoints.created_by is 'The membership that made the row; null for a service.';
        comment on column integration.webhook_endpoints.updated_at is 'When the row was last changed.';
        comment on column integration.webhook_endpoints.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column integration.webhook_endpoints.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column integration.webhook_endpoints.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column integration.webhook_endpoints.deleted_by is 'The membership that deleted the row.';

        comment on table integration.webhook_secrets is 'Where the key of an endpoint''s signatures is kept, apart from what people read. No API role reaches it.';
        comment on column integration.webhook_secrets.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column integration.webhook_secrets.id is 'The id of the row, a uuid v7.';
        comment on column integration.webhook_secrets.endpoint_id is 'The endpoint.';
        comment on column integration.webhook_secrets.secret_ref is 'Its name in the secret store.';

        comment on table integration.webhook_deliveries is 'One row for each endpoint and event; attempts are counted in it.';
        comment on column integration.webhook_deliveries.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column integration.webhook_deliveries.id is 'The id of the row, a uuid v7.';
        comment on column integration.webhook_deliveries.endpoint_id is 'The endpoint.';
        comment on column integration.webhook_deliveries.event_id is 'The event.';
        comment on column integration.webhook_deliveries.event_type is 'Its type.';
        comment on column integration.webhook_deliveries.status is 'How it went.';
        comment on column integration.webhook_deliveries.attempts is 'How often it was tried.';
        comment on column integration.webhook_deliveries.response_code is 'The last answer, status of HTTP.';
        comment on column integration.webhook_deliveries.response_ms is 'How long the last answer took, in milliseconds.';
        comment on column integration.webhook_deliveries.last_error is 'What went wrong last.';
        comment on column integration.webhook_deliveries.next_attempt_at is 'When it is tried again.';
        comment on column integration.webhook_deliveries.delivered_at is 'When it arrived.';

        comment on table integration.import_jobs is 'An import of a file, with what came of it.';
        comment on column integration.import_jobs.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column integration.import_jobs.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column integration.import_jobs.entity is 'What is imported.';
        comment on column integration.import_jobs.file_id is 'The file.';
        comment on column integration.import_jobs.mapping is 'Column to field.';
        comment on column integration.import_jobs.dedupe is 'What to do with a known e-mail or domain.';
        comment on column integration.import_jobs.status is 'How far it is; one runs at a time in an agency.';
        comment on column integration.import_jobs.owner_id is 'The member who imports.';
        comment on column integration.import_jobs.team_id is 'The team of the new records.';
        comment on column integration.import_jobs.total_rows is 'How many rows the file has.';
        comment on column integration.import_jobs.created_rows is 'How many made a record.';
        comment on column integration.import_jobs.updated_rows is 'How many changed one.';
        comment on column integration.import_jobs.skipped_rows is 'How many were left out.';
        comment on column integration.import_jobs.failed_rows is 'How many failed.';
        comment on column integration.import_jobs.started_at is 'When it began.';
        comment on column integration.import_jobs.finished_at is 'When it ended.';
        comment on column integration.import_jobs.reverted_at is 'When it was taken back.';
        comment on column integration.import_jobs.revert_until is 'Until when it can be taken back.';
        comment on column integration.import_jobs.created_at is 'When the row was made.';
        comment on column integration.import_jobs.created_by is 'The membership that made the row; null for a service.';
        comment on column integration.import_jobs.updated_at is 'When the row was last changed.';
        comment on column integration.import_jobs.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column integration.import_jobs.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table integration.import_rows is 'Every line of an import with its result: errors are readable, and it can be taken back.';
        comment on column integration.import_rows.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column integration.import_rows.id is 'The id of the row, a uuid v7.';
        comment on column integration.import_rows.job_id is 'The import.';
        comment on column integration.import_rows.row_no is 'The number of the line.';
        comment on column integration.import_rows.raw is 'personal: The line; cleared by retention and erasure.';
        comment on column integration.import_rows.status is 'What came of it.';
        comment on column integration.import_rows.error_code is 'SQLSTATE, or a code of ours.';
        comment on column integration.import_rows.error_field is 'The field that was wrong.';
        comment on column integration.import_rows.error_message is 'What was wrong.';
        comment on column integration.import_rows.contact_id is 'The contact made or changed.';
        comment on column integration.import_rows.company_id is 'The company made or changed.';
        comment on column integration.import_rows.deal_id is 'The deal made or changed.';
        comment on column integration.import_rows.record_version is 'Its row_version right after the import.';
        comment on column integration.import_rows.before is 'personal: The old values of a changed record.';
        comment on column integration.import_rows.created_at is 'When the row was made.';
        comment on column integration.import_rows.created_by is 'The membership that made the row; null for a service.';
        """
    )
    execute(
        r"""
        -- Events for the publisher. No client reaches them.
        alter table integration.outbox_events enable row level security;
        alter table integration.outbox_events force row level security;

        create policy "tenant floor"
        on integration.outbox_events
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on integration.outbox_events
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert on table integration.outbox_events to service_role;

        grant select on table integration.outbox_events to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Webhooks.
        alter table integration.webhook_endpoints enable row level security;
        alter table integration.webhook_endpoints force row level security;

        create policy "tenant floor"
        on integration.webhook_endpoints
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on integration.webhook_endpoints
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table integration.webhook_endpoints to service_role;

        grant select on table integration.webhook_endpoints to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Which secret signs for an endpoint: for the worker, and for nobody else, the auditor and service_role
        -- included.
        alter table integration.webhook_secrets enable row level security;
        alter table integration.webhook_secrets force row level security;

        create policy "tenant floor"
        on integration.webhook_secrets
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        -- Deliveries of events.
        alter table integration.webhook_deliveries enable row level security;
        alter table integration.webhook_deliveries force row level security;

        create policy "tenant floor"
        on integration.webhook_deliveries
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on integration.webhook_deliveries
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table integration.webhook_deliveries to service_role;

        grant select on table integration.webhook_deliveries to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Imports.
        alter table integration.import_jobs enable row level security;
        alter table integration.import_jobs force row level security;

        create policy "tenant floor"
        on integration.import_jobs
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on integration.import_jobs
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table integration.import_jobs to service_role;

        grant select on table integration.import_jobs to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- The lines of imports.
        alter table integration.import_rows enable row level security;
        alter table integration.import_rows force row level security;

        create policy "tenant floor"
        on integration.import_rows
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on integration.import_rows
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table integration.import_rows to service_role;

        grant select on table integration.import_rows to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Makes the months of integration.outbox_events: this one and as many ahead as asked. A job calls it; without
        -- a partition every write that tells of itself fails loudly. It never makes a month that has passed.
        --
        -- A partition has row-level security, no policy and no grant: nobody reads or writes it but through its
        -- table. SECURITY DEFINER, as the owner: only the owner of a table attaches partitions to it.
        create or replace function integration.make_partitions(months integer default 24)
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            this_month timestamp := date_trunc('month', now() at time zone 'UTC');
            month timestamp;
            partition text;
            made integer := 0;
        begin
            if months is null or months not between 0 and 120 then
                raise exception 'Between 0 and 120 months can be made ahead, not %.', coalesce(months::text, 'null')
                    using errcode = '22023';
            end if;
            for month in
                select generate_series(this_month, this_month + make_interval(months => make_partitions.months), '1 month')
            loop
                partition := to_char(month, '"outbox_events_"YYYY_MM');
                continue when exists (
                    select 1
                      from pg_inherits as i
                     where i.inhparent = 'integration.outbox_events'::regclass
                       and i.inhrelid = to_regclass('integration.' || partition)
                );
                if to_regclass('integration.' || partition) is not null then
                    raise exception 'integration.% is there, but is no month of outbox_events.', partition
                        using errcode = '55000',
                        hint = 'Attach it again, or rename it.';
                end if;
                execute format(
                    'create table integration.%I (like integration.outbox_events including defaults'
                    || ' including constraints including storage including comments)',
                    partition
                );
                execute format('alter table integration.%I enable row level security', partition);
                execute format('alter table integration.%I force row level security', partition);
                execute format('comment on table integration.%I is %L', partition, 'A month of events, for nobody to touch.');
                execute format(
                    'alter table integration.outbox_events attach partition integration.%I for values from (%L) to (%L)',
                    partition,
                    app.uuid_v7_floor(month at time zone 'UTC'),
                    app.uuid_v7_floor((month + interval '1 month') at time zone 'UTC')
                );
                made := made + 1;
            end loop;
            return made;
        end;
        $function$;

        revoke all on function integration.make_partitions(integer) from public;
        grant execute on function integration.make_partitions(integer) to
            gardenos_worker;

        comment on function integration.make_partitions(integer) is
        'Makes the months of outbox_events that are missing, this one and so many ahead; returns how many it made.';
        """
    )
    execute(
        r"""
        select integration.make_partitions(24);
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop function integration.make_partitions(integer);

        drop table integration.import_rows;
        drop table integration.import_jobs;
        drop table integration.webhook_deliveries;
        drop table integration.webhook_secrets;
        drop table integration.webhook_endpoints;
        drop table integration.outbox_events;

        drop type app.import_row_status;
        drop type app.import_status;
        drop type app.dedupe;
        drop type app.delivery_status;
        drop domain app.https_url;
        """
    )
