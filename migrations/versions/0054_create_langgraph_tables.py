"""Create the tables of LangGraph

Reason:    the checkpoints and the store of agents. Columns and keys are those of the library
           langgraph-checkpoint-postgres 3.2.0, so that its statements run as they are; ours stand
           behind them. Its versions are stamped: setup() is never called. Nobody but the owner
           reaches the tables until their policies open them.
Locks:     AccessExclusive on the new tables; ShareRowExclusive on the tables that they point to.
Duration:  milliseconds.
Way back:  drops the tables with what agents remember: restore a backup to get it back.
"""

from migrations.runner.execute import execute

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create table langgraph.checkpoints (
            thread_id text not null,
            checkpoint_ns text not null default '',
            checkpoint_id text not null,
            parent_checkpoint_id text,
            type text,
            checkpoint jsonb not null,
            metadata jsonb not null default '{}',
            agency_id uuid not null default app.agency_id(),
            conversation_id uuid not null generated always as (thread_id::uuid) stored,
            created_at timestamptz not null default now(),
            constraint checkpoints_pkey primary key (thread_id, checkpoint_ns, checkpoint_id),
            constraint checkpoints_conversation_id_fkey foreign key (agency_id, conversation_id)
                references crm.conversations (agency_id, id) on delete cascade,
            constraint checkpoints_thread_is_conversation check (thread_id = conversation_id::text),
            constraint checkpoints_limits check (
                octet_length(checkpoint_ns) <= 1000
                and octet_length(checkpoint_id) <= 200
                and octet_length(parent_checkpoint_id) <= 200
                and octet_length(type) <= 200
                and pg_column_size(checkpoint) <= 67108864
                and pg_column_size(metadata) <= 16777216
            )
        );

        create index checkpoints_conversation_id_idx
            on langgraph.checkpoints (agency_id, conversation_id);

        create table langgraph.checkpoint_blobs (
            thread_id text not null,
            checkpoint_ns text not null default '',
            channel text not null,
            version text not null,
            type text not null,
            blob bytea,
            agency_id uuid not null default app.agency_id(),
            conversation_id uuid not null generated always as (thread_id::uuid) stored,
            constraint checkpoint_blobs_pkey primary key (thread_id, checkpoint_ns, channel, version),
            constraint checkpoint_blobs_conversation_id_fkey foreign key (agency_id, conversation_id)
                references crm.conversations (agency_id, id) on delete cascade,
            constraint checkpoint_blobs_thread_is_conversation check (thread_id = conversation_id::text),
            constraint checkpoint_blobs_limits check (
                octet_length(checkpoint_ns) <= 1000
                and octet_length(channel) <= 500
                and octet_length(version) <= 200
                and octet_length(type) <= 200
                and octet_length(blob) <= 268435456
            )
        );

        create index checkpoint_blobs_conversation_id_idx
            on langgraph.checkpoint_blobs (agency_id, conversation_id);

        create table langgraph.checkpoint_writes (
            thread_id text not null,
            checkpoint_ns text not null default '',
            checkpoint_id text not null,
            task_id text not null,
            idx integer not null,
            channel text not null,
            type text,
            blob bytea not null,
            task_path text not null default '',
            agency_id uuid not null default app.agency_id(),
            conversation_id uuid not null generated always as (thread_id::uuid) stored,
            constraint checkpoint_writes_pkey
                primary key (thread_id, checkpoint_ns, checkpoint_id, task_id, idx),
            constraint checkpoint_writes_conversation_id_fkey foreign key (agency_id, conversation_id)
                references crm.conversations (agency_id, id) on delete cascade,
            constraint checkpoint_writes_thread_is_conversation check (thread_id = conversation_id::text),
            constraint checkpoint_writes_limits check (
                octet_length(checkpoint_ns) <= 1000
                and octet_length(checkpoint_id) <= 200
                and octet_length(task_id) <= 200
                and octet_length(channel) <= 500
                and octet_length(type) <= 200
                and octet_length(blob) <= 268435456
                and octet_length(task_path) <= 4000
            )
        );

        create index checkpoint_writes_conversation_id_idx
            on langgraph.checkpoint_writes (agency_id, conversation_id);

        create table langgraph.store (
            prefix text not null,
            key text not null,
            value jsonb not null,
            created_at timestamptz default current_timestamp,
            updated_at timestamptz default current_timestamp,
            expires_at timestamptz,
            ttl_minutes integer,
            agency_id uuid not null generated always as (split_part(prefix, '.', 1)::uuid) stored,
            subject text not null generated always as (split_part(prefix, '.', 2)) stored,
            membership_id uuid generated always as (
                case when split_part(prefix, '.', 2) = 'member' then split_part(prefix, '.', 3)::uuid end
            ) stored,
            contact_id uuid generated always as (
                case when split_part(prefix, '.', 2) = 'contact' then split_part(prefix, '.', 3)::uuid end
            ) stored,
            company_id uuid generated always as (
                case when split_part(prefix, '.', 2) = 'company' then split_part(prefix, '.', 3)::uuid end
            ) stored,
            deal_id uuid generated always as (
                case when split_part(prefix, '.', 2) = 'deal' then split_part(prefix, '.', 3)::uuid end
            ) stored,
            conversation_id uuid generated always as (
                case when split_part(prefix, '.', 2) = 'conversation' then split_part(prefix, '.', 3)::uuid end
            ) stored,
            constraint store_pkey primary key (prefix, key),
            constraint store_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint store_membership_id_fkey foreign key (agency_id, membership_id)
                references tenancy.memberships (agency_id, id) on delete cascade,
            constraint store_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id) on delete cascade,
            constraint store_company_id_fkey foreign key (agency_id, company_id)
                references crm.companies (agency_id, id) on delete cascade,
            constraint store_deal_id_fkey foreign key (agency_id, deal_id)
                references crm.deals (agency_id, id) on delete cascade,
            constraint store_conversation_id_fkey foreign key (agency_id, conversation_id)
                references crm.conversations (agency_id, id) on delete cascade,
            constraint store_subject_known check (
                subject in ('agency', 'agent', 'member', 'contact', 'company', 'deal', 'conversation')
            ),
            constraint store_limits check (
                octet_length(prefix) <= 1000
                and octet_length(key) <= 1000
                and pg_column_size(value) <= 16777216
            )
        );

        create index store_prefix_idx
            on langgraph.store (prefix text_pattern_ops);

        create index store_expires_at_idx
            on langgraph.store (expires_at)
            where expires_at is not null;

        create index store_agency_id_prefix_idx
            on langgraph.store (agency_id, prefix);

        create index store_membership_id_idx
            on langgraph.store (agency_id, membership_id)
            where membership_id is not null;

        create index store_contact_id_idx
            on langgraph.store (agency_id, contact_id)
            where contact_id is not null;

        create index store_company_id_idx
            on langgraph.store (agency_id, company_id)
            where company_id is not null;

        create index store_deal_id_idx
            on langgraph.store (agency_id, deal_id)
            where deal_id is not null;

        create index store_conversation_id_idx
            on langgraph.store (agency_id, conversation_id)
            where conversation_id is not null;

        create table langgraph.store_vectors (
            prefix text not null,
            key text not null,
            field_name text not null,
            embedding extensions.vector(1536),
            created_at timestamptz default current_timestamp,
            updated_at timestamptz default current_timestamp,
            agency_id uuid not null generated always as (split_part(prefix, '.', 1)::uuid) stored,
            constraint store_vectors_pkey primary key (prefix, key, field_name),
            constraint store_vectors_prefix_fkey foreign key (prefix, key)
                references langgraph.store (prefix, key) on delete cascade,
            constraint store_vectors_limits check (
                octet_length(prefix) <= 1000
                and octet_length(key) <= 1000
                and octet_length(field_name) <= 500
            )
        );

        create index store_vectors_agency_id_idx
            on langgraph.store_vectors (agency_id);

        create table langgraph.checkpoint_migrations (
            v integer not null,
            constraint checkpoint_migrations_pkey primary key (v)
        );

        create table langgraph.store_migrations (
            v integer not null,
            constraint store_migrations_pkey primary key (v)
        );

        create table langgraph.vector_migrations (
            v integer not null,
            constraint vector_migrations_pkey primary key (v)
        );

        insert into langgraph.checkpoint_migrations (v)
        select generate_series(0, 9);

        insert into langgraph.store_migrations (v)
        select generate_series(0, 3);

        insert into langgraph.vector_migrations (v)
        select generate_series(0, 2);
        """
    )
    execute(
        r"""
        comment on table langgraph.checkpoints is 'The state of an agent''s thread after each step; a thread is a conversation. Of the library.';
        comment on column langgraph.checkpoints.thread_id is 'not personal: The id of the conversation, as text.';
        comment on column langgraph.checkpoints.checkpoint_ns is 'not personal: Which graph within the thread; empty for the outermost.';
        comment on column langgraph.checkpoints.checkpoint_id is 'not personal: Sorts in the order of the steps.';
        comment on column langgraph.checkpoints.parent_checkpoint_id is 'not personal: The step before; null for the first, and where it was pruned.';
        comment on column langgraph.checkpoints.type is 'not personal: Not used by the library any more.';
        comment on column langgraph.checkpoints.checkpoint is 'personal: Short values, and the version of each long one in checkpoint_blobs; erased with the conversation.';
        comment on column langgraph.checkpoints.metadata is 'personal: What the run says about the step; erased with the conversation.';
        comment on column langgraph.checkpoints.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column langgraph.checkpoints.conversation_id is 'The conversation that the thread is.';
        comment on column langgraph.checkpoints.created_at is 'When the row was made; pruning and retention count from then.';

        comment on table langgraph.checkpoint_blobs is 'The long values of a thread, once for each version. Of the library.';
        comment on column langgraph.checkpoint_blobs.thread_id is 'not personal: The id of the conversation, as text.';
        comment on column langgraph.checkpoint_blobs.checkpoint_ns is 'not personal: Which graph within the thread; empty for the outermost.';
        comment on column langgraph.checkpoint_blobs.channel is 'not personal: The name of the value in the graph.';
        comment on column langgraph.checkpoint_blobs.version is 'not personal: The version that checkpoints name.';
        comment on column langgraph.checkpoint_blobs.type is 'not personal: How the value is serialised.';
        comment on column langgraph.checkpoint_blobs.blob is 'personal: The value, opaque bytes; erased with the conversation.';
        comment on column langgraph.checkpoint_blobs.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column langgraph.checkpoint_blobs.conversation_id is 'The conversation that the thread is.';

        comment on table langgraph.checkpoint_writes is 'What the tasks of a step wrote before the next checkpoint. Of the library.';
        comment on column langgraph.checkpoint_writes.thread_id is 'not personal: The id of the conversation, as text.';
        comment on column langgraph.checkpoint_writes.checkpoint_ns is 'not personal: Which graph within the thread; empty for the outermost.';
        comment on column langgraph.checkpoint_writes.checkpoint_id is 'not personal: The step that the task belongs to.';
        comment on column langgraph.checkpoint_writes.task_id is 'not personal: The task.';
        comment on column langgraph.checkpoint_writes.idx is 'The place among the writes of the task; below zero for errors and interrupts.';
        comment on column langgraph.checkpoint_writes.channel is 'not personal: The name of the value in the graph.';
        comment on column langgraph.checkpoint_writes.type is 'not personal: How the value is serialised.';
        comment on column langgraph.checkpoint_writes.blob is 'personal: The value, opaque bytes; erased with the conversation.';
        comment on column langgraph.checkpoint_writes.task_path is 'not personal: Where in the graph the task stands.';
        comment on column langgraph.checkpoint_writes.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column langgraph.checkpoint_writes.conversation_id is 'The conversation that the thread is.';

        comment on table langgraph.store is 'What agents remember across threads, each item about a subject. Of the library.';
        comment on column langgraph.store.prefix is 'not personal: The namespace joined with dots: agency, kind of the subject, its id, and what the agent adds.';
        comment on column langgraph.store.key is 'not personal: The name of the item in its namespace.';
        comment on column langgraph.store.value is 'personal: What is remembered; erased with its subject.';
        comment on column langgraph.store.created_at is 'When the row was made.';
        comment on column langgraph.store.updated_at is 'When the item was last put.';
        comment on column langgraph.store.expires_at is 'When it may be swept; null for never.';
        comment on column langgraph.store.ttl_minutes is 'By how much reading may put that off, in minutes.';
        comment on column langgraph.store.agency_id is 'The agency that the namespace names; never changes.';
        comment on column langgraph.store.subject is 'not personal: The kind of the subject: agency, agent, member, contact, company, deal or conversation.';
        comment on column langgraph.store.membership_id is 'The member that the item is about.';
        comment on column langgraph.store.contact_id is 'The contact that the item is about.';
        comment on column langgraph.store.company_id is 'The company that the item is about.';
        comment on column langgraph.store.deal_id is 'The deal that the item is about.';
        comment on column langgraph.store.conversation_id is 'The conversation that the item is about.';

        comment on table langgraph.store_vectors is 'The embeddings of the fields of an item. Of the library.';
        comment on column langgraph.store_vectors.prefix is 'not personal: The namespace of the item.';
        comment on column langgraph.store_vectors.key is 'not personal: The name of the item in its namespace.';
        comment on column langgraph.store_vectors.field_name is 'not personal: Which field of the value.';
        comment on column langgraph.store_vectors.embedding is 'Made of the field; goes with the item.';
        comment on column langgraph.store_vectors.created_at is 'When the row was made.';
        comment on column langgraph.store_vectors.updated_at is 'When the item was last put.';
        comment on column langgraph.store_vectors.agency_id is 'The agency that the namespace names; never changes.';

        comment on table langgraph.checkpoint_migrations is 'Versions of the library''s checkpoint tables that these are; sha256 98d38ed91d4a57a2fb066323f26f2902efcb01f483e09f3ff2be31304a799d35.';
        comment on column langgraph.checkpoint_migrations.v is 'A version.';
        comment on table langgraph.store_migrations is 'Versions of the library''s store that this is; sha256 e28bd11ad44ee17e20b63ca41dff8ead4c4f38d2c0dbbdaabeb077777c847145.';
        comment on column langgraph.store_migrations.v is 'A version.';
        comment on table langgraph.vector_migrations is 'Versions of the library''s vectors that these are; sha256 534b69a2d1d129fe32c2cef160dd48f2dab471281beb672fd3daa99a7a77ded5.';
        comment on column langgraph.vector_migrations.v is 'A version.';
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop table langgraph.vector_migrations;
        drop table langgraph.store_migrations;
        drop table langgraph.checkpoint_migrations;
        drop table langgraph.store_vectors;
        drop table langgraph.store;
        drop table langgraph.checkpoint_writes;
        drop table langgraph.checkpoint_blobs;
        drop table langgraph.checkpoints;
        """
    )
