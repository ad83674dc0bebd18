"""Create the tables of ai

Reason:    what agents know: documents cut into chunks, memories, their vectors by tier, and the queue
           of texts that need one. Nobody but services and the auditor reaches them until their
           policies open them.
Locks:     AccessExclusive on the new tables; ShareRowExclusive on the tables that they point to, and
           on tenancy.agencies, whose model is to be one of ai.embedding_models.
Duration:  milliseconds: the models of agencies are looked at by a later revision.
Way back:  drops the tables with all their rows: restore a backup to get them back.
"""

from migrations.runner.execute import execute

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create type app.document_status as enum (
            'pending',
            'ready',
            'failed',
            'stale'
        );

        comment on type app.document_status is 'How far a document is: to be cut, cut, impossible to cut, older than its source.';

        create type app.model_status as enum (
            'building',
            'active',
            'retired'
        );

        comment on type app.model_status is 'Whether an embedding model is searched.';

        create type app.memory_kind as enum (
            'semantic',
            'episodic',
            'procedural'
        );

        comment on type app.memory_kind is 'What a memory is: a fact, an event, how to do something.';

        create type app.memory_subject as enum (
            'agency',
            'member',
            'contact',
            'company',
            'deal'
        );

        comment on type app.memory_subject is 'What a memory is about.';
        """
    )
    execute(
        r"""
        create table ai.documents (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            source_kind text not null,
            file_id uuid,
            conversation_id uuid,
            activity_id uuid,
            contact_id uuid,
            company_id uuid,
            deal_id uuid,
            title app.label not null,
            content_sha256 app.sha256 not null,
            status app.document_status not null default 'pending',
            error app.line,
            owner_id uuid,
            team_id uuid,
            visibility app.visibility not null,
            participant_ids uuid[],
            by_record boolean not null default false,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            constraint documents_pkey primary key (agency_id, id),
            constraint documents_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint documents_file_id_fkey foreign key (agency_id, file_id)
                references crm.files (agency_id, id) on delete cascade,
            constraint documents_conversation_id_fkey foreign key (agency_id, conversation_id)
                references crm.conversations (agency_id, id) on delete cascade,
            constraint documents_activity_id_fkey foreign key (agency_id, activity_id)
                references crm.activities (agency_id, id) on delete cascade,
            constraint documents_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id) on delete cascade,
            constraint documents_company_id_fkey foreign key (agency_id, company_id)
                references crm.companies (agency_id, id) on delete cascade,
            constraint documents_deal_id_fkey foreign key (agency_id, deal_id)
                references crm.deals (agency_id, id) on delete cascade,
            constraint documents_owner_id_fkey foreign key (agency_id, owner_id)
                references tenancy.memberships (agency_id, id) on delete set null (owner_id),
            constraint documents_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id) on delete set null (team_id),
            constraint documents_source_of_a_kind
                check (source_kind in ('file', 'conversation', 'activity', 'contact', 'company', 'deal', 'note')),
            constraint documents_one_source
                check (
                    num_nonnulls(file_id, conversation_id, activity_id, contact_id, company_id, deal_id)
                    = (source_kind <> 'note')::int
                )
        );

        create unique index documents_file_id_key
            on ai.documents (agency_id, file_id)
            where file_id is not null and deleted_at is null;

        create unique index documents_conversation_id_key
            on ai.documents (agency_id, conversation_id)
            where conversation_id is not null and deleted_at is null;

        create unique index documents_activity_id_key
            on ai.documents (agency_id, activity_id)
            where activity_id is not null and deleted_at is null;

        create index documents_file_id_idx
            on ai.documents (agency_id, file_id)
            where file_id is not null;

        create index documents_conversation_id_idx
            on ai.documents (agency_id, conversation_id)
            where conversation_id is not null;

        create index documents_activity_id_idx
            on ai.documents (agency_id, activity_id)
            where activity_id is not null;

        create index documents_contact_id_idx
            on ai.documents (agency_id, contact_id)
            where contact_id is not null;

        create index documents_company_id_idx
            on ai.documents (agency_id, company_id)
            where company_id is not null;

        create index documents_deal_id_idx
            on ai.documents (agency_id, deal_id)
            where deal_id is not null;

        create index documents_owner_id_idx
            on ai.documents (agency_id, owner_id);

        create index documents_team_id_idx
            on ai.documents (agency_id, team_id);

        create table ai.chunks (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            document_id uuid not null,
            seq integer not null,
            content app.body not null,
            token_count integer not null,
            content_sha256 app.sha256 not null,
            search tsvector generated always as (to_tsvector('pg_catalog.simple', content)) stored,
            owner_id uuid,
            team_id uuid,
            visibility app.visibility not null,
            participant_ids uuid[],
            by_record boolean not null default false,
            created_at timestamptz not null default now(),
            created_by uuid,
            constraint chunks_pkey primary key (agency_id, id),
            constraint chunks_document_id_seq_key unique (agency_id, document_id, seq),
            constraint chunks_document_id_fkey foreign key (agency_id, document_id)
                references ai.documents (agency_id, id) on delete cascade,
            constraint chunks_seq_not_negative check (seq >= 0),
            constraint chunks_token_count_in_bounds check (token_count between 1 and 8192)
        );

        create index chunks_search_idx
            on ai.chunks using gin (agency_id, search);

        create table ai.embedding_models (
            id uuid not null default app.uuid_v7(),
            key app.label not null,
            provider app.label not null,
            model app.label not null,
            vector_type text not null,
            dims integer not null,
            storage text generated always as (vector_type || '_' || dims::text) stored,
            distance text not null default 'cosine',
            normalised boolean not null default true,
            max_tokens integer not null default 8192,
            status app.model_status not null default 'building',
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            row_version integer not null default 1,
            constraint embedding_models_pkey primary key (id),
            constraint embedding_models_key_key unique (key),
            constraint embedding_models_id_storage_key unique (id, storage),
            constraint embedding_models_known_type check (vector_type in ('vector', 'halfvec')),
            constraint embedding_models_storage_length check (length(storage) <= 20),
            constraint embedding_models_known_distance check (distance in ('cosine', 'l2', 'inner_product')),
            constraint embedding_models_dims_in_bounds
                check (dims between 1 and case vector_type when 'vector' then 2000 else 4000 end)
        );

        create table ai.memories (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            subject app.memory_subject not null,
            membership_id uuid,
            contact_id uuid,
            company_id uuid,
            deal_id uuid,
            kind app.memory_kind not null,
            content app.line not null,
            content_sha256 app.sha256 not null,
            importance real not null default 0.5,
            confidence real not null default 0.5,
            half_life interval,
            last_accessed_at timestamptz,
            access_count integer not null default 0,
            expires_at timestamptz,
            source_run_id uuid,
            superseded_by_id uuid,
            search tsvector generated always as (to_tsvector('pg_catalog.simple', content)) stored,
            owner_id uuid,
            team_id uuid,
            visibility app.visibility not null,
            participant_ids uuid[],
            by_record boolean not null default false,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            constraint memories_pkey primary key (agency_id, id),
            constraint memories_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint memories_membership_id_fkey foreign key (agency_id, membership_id)
                references tenancy.memberships (agency_id, id) on delete cascade,
            constraint memories_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id) on delete cascade,
            constraint memories_company_id_fkey foreign key (agency_id, company_id)
                references crm.companies (agency_id, id) on delete cascade,
            constraint memories_deal_id_fkey foreign key (agency_id, deal_id)
                references crm.deals (agency_id, id) on delete cascade,
            constraint memories_superseded_by_id_fkey foreign key (agency_id, superseded_by_id)
                references ai.memories (agency_id, id) on delete set null (superseded_by_id),
            constraint memories_owner_id_fkey foreign key (agency_id, owner_id)
                references tenancy.memberships (agency_id, id) on delete set null (owner_id),
            constraint memories_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id) on delete set null (team_id),
            constraint memories_one_subject
                check (num_nonnulls(membership_id, contact_id, company_id, deal_id) = (subject <> 'agency')::int),
            constraint memories_member_is_named check ((subject = 'member') = (membership_id is not null)),
            constraint memories_contact_is_named check ((subject = 'contact') = (contact_id is not null)),
            constraint memories_company_is_named check ((subject = 'company') = (company_id is not null)),
            constraint memories_deal_is_named check ((subject = 'deal') = (deal_id is not null)),
            constraint memories_about_a_member_are_private
                check (subject <> 'member' or (visibility = 'private' and owner_id = membership_id)),
            constraint memories_not_for_clients check (visibility <> 'client'),
            constraint memories_weights_in_bounds check (importance between 0 and 1 and confidence between 0 and 1),
            constraint memories_not_superseded_by_itself check (superseded_by_id <> id)
        );

        create index memories_membership_id_idx
            on ai.memories (agency_id, membership_id)
            where membership_id is not null;

        create index memories_contact_id_idx
            on ai.memories (agency_id, contact_id)
            where contact_id is not null;

        create index memories_company_id_idx
            on ai.memories (agency_id, company_id)
            where company_id is not null;

        create index memories_deal_id_idx
            on ai.memories (agency_id, deal_id)
            where deal_id is not null;

        create index memories_source_run_id_idx
            on ai.memories (agency_id, source_run_id)
            where source_run_id is not null;

        create index memories_superseded_by_id_idx
            on ai.memories (agency_id, superseded_by_id)
            where superseded_by_id is not null;

        create index memories_expires_at_idx
            on ai.memories (agency_id, expires_at)
            where expires_at is not null;

        create index memories_owner_id_idx
            on ai.memories (agency_id, owner_id);

        create index memories_team_id_idx
            on ai.memories (agency_id, team_id);

        create index memories_search_idx
            on ai.memories using gin (agency_id, search);

        create table ai.agency_tiers (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            storage text not null,
            tier text not null default 'small',
            state text not null default 'ready',
            constraint agency_tiers_pkey primary key (agency_id, id),
            constraint agency_tiers_storage_key unique (agency_id, storage),
            constraint agency_tiers_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id) on delete cascade,
            constraint agency_tiers_storage_length check (length(storage) <= 20),
            constraint agency_tiers_of_a_tier check (tier in ('small', 'large')),
            constraint agency_tiers_in_a_state check (state in ('ready', 'moving'))
        );
        """
    )
    execute(
        r"""
        -- Where a new vector of the agency bound goes: the default of column tier. The row stays locked (FOR SHARE)
        -- until the end of the transaction: an agency is not moved to another tier while vectors are written for the
        -- one it is in. Only who writes vectors reads the tiers, so SECURITY INVOKER.
        create or replace function app.embedding_tier(storage text)
        returns text
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return (
                select t.tier
                  from ai.agency_tiers as t
                 where t.agency_id = app.agency_id()
                   and t.storage = embedding_tier.storage
                   for share
            );
        end;
        $function$;

        revoke all on function app.embedding_tier(text) from public;
        grant execute on function app.embedding_tier(text) to
            service_role,
            gardenos_worker;

        comment on function app.embedding_tier(text) is
        'The tier that new vectors of the agency go to; the agency stays in it until the end of the transaction.';
        """
    )
    execute(
        r"""
        create table ai.embeddings_vector_1536 (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            chunk_id uuid,
            memory_id uuid,
            model_id uuid not null,
            storage text not null default 'vector_1536',
            tier text not null default app.embedding_tier('vector_1536'),
            content_sha256 app.sha256 not null,
            embedding extensions.vector(1536) not null,
            embedded_at timestamptz not null default now(),
            owner_id uuid,
            team_id uuid,
            visibility app.visibility not null,
            participant_ids uuid[],
            by_record boolean not null default false,
            constraint embeddings_vector_1536_pkey primary key (agency_id, id, tier),
            constraint embeddings_vector_1536_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint embeddings_vector_1536_chunk_id_fkey foreign key (agency_id, chunk_id)
                references ai.chunks (agency_id, id) on delete cascade,
            constraint embeddings_vector_1536_memory_id_fkey foreign key (agency_id, memory_id)
                references ai.memories (agency_id, id) on delete cascade,
            constraint embeddings_vector_1536_model_id_fkey foreign key (model_id, storage)
                references ai.embedding_models (id, storage),
            constraint embeddings_vector_1536_of_this_storage check (storage = 'vector_1536'),
            constraint embeddings_vector_1536_of_a_tier check (tier in ('small', 'large')),
            constraint embeddings_vector_1536_of_one_text check (num_nonnulls(chunk_id, memory_id) = 1)
        ) partition by list (tier);

        create unique index embeddings_vector_1536_chunk_id_key
            on ai.embeddings_vector_1536 (agency_id, chunk_id, model_id, tier)
            where chunk_id is not null;

        create unique index embeddings_vector_1536_memory_id_key
            on ai.embeddings_vector_1536 (agency_id, memory_id, model_id, tier)
            where memory_id is not null;

        create index embeddings_vector_1536_agency_id_model_id_idx
            on ai.embeddings_vector_1536 (agency_id, model_id);

        create index embeddings_vector_1536_model_id_idx
            on ai.embeddings_vector_1536 (model_id, storage);

        create table ai.embeddings_vector_1536_small
            partition of ai.embeddings_vector_1536 for values in ('small');

        create table ai.embeddings_vector_1536_large
            partition of ai.embeddings_vector_1536 for values in ('large')
            partition by list (agency_id);

        create table ai.embeddings_halfvec_3072 (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            chunk_id uuid,
            memory_id uuid,
            model_id uuid not null,
            storage text not null default 'halfvec_3072',
            tier text not null default app.embedding_tier('halfvec_3072'),
            content_sha256 app.sha256 not null,
            embedding extensions.halfvec(3072) not null,
            embedded_at timestamptz not null default now(),
            owner_id uuid,
            team_id uuid,
            visibility app.visibility not null,
            participant_ids uuid[],
            by_record boolean not null default false,
            constraint embeddings_halfvec_3072_pkey primary key (agency_id, id, tier),
            constraint embeddings_halfvec_3072_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint embeddings_halfvec_3072_chunk_id_fkey foreign key (agency_id, chunk_id)
                references ai.chunks (agency_id, id) on delete cascade,
            constraint embeddings_halfvec_3072_memory_id_fkey foreign key (agency_id, memory_id)
                references ai.memories (agency_id, id) on delete cascade,
            constraint embeddings_halfvec_3072_model_id_fkey foreign key (model_id, storage)
                references ai.embedding_models (id, storage),
            constraint embeddings_halfvec_3072_of_this_storage check (storage = 'halfvec_3072'),
            constraint embeddings_halfvec_3072_of_a_tier check (tier in ('small', 'large')),
            constraint embeddings_halfvec_3072_of_one_text check (num_nonnulls(chunk_id, memory_id) = 1)
        ) partition by list (tier);

        create unique index embeddings_halfvec_3072_chunk_id_key
            on ai.embeddings_halfvec_3072 (agency_id, chunk_id, model_id, tier)
            where chunk_id is not null;

        create unique index embeddings_halfvec_3072_memory_id_key
            on ai.embeddings_halfvec_3072 (agency_id, memory_id, model_id, tier)
            where memory_id is not null;

        create index embeddings_halfvec_3072_agency_id_model_id_idx
            on ai.embeddings_halfvec_3072 (agency_id, model_id);

        create index embeddings_halfvec_3072_model_id_idx
            on ai.embeddings_halfvec_3072 (model_id, storage);

        create table ai.embeddings_halfvec_3072_small
            partition of ai.embeddings_halfvec_3072 for values in ('small');

        create table ai.embeddings_halfvec_3072_large
            partition of ai.embeddings_halfvec_3072 for values in ('large')
            partition by list (agency_id);

        create table ai.embedding_jobs (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            chunk_id uuid,
            memory_id uuid,
            model_id uuid not null,
            content_sha256 app.sha256 not null,
            -- squawk-ignore prefer-bigint-over-smallint -- three digits
            priority smallint not null default 100,
            -- squawk-ignore prefer-bigint-over-smallint -- a handful
            attempts smallint not null default 0,
            run_after timestamptz not null default now(),
            locked_by app.label,
            locked_until timestamptz,
            last_error app.line,
            dead_at timestamptz,
            constraint embedding_jobs_pkey primary key (agency_id, id),
            constraint embedding_jobs_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint embedding_jobs_chunk_id_fkey foreign key (agency_id, chunk_id)
                references ai.chunks (agency_id, id) on delete cascade,
            constraint embedding_jobs_memory_id_fkey foreign key (agency_id, memory_id)
                references ai.memories (agency_id, id) on delete cascade,
            constraint embedding_jobs_model_id_fkey foreign key (model_id)
                references ai.embedding_models (id),
            constraint embedding_jobs_of_one_text check (num_nonnulls(chunk_id, memory_id) = 1)
        );

        create unique index embedding_jobs_chunk_id_key
            on ai.embedding_jobs (agency_id, chunk_id, model_id)
            where chunk_id is not null;

        create unique index embedding_jobs_memory_id_key
            on ai.embedding_jobs (agency_id, memory_id, model_id)
            where memory_id is not null;

        create index embedding_jobs_model_id_idx
            on ai.embedding_jobs (model_id);

        create index embedding_jobs_due_idx
            on ai.embedding_jobs (agency_id, priority, run_after, id)
            where dead_at is null;
        """
    )
    execute(
        r"""
        comment on table ai.documents is 'A source that has been, or will be, cut into chunks. Who may read it is copied from the source.';
        comment on column ai.documents.agency_id is 'not personal: The agency that the row belongs to; never changes.';
        comment on column ai.documents.id is 'not personal: The id of the row, a uuid v7.';
        comment on column ai.documents.source_kind is 'not personal: What it was made of: file, conversation, activity, contact, company, deal; or note, which stands alone.';
        comment on column ai.documents.file_id is 'not personal: The source, of the kind file.';
        comment on column ai.documents.conversation_id is 'not personal: The source, of the kind conversation.';
        comment on column ai.documents.activity_id is 'not personal: The source, of the kind activity.';
        comment on column ai.documents.contact_id is 'not personal: The source, of the kind contact.';
        comment on column ai.documents.company_id is 'not personal: The source, of the kind company.';
        comment on column ai.documents.deal_id is 'not personal: The source, of the kind deal.';
        comment on column ai.documents.title is 'free text: What it is called.';
        comment on column ai.documents.content_sha256 is 'not personal: The hash of the content that was cut; different from that of the source: stale.';
        comment on column ai.documents.status is 'not personal: How far the worker is.';
        comment on column ai.documents.error is 'free text: Why it could not be cut.';
        comment on column ai.documents.owner_id is 'not personal: Whose it is, copied from the source.';
        comment on column ai.documents.team_id is 'not personal: Whose team it is, copied from the source.';
        comment on column ai.documents.visibility is 'not personal: How widely it may be read, copied from the source.';
        comment on column ai.documents.participant_ids is 'not personal: Who takes part, copied from the source; null where nobody has to.';
        comment on column ai.documents.by_record is 'not personal: Whether readers must also reach the record, by owner and team.';
        comment on column ai.documents.created_at is 'not personal: When the row was made.';
        comment on column ai.documents.created_by is 'not personal: The membership that made the row; null for a service.';
        comment on column ai.documents.updated_at is 'not personal: When the row was last changed.';
        comment on column ai.documents.updated_by is 'not personal: The membership that last changed the row; null for a service.';
        comment on column ai.documents.row_version is 'not personal: Raised by every change; send the one you read, and a change in between is refused.';
        comment on column ai.documents.deleted_at is 'not personal: When the row was deleted; null while it is live.';
        comment on column ai.documents.deleted_by is 'not personal: The membership that deleted the row.';

        comment on table ai.chunks is 'The pieces of documents that are searched. The worker writes them.';
        comment on column ai.chunks.agency_id is 'not personal: The agency that the row belongs to; never changes.';
        comment on column ai.chunks.id is 'not personal: The id of the row, a uuid v7.';
        comment on column ai.chunks.document_id is 'not personal: The document.';
        comment on column ai.chunks.seq is 'not personal: Its place: 0, 1, 2 …';
        comment on column ai.chunks.content is 'free text: The text.';
        comment on column ai.chunks.token_count is 'not personal: How many tokens it has.';
        comment on column ai.chunks.content_sha256 is 'not personal: The hash of the text.';
        comment on column ai.chunks.search is 'not personal: What full text search looks at; made by the database.';
        comment on column ai.chunks.owner_id is 'not personal: Whose it is, copied from the document.';
        comment on column ai.chunks.team_id is 'not personal: Whose team it is, copied from the document.';
        comment on column ai.chunks.visibility is 'not personal: How widely it may be read, copied from the document.';
        comment on column ai.chunks.participant_ids is 'not personal: Who takes part, copied from the document; null where nobody has to.';
        comment on column ai.chunks.by_record is 'not personal: Whether readers must also reach the record, by owner and team.';
        comment on column ai.chunks.created_at is 'not personal: When the row was made.';
        comment on column ai.chunks.created_by is 'not personal: The membership that made the row; null for a service.';

        comment on table ai.embedding_models is 'The models that make vectors. Read-only for everybody; a revision or a service adds one.';
        comment on column ai.embedding_models.id is 'not personal: The id of the row, a uuid v7.';
        comment on column ai.embedding_models.key is 'not personal: Its name: openai/text-embedding-3-small@1536.';
        comment on column ai.embedding_models.provider is 'not personal: Who runs it.';
        comment on column ai.embedding_models.model is 'not personal: Its name there.';
        comment on column ai.embedding_models.vector_type is 'not personal: vector or halfvec.';
        comment on column ai.embedding_models.dims is 'not personal: How many numbers a vector has.';
        comment on column ai.embedding_models.storage is 'not personal: Which table has its vectors: vector_1536; made by the database.';
        comment on column ai.embedding_models.distance is 'not personal: How vectors are compared: cosine, l2 or inner_product.';
        comment on column ai.embedding_models.normalised is 'not personal: Whether every vector has the length 1.';
        comment on column ai.embedding_models.max_tokens is 'not personal: How long a text may be.';
        comment on column ai.embedding_models.status is 'not personal: building: texts are being embedded; active: searched; retired: to be deleted.';
        comment on column ai.embedding_models.created_at is 'not personal: When the row was made.';
        comment on column ai.embedding_models.updated_at is 'not personal: When the row was last changed.';
        comment on column ai.embedding_models.row_version is 'not personal: Raised by every change; send the one you read, and a change in between is refused.';

        comment on table ai.agency_tiers is 'In which partition the vectors of an agency are. Made with the agency; the worker moves it.';
        comment on column ai.agency_tiers.agency_id is 'not personal: The agency that the row belongs to; never changes.';
        comment on column ai.agency_tiers.id is 'not personal: The id of the row, a uuid v7.';
        comment on column ai.agency_tiers.storage is 'not personal: Type and dimensions: vector_1536, halfvec_3072.';
        comment on column ai.agency_tiers.tier is 'not personal: Where new vectors go.';
        comment on column ai.agency_tiers.state is 'not personal: moving: vectors are in both tiers, and a search reads both.';

        comment on table ai.memories is 'What agents remember: one fact each.';
        comment on column ai.memories.agency_id is 'not personal: The agency that the row belongs to; never changes.';
        comment on column ai.memories.id is 'not personal: The id of the row, a uuid v7.';
        comment on column ai.memories.subject is 'not personal: What it is about; never changes.';
        comment on column ai.memories.membership_id is 'not personal: The colleague it is about.';
        comment on column ai.memories.contact_id is 'not personal: The contact it is about.';
        comment on column ai.memories.company_id is 'not personal: The company it is about.';
        comment on column ai.memories.deal_id is 'not personal: The deal it is about.';
        comment on column ai.memories.kind is 'not personal: semantic: a fact; episodic: an event; procedural: how to do something.';
        comment on column ai.memories.content is 'free text: The fact.';
        comment on column ai.memories.content_sha256 is 'not personal: The hash of the content, made by the database.';
        comment on column ai.memories.importance is 'not personal: From 0 to 1.';
        comment on column ai.memories.confidence is 'not personal: From 0 to 1.';
        comment on column ai.memories.half_life is 'not personal: How fast it fades in the order of a search; null: as its kind does.';
        comment on column ai.memories.last_accessed_at is 'not personal: When it was last used; written by the worker in batches.';
        comment on column ai.memories.access_count is 'not personal: How often it was used; written by the worker in batches.';
        comment on column ai.memories.expires_at is 'not personal: From when on it is not found.';
        comment on column ai.memories.source_run_id is 'not personal: The run of an agent that it comes from.';
        comment on column ai.memories.superseded_by_id is 'not personal: The memory that replaced it.';
        comment on column ai.memories.search is 'not personal: What full text search looks at; made by the database.';
        comment on column ai.memories.owner_id is 'not personal: Whose it is, copied from the record it is about, if any.';
        comment on column ai.memories.team_id is 'not personal: Whose team it is, copied from the record it is about, if any.';
        comment on column ai.memories.visibility is 'not personal: How widely it may be read, copied from the record it is about, if any.';
        comment on column ai.memories.participant_ids is 'not personal: Who takes part, copied from the record it is about, if any; null where nobody has to.';
        comment on column ai.memories.by_record is 'not personal: Whether readers must also reach the record, by owner and team.';
        comment on column ai.memories.created_at is 'not personal: When the row was made.';
        comment on column ai.memories.created_by is 'not personal: The membership that made the row; null for a service.';
        comment on column ai.memories.updated_at is 'not personal: When the row was last changed.';
        comment on column ai.memories.updated_by is 'not personal: The membership that last changed the row; null for a service.';
        comment on column ai.memories.row_version is 'not personal: Raised by every change; send the one you read, and a change in between is refused.';
        comment on column ai.memories.deleted_at is 'not personal: When the row was deleted; null while it is live.';
        comment on column ai.memories.deleted_by is 'not personal: The membership that deleted the row.';

        comment on table ai.embeddings_vector_1536 is 'Vectors of 1536 numbers, one for each text and model. Partitions by tier: small is searched exactly, large has an index for each agency.';
        comment on column ai.embeddings_vector_1536.agency_id is 'not personal: The agency that the row belongs to; never changes.';
        comment on column ai.embeddings_vector_1536.id is 'not personal: The id of the row, a uuid v7.';
        comment on column ai.embeddings_vector_1536.chunk_id is 'not personal: The chunk it stands for; or a memory.';
        comment on column ai.embeddings_vector_1536.memory_id is 'not personal: The memory it stands for; or a chunk.';
        comment on column ai.embeddings_vector_1536.model_id is 'not personal: The model that made it: vectors of two models are never compared.';
        comment on column ai.embeddings_vector_1536.storage is 'not personal: Constant; half of the key to the model.';
        comment on column ai.embeddings_vector_1536.tier is 'not personal: The partition, as ai.agency_tiers says.';
        comment on column ai.embeddings_vector_1536.content_sha256 is 'not personal: The hash of the text it was made of; different from that of the text: stale.';
        comment on column ai.embeddings_vector_1536.embedding is 'not personal: The vector, which follows the text: an erasure that changes the text deletes it.';
        comment on column ai.embeddings_vector_1536.embedded_at is 'not personal: When it was made.';
        comment on column ai.embeddings_vector_1536.owner_id is 'not personal: Whose it is, copied from the chunk or the memory.';
        comment on column ai.embeddings_vector_1536.team_id is 'not personal: Whose team it is, copied from the chunk or the memory.';
        comment on column ai.embeddings_vector_1536.visibility is 'not personal: How widely it may be read, copied from the chunk or the memory.';
        comment on column ai.embeddings_vector_1536.participant_ids is 'not personal: Who takes part, copied from the chunk or the memory; null where nobody has to.';
        comment on column ai.embeddings_vector_1536.by_record is 'not personal: Whether readers must also reach the record, by owner and team.';

        comment on table ai.embeddings_halfvec_3072 is 'Vectors of 3072 numbers, one for each text and model. Partitions by tier: small is searched exactly, large has an index for each agency.';
        comment on column ai.embeddings_halfvec_3072.agency_id is 'not personal: The agency that the row belongs to; never changes.';
        comment on column ai.embeddings_halfvec_3072.id is 'not personal: The id of the row, a uuid v7.';
        comment on column ai.embeddings_halfvec_3072.chunk_id is 'not personal: The chunk it stands for; or a memory.';
        comment on column ai.embeddings_halfvec_3072.memory_id is 'not personal: The memory it stands for; or a chunk.';
        comment on column ai.embeddings_halfvec_3072.model_id is 'not personal: The model that made it: vectors of two models are never compared.';
        comment on column ai.embeddings_halfvec_3072.storage is 'not personal: Constant; half of the key to the model.';
        comment on column ai.embeddings_halfvec_3072.tier is 'not personal: The partition, as ai.agency_tiers says.';
        comment on column ai.embeddings_halfvec_3072.content_sha256 is 'not personal: The hash of the text it was made of; different from that of the text: stale.';
        comment on column ai.embeddings_halfvec_3072.embedding is 'not personal: The vector, which follows the text: an erasure that changes the text deletes it.';
        comment on column ai.embeddings_halfvec_3072.embedded_at is 'not personal: When it was made.';
        comment on column ai.embeddings_halfvec_3072.owner_id is 'not personal: Whose it is, copied from the chunk or the memory.';
        comment on column ai.embeddings_halfvec_3072.team_id is 'not personal: Whose team it is, copied from the chunk or the memory.';
        comment on column ai.embeddings_halfvec_3072.visibility is 'not personal: How widely it may be read, copied from the chunk or the memory.';
        comment on column ai.embeddings_halfvec_3072.participant_ids is 'not personal: Who takes part, copied from the chunk or the memory; null where nobody has to.';
        comment on column ai.embeddings_halfvec_3072.by_record is 'not personal: Whether readers must also reach the record, by owner and team.';

        comment on table ai.embedding_jobs is 'The queue of texts that need a vector. No API role reaches it.';
        comment on column ai.embedding_jobs.agency_id is 'not personal: The agency that the row belongs to; never changes.';
        comment on column ai.embedding_jobs.id is 'not personal: The id of the row, a uuid v7.';
        comment on column ai.embedding_jobs.chunk_id is 'not personal: The chunk to embed; or a memory.';
        comment on column ai.embedding_jobs.memory_id is 'not personal: The memory to embed; or a chunk.';
        comment on column ai.embedding_jobs.model_id is 'not personal: The model to use.';
        comment on column ai.embedding_jobs.content_sha256 is 'not personal: The hash of the text to embed.';
        comment on column ai.embedding_jobs.priority is 'not personal: Small first.';
        comment on column ai.embedding_jobs.attempts is 'not personal: How often it was tried.';
        comment on column ai.embedding_jobs.run_after is 'not personal: Not before.';
        comment on column ai.embedding_jobs.locked_by is 'not personal: The worker that has it.';
        comment on column ai.embedding_jobs.locked_until is 'not personal: Until when that worker has it.';
        comment on column ai.embedding_jobs.last_error is 'free text: What went wrong last.';
        comment on column ai.embedding_jobs.dead_at is 'not personal: When it was given up.';

        comment on table ai.embeddings_vector_1536_small is 'A partition of ai.embeddings_vector_1536, for nobody to touch.';
        comment on table ai.embeddings_vector_1536_large is 'A partition of ai.embeddings_vector_1536, for nobody to touch.';
        comment on table ai.embeddings_halfvec_3072_small is 'A partition of ai.embeddings_halfvec_3072, for nobody to touch.';
        comment on table ai.embeddings_halfvec_3072_large is 'A partition of ai.embeddings_halfvec_3072, for nobody to touch.';
        """
    )
    execute(
        r"""
        -- In which partition vectors are is nobody's business but the worker's, who moves them.
        alter table ai.agency_tiers enable row level security;
        alter table ai.agency_tiers force row level security;

        create policy "tenant floor"
        on ai.agency_tiers
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the worker reads tiers"
        on ai.agency_tiers
        as permissive
        for select
        to gardenos_worker
        using (
            agency_id = (select app.agency_id())
            and (select app.is_agency_active())
        );

        create policy "the worker moves agencies between tiers"
        on ai.agency_tiers
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

        create policy "tenancy functions furnish new agencies"
        on ai.agency_tiers
        as permissive
        for insert
        to gardenos_tenancy_writer
        with check (
            true
        );

        create policy "triggers read the tier of an agency"
        on ai.agency_tiers
        as permissive
        for select
        to gardenos_ai_writer
        using (
            true
        );

        create policy "triggers lock the tier of an agency"
        on ai.agency_tiers
        as permissive
        for update
        to gardenos_ai_writer
        using (
            true
        )
        with check (
            true
        );

        create policy "the auditor reads everything"
        on ai.agency_tiers
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table ai.agency_tiers to service_role;

        grant select on table ai.agency_tiers to gardenos_auditor;

        grant select on table ai.agency_tiers to gardenos_worker;

        grant update (
            tier,
            state
        ) on table ai.agency_tiers to gardenos_worker;

        grant insert on table ai.agency_tiers to gardenos_tenancy_writer;

        grant select on table ai.agency_tiers to gardenos_ai_writer;

        grant update (
            id
        ) on table ai.agency_tiers to gardenos_ai_writer;
        """
    )
    execute(
        r"""
        -- Each agency has a tier for each table of embeddings, from its first moment on: without one, no vector of it
        -- could be written. SECURITY DEFINER: who makes an agency is not bound to it.
        set local role gardenos_tenancy_writer;

        create or replace function app.make_tiers()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            insert into ai.agency_tiers (agency_id, storage)
            select
                n.id,
                s.storage
              from new_rows as n
             cross join (
                 values
                 ('vector_1536'),
                 ('halfvec_3072')
             ) as s (storage);
            return null;
        end;
        $function$;

        revoke all on function app.make_tiers() from public;
        grant execute on function app.make_tiers() to
            gardenos_owner;

        comment on function app.make_tiers() is
        'Gives a new agency a tier for each table of embeddings.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        create or replace trigger make_tiers
        after insert on tenancy.agencies
        referencing new table as new_rows
        for each statement
        execute function app.make_tiers();

        set local role gardenos_tenancy_writer;

        insert into ai.agency_tiers (agency_id, storage)
        select a.id, s.storage
          from tenancy.agencies as a
         cross join (values ('vector_1536'), ('halfvec_3072')) as s (storage);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        alter table tenancy.agencies
            add constraint agencies_embedding_model_id_fkey
            foreign key (embedding_model_id) references ai.embedding_models (id)
            not valid;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        alter table tenancy.agencies
            drop constraint agencies_embedding_model_id_fkey;

        drop trigger make_tiers on tenancy.agencies;
        drop function app.make_tiers();

        drop table ai.embedding_jobs;
        drop table ai.embeddings_halfvec_3072;
        drop table ai.embeddings_vector_1536;
        drop function app.embedding_tier(text);
        drop table ai.agency_tiers;
        drop table ai.memories;
        drop table ai.embedding_models;
        drop table ai.chunks;
        drop table ai.documents;

        drop type app.memory_subject;
        drop type app.memory_kind;
        drop type app.model_status;
        drop type app.document_status;
        """
    )
