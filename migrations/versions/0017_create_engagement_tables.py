"""Create the tables of engagement

Reason:    the timeline, conversations and events with those who take part, files, consent.
           Nobody but services and the auditor reaches them until their policies open them.
Locks:     AccessExclusive on the new tables; ShareRowExclusive on the tables that they point to.
Duration:  milliseconds.
Way back:  drops the tables with all their rows: restore a backup to get them back.
"""

from migrations.runner.execute import execute

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create type app.activity_kind as enum (
            'note',
            'call',
            'meeting',
            'task',
            'email',
            'system'
        );

        create type app.channel as enum (
            'email',
            'sms',
            'whatsapp',
            'phone',
            'webchat',
            'social',
            'assistant'
        );

        create type app.conversation_status as enum (
            'open',
            'pending',
            'snoozed',
            'closed'
        );

        create type app.message_direction as enum (
            'inbound',
            'outbound',
            'internal'
        );

        create type app.message_status as enum (
            'draft',
            'queued',
            'sent',
            'delivered',
            'failed',
            'received'
        );

        create type app.attendance as enum (
            'needs_action',
            'accepted',
            'declined',
            'tentative'
        );

        create type app.storage_provider as enum (
            'supabase',
            'minio',
            'wasabi',
            'bunny'
        );

        create type app.file_purpose as enum (
            'attachment',
            'import',
            'export',
            'avatar'
        );

        create type app.scan_status as enum (
            'pending',
            'clean',
            'infected',
            'skipped'
        );

        create type app.lawful_basis as enum (
            'consent',
            'contract',
            'legal_obligation',
            'vital_interest',
            'public_task',
            'legitimate_interest'
        );

        create type app.consent_status as enum (
            'granted',
            'withdrawn'
        );

        comment on type app.activity_kind is 'What an activity is.';
        comment on type app.channel is 'Where a conversation takes place; assistant: with an agent.';
        comment on type app.conversation_status is 'Whether somebody has to act.';
        comment on type app.message_direction is 'Which way a message goes; internal: among colleagues.';
        comment on type app.message_status is 'How far a message has come.';
        comment on type app.attendance is 'The answer to an invitation, as in iCalendar.';
        comment on type app.storage_provider is 'Where an object is stored.';
        comment on type app.file_purpose is 'What a file is for.';
        comment on type app.scan_status is 'What the search for viruses found.';
        comment on type app.lawful_basis is 'The ground of processing, as in article 6 of the GDPR.';
        comment on type app.consent_status is 'What a person said.';
        """
    )
    execute(
        r"""
        create table crm.activities (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            kind app.activity_kind not null,
            type_id uuid,
            subject app.label not null,
            body app.body,
            occurred_at timestamptz not null default now(),
            due_at timestamptz,
            completed_at timestamptz,
            owner_id uuid,
            assignee_id uuid,
            team_id uuid,
            contact_id uuid,
            company_id uuid,
            deal_id uuid,
            visibility app.visibility not null default 'agency',
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            search tsvector generated always as (
                to_tsvector('pg_catalog.simple', subject || ' ' || coalesce(body, ''))
            ) stored,
            constraint activities_pkey primary key (agency_id, id),
            constraint activities_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint activities_type_id_fkey foreign key (agency_id, type_id)
                references crm.lookup_values (agency_id, id) on delete set null (type_id),
            constraint activities_owner_id_fkey foreign key (agency_id, owner_id)
                references tenancy.memberships (agency_id, id) on delete set null (owner_id),
            constraint activities_assignee_id_fkey foreign key (agency_id, assignee_id)
                references tenancy.memberships (agency_id, id) on delete set null (assignee_id),
            constraint activities_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id) on delete set null (team_id),
            constraint activities_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id) on delete cascade,
            constraint activities_company_id_fkey foreign key (agency_id, company_id)
                references crm.companies (agency_id, id) on delete set null (company_id),
            constraint activities_deal_id_fkey foreign key (agency_id, deal_id)
                references crm.deals (agency_id, id) on delete set null (deal_id),
            constraint activities_client_sees_own_contact
                check (visibility <> 'client' or contact_id is not null)
        );

        create index activities_type_id_idx
            on crm.activities (agency_id, type_id)
            where type_id is not null;

        create index activities_owner_id_idx
            on crm.activities (agency_id, owner_id);

        create index activities_assignee_id_idx
            on crm.activities (agency_id, assignee_id);

        create index activities_team_id_idx
            on crm.activities (agency_id, team_id);

        create index activities_contact_id_idx
            on crm.activities (agency_id, contact_id)
            where contact_id is not null;

        create index activities_company_id_idx
            on crm.activities (agency_id, company_id)
            where company_id is not null;

        create index activities_deal_id_idx
            on crm.activities (agency_id, deal_id)
            where deal_id is not null;

        create index activities_contact_timeline_idx
            on crm.activities (agency_id, contact_id, occurred_at desc)
            where deleted_at is null;

        create index activities_deal_timeline_idx
            on crm.activities (agency_id, deal_id, occurred_at desc)
            where deleted_at is null;

        create index activities_company_timeline_idx
            on crm.activities (agency_id, company_id, occurred_at desc)
            where deleted_at is null;

        create index activities_tasks_idx
            on crm.activities (agency_id, assignee_id, due_at)
            where completed_at is null and deleted_at is null;

        create index activities_search_idx
            on crm.activities using gin (agency_id, search);

        create table crm.conversations (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            channel app.channel not null,
            subject app.line,
            status app.conversation_status not null default 'open',
            contact_id uuid,
            deal_id uuid,
            owner_id uuid,
            assignee_id uuid,
            team_id uuid,
            visibility app.visibility not null default 'team',
            external_thread_id app.line,
            participant_ids uuid[] not null default '{}',
            last_message_at timestamptz,
            snoozed_until timestamptz,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            constraint conversations_pkey primary key (agency_id, id),
            constraint conversations_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint conversations_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id) on delete cascade,
            constraint conversations_deal_id_fkey foreign key (agency_id, deal_id)
                references crm.deals (agency_id, id) on delete set null (deal_id),
            constraint conversations_owner_id_fkey foreign key (agency_id, owner_id)
                references tenancy.memberships (agency_id, id) on delete set null (owner_id),
            constraint conversations_assignee_id_fkey foreign key (agency_id, assignee_id)
                references tenancy.memberships (agency_id, id) on delete set null (assignee_id),
            constraint conversations_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id) on delete set null (team_id)
        );

        create index conversations_contact_id_idx
            on crm.conversations (agency_id, contact_id)
            where contact_id is not null;

        create index conversations_deal_id_idx
            on crm.conversations (agency_id, deal_id)
            where deal_id is not null;

        create index conversations_owner_id_idx
            on crm.conversations (agency_id, owner_id);

        create index conversations_assignee_id_idx
            on crm.conversations (agency_id, assignee_id);

        create index conversations_team_id_idx
            on crm.conversations (agency_id, team_id);

        create unique index conversations_external_thread_id_key
            on crm.conversations (agency_id, channel, external_thread_id)
            where external_thread_id is not null and deleted_at is null;

        -- Comparing enums is not leakproof: a status is the predicate of an index, not a column of it.
        create index conversations_unclosed_idx
            on crm.conversations (agency_id, last_message_at desc, id)
            where status <> 'closed' and deleted_at is null;

        create index conversations_inbox_idx
            on crm.conversations (agency_id, assignee_id, last_message_at desc)
            where deleted_at is null;

        create table crm.calendar_events (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            title app.label not null,
            description app.body,
            location app.line,
            starts_at timestamptz not null,
            ends_at timestamptz not null,
            all_day boolean not null default false,
            timezone app.label,
            calendar_key app.label not null default 'default',
            external_uid app.line,
            recurrence_id app.label not null default '-',
            recurrence_rule app.line,
            owner_id uuid,
            team_id uuid,
            company_id uuid,
            deal_id uuid,
            visibility app.visibility not null default 'agency',
            participant_ids uuid[] not null default '{}',
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            search tsvector generated always as (
                to_tsvector('pg_catalog.simple', title || ' ' || coalesce(description, ''))
            ) stored,
            constraint calendar_events_pkey primary key (agency_id, id),
            constraint calendar_events_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint calendar_events_owner_id_fkey foreign key (agency_id, owner_id)
                references tenancy.memberships (agency_id, id) on delete set null (owner_id),
            constraint calendar_events_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id) on delete set null (team_id),
            constraint calendar_events_company_id_fkey foreign key (agency_id, company_id)
                references crm.companies (agency_id, id) on delete set null (company_id),
            constraint calendar_events_deal_id_fkey foreign key (agency_id, deal_id)
                references crm.deals (agency_id, id) on delete set null (deal_id),
            constraint calendar_events_ends_after_start check (ends_at >= starts_at)
        );

        create index calendar_events_owner_id_idx
            on crm.calendar_events (agency_id, owner_id);

        create index calendar_events_team_id_idx
            on crm.calendar_events (agency_id, team_id);

        create index calendar_events_company_id_idx
            on crm.calendar_events (agency_id, company_id)
            where company_id is not null;

        create index calendar_events_deal_id_idx
            on crm.calendar_events (agency_id, deal_id)
            where deal_id is not null;

        create unique index calendar_events_external_uid_key
            on crm.calendar_events (agency_id, owner_id, calendar_key, external_uid, recurrence_id)
            where deleted_at is null;

        create index calendar_events_starts_at_idx
            on crm.calendar_events (agency_id, starts_at, id)
            where deleted_at is null;

        create index calendar_events_calendar_idx
            on crm.calendar_events (agency_id, owner_id, starts_at)
            where deleted_at is null;

        create table crm.participants (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            conversation_id uuid,
            calendar_event_id uuid,
            membership_id uuid,
            contact_id uuid,
            address app.line,
            role text not null default 'to',
            response app.attendance,
            last_read_at timestamptz,
            created_at timestamptz not null default now(),
            created_by uuid,
            constraint participants_pkey primary key (agency_id, id),
            constraint participants_conversation_id_membership_id_key unique (agency_id, conversation_id, membership_id),
            constraint participants_conversation_id_contact_id_key unique (agency_id, conversation_id, contact_id),
            constraint participants_calendar_event_id_membership_id_key unique (agency_id, calendar_event_id, membership_id),
            constraint participants_calendar_event_id_contact_id_key unique (agency_id, calendar_event_id, contact_id),
            constraint participants_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint participants_conversation_id_fkey foreign key (agency_id, conversation_id)
                references crm.conversations (agency_id, id) on delete cascade,
            constraint participants_calendar_event_id_fkey foreign key (agency_id, calendar_event_id)
                references crm.calendar_events (agency_id, id) on delete cascade,
            constraint participants_membership_id_fkey foreign key (agency_id, membership_id)
                references tenancy.memberships (agency_id, id) on delete cascade,
            constraint participants_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id) on delete cascade,
            constraint participants_one_occasion
                check (num_nonnulls(conversation_id, calendar_event_id) = 1),
            constraint participants_one_participant
                check (num_nonnulls(membership_id, contact_id, address) = 1),
            constraint participants_role_known
                check (role in ('from', 'to', 'cc', 'bcc', 'organizer', 'attendee', 'watcher')),
            constraint participants_response_only_to_events
                check (response is null or calendar_event_id is not null)
        );

        create index participants_membership_id_idx
            on crm.participants (agency_id, membership_id)
            where membership_id is not null;

        create index participants_contact_id_idx
            on crm.participants (agency_id, contact_id)
            where contact_id is not null;

        create table crm.messages (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            conversation_id uuid not null,
            direction app.message_direction not null,
            status app.message_status not null default 'draft',
            sender_membership_id uuid,
            sender_contact_id uuid,
            sender_label app.line,
            body_text app.body,
            body_html_path app.line,
            sent_at timestamptz not null default now(),
            external_id app.line,
            in_reply_to app.line,
            agent_run_id uuid,
            error app.line,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            search tsvector generated always as (
                to_tsvector('pg_catalog.simple', coalesce(body_text, ''))
            ) stored,
            constraint messages_pkey primary key (agency_id, id),
            constraint messages_conversation_id_fkey foreign key (agency_id, conversation_id)
                references crm.conversations (agency_id, id) on delete cascade,
            constraint messages_sender_membership_id_fkey foreign key (agency_id, sender_membership_id)
                references tenancy.memberships (agency_id, id) on delete set null (sender_membership_id),
            constraint messages_sender_contact_id_fkey foreign key (agency_id, sender_contact_id)
                references crm.contacts (agency_id, id) on delete set null (sender_contact_id),
            constraint messages_one_sender
                check (num_nonnulls(sender_membership_id, sender_contact_id) <= 1)
        );

        create index messages_sender_membership_id_idx
            on crm.messages (agency_id, sender_membership_id)
            where sender_membership_id is not null;

        create index messages_sender_contact_id_idx
            on crm.messages (agency_id, sender_contact_id)
            where sender_contact_id is not null;

        create unique index messages_external_id_key
            on crm.messages (agency_id, conversation_id, external_id)
            where external_id is not null;

        create index messages_conversation_id_idx
            on crm.messages (agency_id, conversation_id, sent_at desc, id);

        create index messages_search_idx
            on crm.messages using gin (agency_id, search);

        create table crm.files (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            purpose app.file_purpose not null default 'attachment',
            provider app.storage_provider not null,
            bucket app.label not null,
            object_path app.line not null,
            file_name app.label not null,
            mime app.label not null,
            byte_size bigint not null,
            sha256 app.sha256,
            scan_status app.scan_status not null default 'pending',
            owner_id uuid,
            visibility app.visibility not null default 'team',
            contact_id uuid,
            company_id uuid,
            deal_id uuid,
            activity_id uuid,
            calendar_event_id uuid,
            message_id uuid,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            constraint files_pkey primary key (agency_id, id),
            constraint files_object_path_key unique (agency_id, provider, bucket, object_path),
            constraint files_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint files_owner_id_fkey foreign key (agency_id, owner_id)
                references tenancy.memberships (agency_id, id) on delete set null (owner_id),
            constraint files_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id) on delete cascade,
            constraint files_company_id_fkey foreign key (agency_id, company_id)
                references crm.companies (agency_id, id) on delete cascade,
            constraint files_deal_id_fkey foreign key (agency_id, deal_id)
                references crm.deals (agency_id, id) on delete cascade,
            constraint files_activity_id_fkey foreign key (agency_id, activity_id)
                references crm.activities (agency_id, id) on delete cascade,
            constraint files_calendar_event_id_fkey foreign key (agency_id, calendar_event_id)
                references crm.calendar_events (agency_id, id) on delete cascade,
            constraint files_message_id_fkey foreign key (agency_id, message_id)
                references crm.messages (agency_id, id) on delete cascade,
            constraint files_path_begins_with_agency
                check (starts_with(object_path, agency_id::text || '/')),
            constraint files_attachment_has_one_target
                check (num_nonnulls(contact_id, company_id, deal_id, activity_id, calendar_event_id, message_id) = (purpose = 'attachment')::int),
            constraint files_size_not_negative check (byte_size >= 0)
        );

        create index files_owner_id_idx
            on crm.files (agency_id, owner_id);

        create index files_contact_id_idx
            on crm.files (agency_id, contact_id)
            where contact_id is not null;

        create index files_company_id_idx
            on crm.files (agency_id, company_id)
            where company_id is not null;

        create index files_deal_id_idx
            on crm.files (agency_id, deal_id)
            where deal_id is not null;

        create index files_activity_id_idx
            on crm.files (agency_id, activity_id)
            where activity_id is not null;

        create index files_calendar_event_id_idx
            on crm.files (agency_id, calendar_event_id)
            where calendar_event_id is not null;

        create index files_message_id_idx
            on crm.files (agency_id, message_id)
            where message_id is not null;

        create table crm.consents (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            contact_id uuid not null,
            purpose text not null,
            lawful_basis app.lawful_basis not null,
            status app.consent_status not null,
            source app.label not null,
            evidence app.json_object not null default '{}',
            occurred_at timestamptz not null default now(),
            created_at timestamptz not null default now(),
            created_by uuid,
            constraint consents_pkey primary key (agency_id, id),
            constraint consents_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id),
            constraint consents_purpose_form check (purpose ~ '^[a-z][a-z0-9_]{0,62}$')
        );

        create index consents_contact_id_idx
            on crm.consents (agency_id, contact_id, purpose, occurred_at desc, id desc);
        """
    )
    execute(
        r"""
        comment on table crm.activities is 'Notes, calls, meetings and tasks: the timeline.';
        comment on column crm.activities.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.activities.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.activities.kind is 'What it is.';
        comment on column crm.activities.type_id is 'What the agency calls it, of the list "activity_type".';
        comment on column crm.activities.subject is 'free text: What it is about.';
        comment on column crm.activities.body is 'free text: The text.';
        comment on column crm.activities.occurred_at is 'When it happened.';
        comment on column crm.activities.due_at is 'When a task is due.';
        comment on column crm.activities.completed_at is 'When a task was done.';
        comment on column crm.activities.owner_id is 'The member who owns it.';
        comment on column crm.activities.assignee_id is 'The member who is to do it.';
        comment on column crm.activities.team_id is 'The team it belongs to.';
        comment on column crm.activities.contact_id is 'The person it is about.';
        comment on column crm.activities.company_id is 'The company it is about.';
        comment on column crm.activities.deal_id is 'The deal it is about.';
        comment on column crm.activities.visibility is 'Who sees it.';
        comment on column crm.activities.created_at is 'When the row was made.';
        comment on column crm.activities.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.activities.updated_at is 'When the row was last changed.';
        comment on column crm.activities.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.activities.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.activities.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.activities.deleted_by is 'The membership that deleted the row.';
        comment on column crm.activities.search is 'What full text search looks at; made by the database.';

        comment on table crm.conversations is 'A thread on any channel; that of an agent is one too, so that it has an owner and can be erased.';
        comment on column crm.conversations.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.conversations.id is 'The id of the row, a uuid v7.';
        comment on column crm.conversations.channel is 'Where it takes place.';
        comment on column crm.conversations.subject is 'free text: What it is about.';
        comment on column crm.conversations.status is 'Whether somebody has to act.';
        comment on column crm.conversations.contact_id is 'The person it is with.';
        comment on column crm.conversations.deal_id is 'The deal it is about.';
        comment on column crm.conversations.owner_id is 'The member who owns it.';
        comment on column crm.conversations.assignee_id is 'The member who is to answer.';
        comment on column crm.conversations.team_id is 'The team it belongs to.';
        comment on column crm.conversations.visibility is 'Who sees it.';
        comment on column crm.conversations.external_thread_id is 'Its id at the provider.';
        comment on column crm.conversations.participant_ids is 'The members among its participants; kept by trigger.';
        comment on column crm.conversations.last_message_at is 'When the last message was sent.';
        comment on column crm.conversations.snoozed_until is 'When it comes back.';
        comment on column crm.conversations.created_at is 'When the row was made.';
        comment on column crm.conversations.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.conversations.updated_at is 'When the row was last changed.';
        comment on column crm.conversations.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.conversations.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.conversations.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.conversations.deleted_by is 'The membership that deleted the row.';

        comment on table crm.calendar_events is 'Appointments. Contacts are participants.';
        comment on column crm.calendar_events.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.calendar_events.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.calendar_events.title is 'free text: What it is.';
        comment on column crm.calendar_events.description is 'free text: The text.';
        comment on column crm.calendar_events.location is 'free text: Where it is.';
        comment on column crm.calendar_events.starts_at is 'When it begins.';
        comment on column crm.calendar_events.ends_at is 'When it ends.';
        comment on column crm.calendar_events.all_day is 'Whether the whole day is meant.';
        comment on column crm.calendar_events.timezone is 'Time zone in which it was made.';
        comment on column crm.calendar_events.calendar_key is 'Which calendar of the owner.';
        comment on column crm.calendar_events.external_uid is 'The UID of iCalendar.';
        comment on column crm.calendar_events.recurrence_id is 'Which event of a series.';
        comment on column crm.calendar_events.recurrence_rule is 'How a series goes on.';
        comment on column crm.calendar_events.owner_id is 'The member who owns it.';
        comment on column crm.calendar_events.team_id is 'The team it belongs to.';
        comment on column crm.calendar_events.company_id is 'The company it is about.';
        comment on column crm.calendar_events.deal_id is 'The deal it is about.';
        comment on column crm.calendar_events.visibility is 'Who sees it.';
        comment on column crm.calendar_events.participant_ids is 'The members among its participants; kept by trigger.';
        comment on column crm.calendar_events.created_at is 'When the row was made.';
        comment on column crm.calendar_events.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.calendar_events.updated_at is 'When the row was last changed.';
        comment on column crm.calendar_events.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.calendar_events.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.calendar_events.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.calendar_events.deleted_by is 'The membership that deleted the row.';
        comment on column crm.calendar_events.search is 'What full text search looks at; made by the database.';

        comment on table crm.participants is 'Who takes part in a conversation or an event.';
        comment on column crm.participants.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.participants.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.participants.conversation_id is 'The conversation.';
        comment on column crm.participants.calendar_event_id is 'The event.';
        comment on column crm.participants.membership_id is 'A colleague.';
        comment on column crm.participants.contact_id is 'A contact.';
        comment on column crm.participants.address is 'personal: Anybody else, by address.';
        comment on column crm.participants.role is 'As what.';
        comment on column crm.participants.response is 'The answer to an invitation, events only.';
        comment on column crm.participants.last_read_at is 'How far a colleague has read.';
        comment on column crm.participants.created_at is 'When the row was made.';
        comment on column crm.participants.created_by is 'The membership that made the row; null for a service.';

        comment on table crm.messages is 'The messages of a conversation.';
        comment on column crm.messages.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.messages.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.messages.conversation_id is 'The conversation; never changes.';
        comment on column crm.messages.direction is 'Which way it goes; internal: a note among colleagues.';
        comment on column crm.messages.status is 'How far it has come; after draft only workers change it.';
        comment on column crm.messages.sender_membership_id is 'The member who wrote it; kept by trigger.';
        comment on column crm.messages.sender_contact_id is 'The contact who wrote it; kept by trigger.';
        comment on column crm.messages.sender_label is 'personal: The name as shown.';
        comment on column crm.messages.body_text is 'free text: The text, plain, cut at the limit.';
        comment on column crm.messages.body_html_path is 'The full original in object storage.';
        comment on column crm.messages.sent_at is 'When it was sent, as the provider says.';
        comment on column crm.messages.external_id is 'Its id at the provider: a webhook that comes twice is one row.';
        comment on column crm.messages.in_reply_to is 'The id of the message it answers.';
        comment on column crm.messages.agent_run_id is 'The run that wrote the draft.';
        comment on column crm.messages.error is 'Why it could not be sent.';
        comment on column crm.messages.created_at is 'When the row was made.';
        comment on column crm.messages.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.messages.updated_at is 'When the row was last changed.';
        comment on column crm.messages.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.messages.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.messages.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.messages.deleted_by is 'The membership that deleted the row.';
        comment on column crm.messages.search is 'What full text search looks at; made by the database.';

        comment on table crm.files is 'The catalogue of objects; the bytes are in object storage.';
        comment on column crm.files.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.files.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.files.purpose is 'What it is for; an attachment has one target, the others none.';
        comment on column crm.files.provider is 'Where it is stored.';
        comment on column crm.files.bucket is 'The bucket.';
        comment on column crm.files.object_path is 'personal: The path in it; begins with the agency''s id.';
        comment on column crm.files.file_name is 'personal: The name as people see it.';
        comment on column crm.files.mime is 'The type of the content.';
        comment on column crm.files.byte_size is 'The size, in bytes.';
        comment on column crm.files.sha256 is 'The hash of the content.';
        comment on column crm.files.scan_status is 'What the search for viruses found; written by the worker.';
        comment on column crm.files.owner_id is 'The member who owns it.';
        comment on column crm.files.visibility is 'Who sees it; client: the portal shows it.';
        comment on column crm.files.contact_id is 'The contact it belongs to.';
        comment on column crm.files.company_id is 'The company it belongs to.';
        comment on column crm.files.deal_id is 'The deal it belongs to.';
        comment on column crm.files.activity_id is 'The activity it belongs to.';
        comment on column crm.files.calendar_event_id is 'The event it belongs to.';
        comment on column crm.files.message_id is 'The message it belongs to.';
        comment on column crm.files.created_at is 'When the row was made.';
        comment on column crm.files.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.files.updated_at is 'When the row was last changed.';
        comment on column crm.files.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.files.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.files.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.files.deleted_by is 'The membership that deleted the row.';

        comment on table crm.consents is 'Consent as events: every grant and withdrawal, never overwritten.';
        comment on column crm.consents.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.consents.id is 'The id of the row, a uuid v7.';
        comment on column crm.consents.contact_id is 'The person.';
        comment on column crm.consents.purpose is 'What for: newsletter, profiling …';
        comment on column crm.consents.lawful_basis is 'On what ground.';
        comment on column crm.consents.status is 'Granted or withdrawn.';
        comment on column crm.consents.source is 'How: form, phone, import, merge, portal.';
        comment on column crm.consents.evidence is 'personal: What shows it: version of the form, address used.';
        comment on column crm.consents.occurred_at is 'When the person said so.';
        comment on column crm.consents.created_at is 'When the row was made.';
        comment on column crm.consents.created_by is 'The membership that made the row; null for a service.';
        """
    )
    execute(
        r"""
        -- The timeline.
        alter table crm.activities enable row level security;
        alter table crm.activities force row level security;

        create policy "tenant floor"
        on crm.activities
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
        on crm.activities
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.activities to service_role;

        grant select on table crm.activities to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Conversations.
        alter table crm.conversations enable row level security;
        alter table crm.conversations force row level security;

        create policy "tenant floor"
        on crm.conversations
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
        on crm.conversations
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.conversations to service_role;

        grant select on table crm.conversations to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Appointments.
        alter table crm.calendar_events enable row level security;
        alter table crm.calendar_events force row level security;

        create policy "tenant floor"
        on crm.calendar_events
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
        on crm.calendar_events
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.calendar_events to service_role;

        grant select on table crm.calendar_events to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Who takes part.
        alter table crm.participants enable row level security;
        alter table crm.participants force row level security;

        create policy "tenant floor"
        on crm.participants
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
        on crm.participants
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.participants to service_role;

        grant select on table crm.participants to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Messages.
        alter table crm.messages enable row level security;
        alter table crm.messages force row level security;

        create policy "tenant floor"
        on crm.messages
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
        on crm.messages
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.messages to service_role;

        grant select on table crm.messages to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Files.
        alter table crm.files enable row level security;
        alter table crm.files force row level security;

        create policy "tenant floor"
        on crm.files
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
        on crm.files
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.files to service_role;

        grant select on table crm.files to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Consent of persons: events, only ever added.
        alter table crm.consents enable row level security;
        alter table crm.consents force row level security;

        create policy "tenant floor"
        on crm.consents
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
        on crm.consents
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert on table crm.consents to service_role;

        grant select on table crm.consents to gardenos_auditor;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop table crm.consents;
        drop table crm.files;
        drop table crm.messages;
        drop table crm.participants;
        drop table crm.calendar_events;
        drop table crm.conversations;
        drop table crm.activities;

        drop type app.consent_status;
        drop type app.lawful_basis;
        drop type app.scan_status;
        drop type app.file_purpose;
        drop type app.storage_provider;
        drop type app.attendance;
        drop type app.message_status;
        drop type app.message_direction;
        drop type app.conversation_status;
        drop type app.channel;
        drop type app.activity_kind;
        """
    )
