"""The rules of architecture section 4, each read off the catalogue for every table there is.

A check answers what violates it, one line each; an empty list means that the rule holds. The same
checks are run on the migrated database (`test_catalogue.py`) and on databases that were broken on
purpose (`test_mutations.py`). Exceptions are named, with the reason, and an exception that nothing
needs any more is a violation too: a list that only grows protects nothing.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from migrations.desired_state import recorders
from tests.policies.access import Connection, Row
from tests.policies.cluster_url import is_set_aside
from tests.policies.matrix import SCHEMAS
from tests.policies.worker import contract

Check = Callable[[Connection], list[str]]

OURS = [*SCHEMAS, "app", "migration"]
OWNER = "gardenos_owner"
FLOOR_ROLES = {"anon", "authenticated", "service_role", "gardenos_worker"}
FLOOR = "(agency_id = ( SELECT app.agency_id() AS agency_id))"

# Tables without agency_id, and the text of the floor that they have instead.
GLOBAL_TABLES = {
    # the tenant itself: its id is everybody's agency_id
    "tenancy.agencies": "(id = ( SELECT app.agency_id() AS agency_id))",
    # which token issuers are believed: nobody's business
    "tenancy.issuers": "false",
    # a login can be in several agencies: the floor is the person
    "tenancy.users": "(id = ( SELECT app.user_id() AS user_id))",
    "tenancy.user_identities": "(user_id = ( SELECT app.user_id() AS user_id))",
    # the same models for all agencies: whoever is in one
    "ai.embedding_models": "(( SELECT app.agency_id() AS agency_id) IS NOT NULL)",
    # which versions of a library its tables are: no client's business
    "langgraph.checkpoint_migrations": "false",
    "langgraph.store_migrations": "false",
    "langgraph.vector_migrations": "false",
}
# What a key has behind (agency_id, id): columns that choose the partition.
PARTITION_KEYS = {
    "ai.embeddings_vector_1536": ["tier"],
    "ai.embeddings_halfvec_3072": ["tier"],
}
# Tables of a library, with its primary keys (schema.md 2.2): its upserts name them.
LIBRARY = {
    "langgraph.checkpoints": ["thread_id", "checkpoint_ns", "checkpoint_id"],
    "langgraph.checkpoint_blobs": ["thread_id", "checkpoint_ns", "channel", "version"],
    "langgraph.checkpoint_writes": [
        "thread_id",
        "checkpoint_ns",
        "checkpoint_id",
        "task_id",
        "idx",
    ],
    "langgraph.store": ["prefix", "key"],
    "langgraph.store_vectors": ["prefix", "key", "field_name"],
}
# A namespace of the store begins with the agency, so what names it names the agency.
NAMESPACE = "prefix"
UNIQUE_WITHOUT_AGENCY = {
    "langgraph.checkpoints_pkey": "the library's; a trigger keeps threads to one agency",
    "langgraph.checkpoint_blobs_pkey": "the library's; a trigger keeps threads to one agency",
    "langgraph.checkpoint_writes_pkey": "the library's; a trigger keeps threads to one agency",
    "langgraph.store_pkey": "the library's; the prefix begins with the agency",
    "langgraph.store_vectors_pkey": "the library's; the prefix begins with the agency",
    "tenancy.agencies_slug_key": "a slug stands in URLs and is never used again",
    "tenancy.users_email_key": "one login per address, whatever the agencies",
    "tenancy.user_identities_issuer_subject_key": "a token names one user, whatever the agencies",
    "ai.embedding_models_key_key": "a model has one name, whatever the agencies",
    "ai.embedding_models_id_storage_key": "vectors name a model and its storage",
}
# Of two or more references one is set: the row is nothing without the record that it names.
OF_ONE_RECORD = "the row goes with the one record that it is about"
NEVER_DELETED = "memberships are never deleted (forbid_delete)"
OPTIONAL_WITHOUT_SET_NULL = {
    "tenancy.invitations_accepted_by_id_fkey": NEVER_DELETED,
    "tenancy.memberships_contact_id_fkey": "who is a client is erased or merged, not deleted",
    "tenancy.invitations_contact_id_fkey": "an invitation goes with the contact it is for",
    "crm.merge_records_undone_by_id_fkey": NEVER_DELETED,
    "crm.deal_stage_history_changed_by_id_fkey": NEVER_DELETED,
    "governance.erasure_requests_requested_by_id_fkey": NEVER_DELETED,
    "governance.erasure_requests_approved_by_id_fkey": NEVER_DELETED,
    "crm.deal_stage_history_from_stage_id_fkey": "stages are never deleted (forbid_removal)",
    "crm.saved_views_team_id_fkey": "a view for a team needs its team: teams are soft-deleted",
    "ai.agent_runs_triggered_by_id_fkey": NEVER_DELETED,
    "ai.agent_runs_on_behalf_of_id_fkey": NEVER_DELETED,
    "ai.agent_steps_decided_by_id_fkey": NEVER_DELETED,
    "ai.agent_runs_conversation_id_fkey": "what an agent did in a thread goes with the thread",
    "crm.activities_contact_id_fkey": "what was noted about a person goes with the person",
    "crm.conversations_contact_id_fkey": "what was said with a person goes with the person",
    **{
        f"crm.{table}_{column}_fkey": OF_ONE_RECORD
        for table, columns_ in {
            "merge_records": (
                "winner_contact_id",
                "loser_contact_id",
                "winner_company_id",
                "loser_company_id",
            ),
            "record_tags": ("contact_id", "company_id", "deal_id"),
            "participants": (
                "conversation_id",
                "calendar_event_id",
                "membership_id",
                "contact_id",
            ),
            "files": (
                "contact_id",
                "company_id",
                "deal_id",
                "activity_id",
                "calendar_event_id",
                "message_id",
            ),
        }.items()
        for column in columns_
    },
    **{
        f"ai.{table}_{column}_fkey": OF_ONE_RECORD
        for table, columns_ in {
            "documents": (
                "file_id",
                "conversation_id",
                "activity_id",
                "contact_id",
                "company_id",
                "deal_id",
            ),
            "memories": ("membership_id", "contact_id", "company_id", "deal_id"),
            "embeddings_vector_1536": ("chunk_id", "memory_id"),
            "embeddings_halfvec_3072": ("chunk_id", "memory_id"),
            "embedding_jobs": ("chunk_id", "memory_id"),
        }.items()
        for column in columns_
    },
    "tenancy.agencies_embedding_model_id_fkey": "a model that an agency uses is not deleted",
    **{
        f"langgraph.store_{column}_fkey": "an item goes with its subject"
        for column in (
            "membership_id",
            "contact_id",
            "company_id",
            "deal_id",
            "conversation_id",
        )
    },
}
# Columns that name a row without a foreign key (schema.md 2.2), and why.
STAMPED = ("created_by", "updated_by", "deleted_by")
OUTLIVES = "any table; it must outlive the row"
A_COPY = "a copy that a trigger keeps; the source has the foreign key"
UNREFERENCED = {
    "audit.log.record_id": OUTLIVES,
    "audit.log.actor_user_id": OUTLIVES,
    "audit.log.actor_membership_id": OUTLIVES,
    "audit.log.on_behalf_of_id": OUTLIVES,
    "audit.log.api_key_id": OUTLIVES,
    "integration.outbox_events.aggregate_id": OUTLIVES,
    "integration.webhook_deliveries.event_id": "partitions of the outbox are dropped earlier",
    "governance.erasure_requests.subject_id": "must outlive the subject",
    "crm.conversations.participant_ids": "a copy that a trigger keeps of crm.participants",
    "crm.calendar_events.participant_ids": "a copy that a trigger keeps of crm.participants",
    "ai.documents.participant_ids": A_COPY,
    "ai.memories.participant_ids": A_COPY,
    **{
        f"ai.{table}.{column}": A_COPY
        for table in ("chunks", "embeddings_vector_1536", "embeddings_halfvec_3072")
        for column in ("owner_id", "team_id", "participant_ids")
    },
}
# Foreign keys of three columns, and why.
TRIPLE_FOREIGN_KEYS = {
    "crm.deals_stage_id_fkey": "with pipeline_id: a stage of another pipeline cannot be set",
}
# Changes of these columns are no change of the row (schema.md 2.3): no version, no stamp.
UNTRACKED = {
    "last_used_at",
    "last_accessed_at",
    "access_count",
    "last_read_at",
    "last_message_at",
    "participant_ids",
    "attempts",
    "locked_by",
    "locked_until",
    "tier",
    "total_rows",
    "created_rows",
    "updated_rows",
    "skipped_rows",
    "failed_rows",
}
# The same in one table only: counters that a trigger keeps.
COUNTERS = {"ai.agent_runs": {"tokens_in", "tokens_out"}}
STAMPS = ("stamp_row", "stamp_link", "stamp_global", "stamp_deletion")
SUPERUSERS = {"postgres", "supabase_admin"}
BYPASSRLS = {"service_role"}
# Who reads or writes tenant rows without being bound by the floor; what each of them can do is
# proved in test_unbound_roles.py.
UNBOUND_ROLES = {
    "gardenos_membership_reader": "owns the functions that prove claims: the floor asks them",
    "gardenos_tenancy_writer": "owns invitations, new agencies, API keys, last owner",
    "gardenos_auditor": "reads everything, read-only",
    "gardenos_search": "owns the searches, and look-ups that policies cannot make of each other",
    "gardenos_crm_writer": "owns the triggers that keep what no client writes",
    "gardenos_ai_writer": "owns the triggers that copy who may read what agents know",
    "gardenos_merger": "owns merging: moves every child, looks for duplicates and merged consents",
    "gardenos_eraser": "owns erasure and retention: the agency bound, and logins without an agency",
    "gardenos_audit_writer": "owns the triggers that append to the trail; reads nothing",
    "gardenos_audit_sealer": "owns sealing: reads the trail, appends seals",
    "gardenos_publisher": "owns the triggers of outbox and queue, webhooks, what may be published",
    "gardenos_audit_redactor": "owns redaction: empties values of the trail, recorded",
    "gardenos_owner": "owns the tables; FORCE RLS and no policy: it sees no row",
}
# Roles that no login may become but superusers and, for DDL, the migrator.
CLOSED_ROLES = {
    "gardenos_owner",
    "gardenos_membership_reader",
    "gardenos_tenancy_writer",
    "gardenos_sealer",
    "gardenos_search",
    "gardenos_crm_writer",
    "gardenos_ai_writer",
    "gardenos_merger",
    "gardenos_eraser",
    "gardenos_audit_writer",
    "gardenos_audit_sealer",
    "gardenos_audit_redactor",
    "gardenos_publisher",
}

ERASER = "gardenos_eraser"
AUDITING = {"gardenos_audit_writer", "gardenos_audit_sealer", "gardenos_audit_redactor"}
# Who looks into schema migration: for the keys of seals, and for the epoch.
IN_MIGRATION = {"gardenos_sealer", "gardenos_publisher", ERASER, *AUDITING}

ASKING = ["authenticated", "service_role", "gardenos_worker"]
NARROW_ASKING = ["gardenos_membership_reader", "gardenos_tenancy_writer"]
VERIFYING = ["authenticated", "service_role", "gardenos_auditor"]
# Who notes the circumstances of a change.
CONTEXT = ["gardenos_audit_writer", "gardenos_audit_redactor", "gardenos_publisher"]
# The trigger functions of the trail, one for each recorded table.
RECORDERS = [
    f"{recorders.recorder_name(table)}()"
    for table, level in recorders.levels().items()
    if level != "none"
]
# The trigger functions that look past what the writer may see, or keep what no client writes.
KEEPERS = [
    "app.check_custom()",
    "app.check_lookups()",
    "app.check_suppression()",
    "app.check_thread()",
    "app.delete_points()",
    "app.guard_stage()",
    "app.keep_amount()",
    "app.keep_run_access()",
    "app.note_message()",
    "app.note_participants()",
    "app.note_run_access()",
    "app.note_stage()",
    "app.note_tokens()",
    "app.place_deal()",
    "app.total_deals()",
]
# The trigger functions that copy who may read a record to what agents know of it.
COPIERS = [
    "app.copy_document()",
    "app.copy_source()",
    "app.copy_subject()",
    "app.copy_text()",
    "app.forget_vectors()",
    "app.guard_tier()",
    "app.keep_within_run()",
    "app.narrow_memories()",
    "app.spread_chunk()",
    "app.spread_document()",
    "app.spread_memory()",
    "app.spread_source()",
]
# What feeds the queue of embeddings, counts it, and keeps agencies from losing vectors.
QUEUEING = [
    "app.note_text()",
    "app.guard_agency_model()",
    "app.agencies_of_model(uuid)",
    "app.embedding_health()",
]
# What an erasure asks of the trail, which it does not read itself.
ERASED_TRAIL = [
    "audit.last_change(uuid)",
    "audit.erase(uuid,bigint,uuid[],jsonb,text,text)",
    "audit.mentions(uuid,text,text)",
    "audit.texts_of(uuid,text,uuid)",
    "audit.redact_matching(uuid,text,uuid,text)",
]
# What adds or changes a row by its natural key.
UPSERTS = [
    "app.upsert_company(jsonb)",
    "app.upsert_contact(jsonb)",
    "app.upsert_contact_point(jsonb)",
    "app.upsert_contact_company(jsonb)",
    "app.upsert_tag(jsonb)",
    "app.upsert_saved_view(jsonb)",
    "app.upsert_product(jsonb)",
    "app.upsert_conversation(jsonb)",
    "app.upsert_calendar_event(jsonb)",
    "app.tag_record(uuid,uuid,uuid,uuid,uuid)",
]
# Lists that can be searched: what people call, and for most what looks past RLS for it.
CANDIDATES = [
    f"app.{name}_candidates(text,integer,uuid)"
    for name in (
        "activity",
        "company",
        "contact",
        "conversation",
        "deal",
        "event",
        "message",
    )
]
SEARCHES = [
    f"app.search_{name}(text,integer,uuid)"
    for name in (
        "activities",
        "companies",
        "contacts",
        "conversations",
        "deals",
        "events",
        "files",
        "messages",
        "products",
    )
]
# Every function, and who may execute it besides its owner.
EXECUTE: dict[str, list[str]] = {
    # who is asking: the roles of the floor ask, and the narrow roles inside their own functions
    "app.agency_id()": [*ASKING, *NARROW_ASKING, ERASER],
    "app.agency_role()": [*ASKING, *NARROW_ASKING],
    "app.membership_id()": [
        *ASKING,
        *NARROW_ASKING,
        "gardenos_crm_writer",
        "gardenos_ai_writer",
        "gardenos_merger",
        "gardenos_publisher",
        ERASER,
    ],
    "app.record_scope()": [*ASKING, *NARROW_ASKING],
    "app.user_id()": [*ASKING, *NARROW_ASKING],
    # foreign keys clear a reference as the owner, and the triggers of the row ask
    "app.proof()": [
        *ASKING,
        "gardenos_owner",
        "gardenos_tenancy_writer",
        "gardenos_search",
        "gardenos_crm_writer",
        "gardenos_ai_writer",
        "gardenos_merger",
        "gardenos_publisher",
        ERASER,
    ],
    # how far a row scope reaches; policies ask once per statement
    "app.reach(text,app.agency_role[],app.agency_role[],app.agency_role[],app.agency_role[])": [
        *ASKING,
        "gardenos_merger",
        "gardenos_search",
        "gardenos_crm_writer",
    ],
    "app.my_teams()": [*ASKING, "gardenos_merger", "gardenos_search", "gardenos_crm_writer"],
    "app.my_events()": ASKING,
    "app.contact_id()": [*ASKING, "gardenos_search", "gardenos_merger"],
    "app.can_import()": [*ASKING, "gardenos_crm_writer"],
    "app.is_agent_acting()": ASKING,
    # what is an agent's own
    "app.may_as_agent(text)": ASKING,
    "app.prune_threads(interval,integer)": ["gardenos_worker"],
    "app.check_namespace()": [],
    "app.default_team_id()": ASKING,
    "app.may(text,app.agency_role[])": [
        *ASKING,
        *NARROW_ASKING,
        "gardenos_merger",
        "gardenos_search",
        "gardenos_publisher",
        ERASER,
    ],
    "app.may_as_myself(text)": [*ASKING, *NARROW_ASKING],
    "app.claims()": [*ASKING, "gardenos_app", *NARROW_ASKING],
    "app.seal_is_valid(text,text)": [*ASKING, "gardenos_app", *NARROW_ASKING],
    "app.teams_i_lead()": ["authenticated", "gardenos_tenancy_writer"],
    "app.claimed_user(jsonb)": ["gardenos_membership_reader"],
    "app.claimed_uuid(jsonb,text)": ["gardenos_membership_reader"],
    # vectors go to the tier of their agency
    "app.embedding_tier(text)": ["service_role", "gardenos_worker"],
    "app.source_access(uuid,text,uuid)": ["gardenos_ai_writer"],
    "app.hash_content()": [],
    "app.forbid_subject_change()": [],
    # service logins
    "app.bind_session(text,bigint,text)": ["gardenos_app"],
    "app.issue_seal(text,bigint,text)": ["gardenos_app"],
    "app.api_key_claims(text)": ["gardenos_app"],
    "app.bind_worker(uuid)": ["gardenos_worker"],
    "app.issue_worker_seal(uuid)": ["gardenos_worker"],
    # imports: the worker's part, and what it does as the owner of the job
    "app.analyze_imports()": ["gardenos_worker"],
    "app.bind_import(uuid)": ["gardenos_worker"],
    "app.issue_import_seal(uuid,uuid)": ["gardenos_worker"],
    "app.validate_import_batch(uuid,integer,integer)": ["gardenos_worker"],
    "app.run_import_batch(uuid,integer)": ["gardenos_worker"],
    "app.release_import(uuid)": ["authenticated", "gardenos_worker"],
    "app.import_failure(jsonb,text,text,text)": ["authenticated", "gardenos_worker"],
    "app.refused_addresses(text[])": ["authenticated"],
    "app.import_settings(app.entity,jsonb)": ["authenticated"],
    "app.import_fields(jsonb,jsonb)": ["authenticated"],
    "app.import_contacts(app.dedupe,jsonb)": ["authenticated"],
    "app.import_companies(app.dedupe,jsonb)": ["authenticated"],
    "app.import_deals(jsonb)": ["authenticated"],
    "app.revert_import(uuid,integer,integer)": ["authenticated"],
    "app.note_reverted(uuid,integer[])": ["authenticated"],
    "app.delete_imported(app.entity,uuid[],integer[])": ["authenticated"],
    "app.guard_import()": [],
    "app.is_agency_active()": ["gardenos_worker"],
    # seals: the sealer's own tools, and the DBA as owner
    "app.hmac_sha256(bytea,bytea,text)": ["gardenos_sealer"],
    "app.padded_key(bytea,integer)": ["gardenos_sealer"],
    "app.sealed_text(text)": ["gardenos_sealer"],
    "app.rotate_seal_key(text,interval)": ["gardenos_owner"],
    # what people and services call
    "app.my_agencies()": ["authenticated"],
    "app.switch_agency(uuid)": ["authenticated"],
    "app.leave_agency()": ["authenticated"],
    "app.hand_over(uuid,uuid)": ["authenticated"],
    "app.remove_member(uuid,uuid)": ["authenticated"],
    "app.close_agency()": ["authenticated"],
    "app.update_my_profile(text,text,text)": ["authenticated"],
    "app.portal_profile()": ["authenticated"],
    "app.agency_profile()": ["authenticated"],
    "app.can_read(text,text,uuid)": ["authenticated"],
    "app.record_history(text,uuid,uuid,integer)": ["authenticated"],
    "app.record_as_of(text,uuid,timestamp with time zone)": ["authenticated"],
    "app.link_identity()": ["authenticated"],
    "app.invite(text,app.agency_role,app.record_scope,uuid,uuid)": ["authenticated"],
    "app.accept_invitation(text)": ["authenticated"],
    "app.create_api_key(text,text[],uuid,timestamp with time zone)": ["authenticated"],
    "app.create_agency(text,text,uuid,text)": ["service_role"],
    "app.restore_record(text,uuid)": ["authenticated", "service_role"],
    "app.live_twin(text,uuid)": ["authenticated", "service_role"],
    "app.suppression_hash(uuid,app.point_kind,text)": [
        "service_role",
        "gardenos_crm_writer",
        ERASER,
    ],
    "app.custom_access_token(jsonb)": ["supabase_auth_admin"],
    # tools of those functions
    "app.new_token(uuid)": ["gardenos_tenancy_writer"],
    "app.token_agency(text)": NARROW_ASKING,
    "app.token_hash(text)": NARROW_ASKING,
    "app.is_verified_stranger(jsonb)": ["gardenos_tenancy_writer"],
    # asked by triggers, which run as whoever writes
    "app.is_agent(uuid)": [
        "authenticated",
        "service_role",
        "gardenos_owner",
        "gardenos_tenancy_writer",
        "gardenos_merger",
        ERASER,
    ],
    "app.is_live_member(uuid,uuid)": ["service_role", "gardenos_tenancy_writer"],
    "app.outranks_me(app.agency_role)": ["authenticated", "gardenos_tenancy_writer"],
    "app.role_rank(app.agency_role)": ["authenticated", "service_role", "gardenos_tenancy_writer"],
    # every default of an id
    "app.uuid_v7()": [
        *ASKING,
        "gardenos_sealer",
        "gardenos_tenancy_writer",
        "gardenos_crm_writer",
        "gardenos_merger",
        "gardenos_publisher",
        ERASER,
        *sorted(AUDITING),
    ],
    "app.uuid_v7_floor(timestamp with time zone)": [
        *ASKING,
        "gardenos_publisher",
        "gardenos_auditor",
        "gardenos_audit_sealer",
        "gardenos_audit_redactor",
    ],
    # the trail: its triggers ask who, its jobs keep it
    "app.actor()": CONTEXT,
    "audit.context()": CONTEXT,
    "audit.request()": [*CONTEXT, "gardenos_crm_writer"],
    "audit.make_partitions(integer)": ["gardenos_worker"],
    "integration.make_partitions(integer)": ["gardenos_worker"],
    # the queue of embeddings: its triggers, what a worker calls, and changing to another model
    "app.note_text()": ["gardenos_owner"],
    "app.claim_embedding_jobs(text,text[],integer,interval)": ["gardenos_worker"],
    "app.finish_embedding_jobs(text,uuid[],bytea[],extensions.vector[])": ["gardenos_worker"],
    "app.fail_embedding_job(text,uuid,text)": ["gardenos_worker"],
    "app.release_embedding_jobs(text,interval)": ["gardenos_worker"],
    "app.requeue_embeddings(integer)": ["gardenos_worker"],
    "app.queue_embeddings(text,integer)": ["gardenos_worker"],
    "app.delete_embeddings(text,integer)": ["gardenos_worker"],
    "app.embedding_progress(text)": ["gardenos_worker"],
    "app.lacking_vectors(uuid,uuid)": ["gardenos_worker", "gardenos_publisher"],
    "app.embedding_health()": ["gardenos_monitor"],
    "app.guard_agency_model()": ["gardenos_owner"],
    "app.guard_model_status()": [],
    "app.agencies_of_model(uuid)": ["service_role", "gardenos_owner"],
    # the outbox and its webhooks: a worker publishes and delivers, people make webhooks
    "app.agencies_with_work(text)": ["gardenos_worker"],
    "app.safe_horizon(interval)": ["gardenos_worker"],
    "app.claim_outbox_stream(integer,interval)": ["gardenos_worker"],
    "app.publish_events(uuid[])": ["gardenos_worker"],
    "app.claim_deliveries(integer,interval)": ["gardenos_worker"],
    "app.note_delivery(uuid,integer,integer,integer,text)": ["gardenos_worker"],
    "app.purge_deliveries(integer)": ["gardenos_worker"],
    "app.webhook_signature(uuid,text,text)": ["gardenos_worker"],
    "app.create_webhook(text,text,text[])": ["authenticated"],
    "app.rotate_webhook_secret(uuid,interval)": ["authenticated"],
    "app.new_webhook_ref()": ["gardenos_publisher"],
    "app.webhook_secret(uuid,text)": ["gardenos_publisher"],
    "app.note_event()": ["gardenos_owner"],
    "app.is_drained(uuid,uuid)": ["gardenos_owner"],
    "integration.drop_drained()": ["gardenos_worker"],
    "audit.seal(uuid,integer)": ["gardenos_worker"],
    "audit.redact(uuid,text,uuid)": ["service_role"],
    # verifying: as invoker, so that RLS decides what is seen
    "audit.verify(uuid,bigint,bigint)": [*VERIFYING, "gardenos_audit_sealer"],
    "audit.first_difference(audit.seals)": [*VERIFYING, "gardenos_audit_sealer"],
    "audit.seal_hash(audit.seals)": [*VERIFYING, "gardenos_audit_sealer"],
    "audit.month_of(regclass)": [*VERIFYING, "gardenos_audit_sealer", "gardenos_monitor"],
    "audit.agencies()": [*VERIFYING, "gardenos_audit_sealer"],
    "audit.defects()": [*VERIFYING, "gardenos_audit_sealer", "gardenos_monitor"],
    "audit.machinery()": VERIFYING,
    "audit.machinery_changes(bytea,bytea)": VERIFYING,
    "audit.head(uuid)": VERIFYING,
    "audit.holds(uuid,bigint,text)": VERIFYING,
    "audit.values_hash(bytea,jsonb,jsonb)": [
        *VERIFYING,
        "gardenos_audit_redactor",
        "gardenos_audit_sealer",
    ],
    # reading the trail, with what it is read with; retention and monitoring
    "audit.activity(uuid,text,app.audit_op,timestamp with time zone,timestamp with time zone,"
    "uuid,integer,uuid)": VERIFYING,
    "audit.history(text,uuid,uuid,integer,uuid)": VERIFYING,
    "audit.as_of(text,uuid,timestamp with time zone,uuid)": VERIFYING,
    "audit.reader_agency(uuid)": VERIFYING,
    "audit.audited_table(uuid,text)": VERIFYING,
    "audit.page_limit(integer)": VERIFYING,
    "audit.changes(jsonb,jsonb)": VERIFYING,
    "audit.summary(app.audit_op,jsonb,boolean)": VERIFYING,
    "audit.retire(date,bigint,text)": [],
    "audit.drop_retired(date)": [],
    "audit.record_retirement(date,bigint,app.sha256)": ["gardenos_owner"],
    "audit.retired_at(date)": ["gardenos_owner"],
    "audit.require_retention(interval)": [
        "gardenos_worker",
        "gardenos_auditor",
        "gardenos_monitor",
    ],
    "audit.note_verification(uuid)": ["gardenos_worker"],
    "audit.months()": [
        "gardenos_worker",
        "gardenos_auditor",
        "gardenos_monitor",
        "gardenos_audit_sealer",
    ],
    "audit.health()": ["gardenos_auditor", "gardenos_monitor"],
    "audit.months_ahead()": ["gardenos_worker", "gardenos_auditor", "gardenos_monitor"],
    # trigger functions: nobody calls them; the owner of the table needs those of another role
    "app.check_active_agency()": [],
    "app.check_last_owner()": ["gardenos_owner"],
    "app.check_run_agent()": ["gardenos_owner"],
    "app.check_hand_over()": ["gardenos_owner"],
    "app.check_team_tree()": ["gardenos_owner"],
    "app.check_timezone()": [],
    "app.forbid_agency_change()": [],
    "app.forbid_delete()": [],
    "app.guard_api_key()": [],
    "app.guard_invitation()": [],
    "app.guard_membership()": [],
    "app.stamp_deletion()": [],
    "app.stamp_global()": [],
    "app.stamp_link()": [],
    "app.stamp_row()": [],
    "audit.forbid_change()": [],
    "audit.forbid_truncate()": [],
    "app.check_field_options()": [],
    "app.default_owner()": [],
    "app.default_team()": [],
    "app.forbid_change()": [],
    "app.forbid_hidden_links()": [],
    "app.forbid_redefinition()": [],
    "app.forbid_removal()": [],
    "app.guard_agent()": [],
    "app.guard_anonymised()": [],
    "app.guard_consent()": [],
    "app.guard_message()": [],
    "app.guard_run()": [],
    "app.guard_step()": [],
    "app.keep_participants()": [],
    **{name: ["gardenos_owner"] for name in (*KEEPERS, *COPIERS, *RECORDERS)},
    "app.make_tiers()": ["gardenos_owner"],
    # agents: who is at work, what they call, and what people decide
    "app.acting_agent_id()": ASKING,
    "app.acting_for_id()": ASKING,
    "app.agent_reach(text,app.agency_role[],app.agency_role[],app.agency_role[])": ASKING,
    "app.start_run(text,uuid,jsonb,text,uuid,uuid)": ["authenticated"],
    "app.record_step(uuid,text,app.step_kind,text,jsonb,jsonb,boolean,integer,integer,integer,"
    "text,uuid)": ["authenticated"],
    "app.finish_step(uuid,jsonb,text,integer,integer,integer)": ["authenticated"],
    "app.finish_run(uuid,app.run_status,jsonb,text,numeric)": ["authenticated"],
    "app.decide_step(uuid,boolean)": ["authenticated"],
    # merging, and what it is made of
    "app.merge_contacts(uuid,uuid,jsonb)": ["authenticated"],
    "app.merge_companies(uuid,uuid,jsonb)": ["authenticated"],
    "app.undo_merge(uuid)": ["authenticated"],
    "app.duplicate_candidates(text,uuid,integer)": ["authenticated"],
    "app.similar_names(app.entity,text,integer)": ["authenticated"],
    "app.can_merge()": ["authenticated", "service_role", "gardenos_merger"],
    "app.is_in_reach(app.record_scope,uuid,uuid)": ["gardenos_merger"],
    "app.merge_fields(app.entity)": ["gardenos_merger"],
    "app.merged_values(jsonb,jsonb,jsonb,jsonb)": ["gardenos_merger"],
    "app.unmerged_values(jsonb,jsonb,jsonb,jsonb)": ["gardenos_merger"],
    "app.children_of(regclass)": ["gardenos_merger"],
    "app.point_children(uuid,regclass,uuid,uuid,uuid[],jsonb)": ["gardenos_merger"],
    "app.move_items(uuid,text,uuid,uuid,jsonb)": ["gardenos_merger"],
    # erasure: what people and the worker call, and what it is made of
    "app.approve_erasure(uuid)": ["authenticated"],
    "app.execute_erasure(uuid)": ["authenticated", "gardenos_worker"],
    "app.confirm_erasure_hits(uuid,jsonb)": ["authenticated"],
    "app.replay_erasures(jsonb)": ["gardenos_worker"],
    "app.erasure_ledger()": ["gardenos_worker", "gardenos_auditor"],
    "app.masked_name(text)": [*ASKING, ERASER],
    "app.plain_text(jsonb)": [ERASER, "gardenos_audit_redactor"],
    "app.guard_erasure()": [],
    "app.forget_path()": [],
    "audit.redact_rows(uuid,uuid[])": [],
    **{
        name: [ERASER]
        for name in (
            "app.personal_columns()",
            "app.scrubbed(jsonb,text,text)",
            "app.address_pattern(text[],text[],boolean)",
            "app.name_words(text)",
            "app.name_pattern(text[],boolean)",
            "app.name_hash(uuid,text)",
            "app.named_in(text,uuid,jsonb)",
            "app.erase_contact(uuid,uuid,uuid)",
            "app.erase_logins(uuid[])",
            "app.erase_member(uuid,uuid)",
            "app.find_mentions(uuid,text,text)",
            "app.settle_mention(uuid,text,text,uuid,text)",
            "app.without_hit(jsonb,text,text,uuid)",
            "app.perform_erasure(uuid,uuid,jsonb)",
            "app.tell_erasure(uuid,uuid)",
            "app.scrub_agents(uuid,text,text)",
            *ERASED_TRAIL,
        )
    },
    # retention
    "app.run_retention(integer)": ["gardenos_worker"],
    "app.count_due(text,interval)": ["gardenos_worker"],
    "app.remove_due(text,integer)": ["gardenos_worker"],
    "app.due_rows(text)": [*ASKING, ERASER, "gardenos_tenancy_writer"],
    "app.check_retention()": [],
    "app.furnish_agency(uuid)": ["gardenos_tenancy_writer"],
    # consent
    "app.may_contact(uuid,text,uuid)": ASKING,
    "app.merged_consents(uuid)": [*ASKING, "gardenos_auditor"],
    # upserts by an index that PostgREST cannot name
    **{name: ["authenticated", "service_role"] for name in UPSERTS},
    "app.upsert_message(jsonb)": ["service_role"],
    "app.check_keys(text,jsonb,text[],text[])": ["authenticated", "service_role"],
    "app.normal_point(app.point_kind,text,text)": ["authenticated", "service_role"],
    # finding by words, and what a text becomes for it
    **{name: ["authenticated"] for name in (*SEARCHES, *CANDIDATES)},
    "app.reaches_contact(uuid)": ["gardenos_tenancy_writer"],
    "app.search_text(text)": ["authenticated", "gardenos_search"],
    "app.search_pattern(text)": ["authenticated", "gardenos_search"],
    "app.search_words(text)": ["authenticated", "gardenos_search"],
    # finding what agents know, by meaning and by words; moving agencies between tiers
    "ai.search(text,real[],integer,jsonb)": ["authenticated"],
    "app.text_candidates(text,integer,jsonb,uuid[],uuid[])": ["authenticated"],
    "app.vector_candidates(real[],integer,jsonb,uuid[],uuid[])": ["authenticated"],
    "app.texts_about(jsonb)": ["authenticated"],
    "app.search_filters(jsonb)": ["authenticated", "gardenos_search"],
    "app.search_model()": ["authenticated"],
    "app.search_tiers(text)": ["authenticated"],
    "app.touch_memories(uuid[])": ["gardenos_worker"],
    "app.make_tier_partition(text,text)": ["gardenos_worker"],
    "app.change_tier(text,text)": ["gardenos_worker"],
    "app.move_embeddings(text,integer)": ["gardenos_worker"],
    # asked by the triggers that look at values, and by those of the trail
    "app.is_value_of(app.field_type,jsonb,jsonb)": ["authenticated", "gardenos_crm_writer"],
    "app.is_open_conversation(uuid,uuid)": ["gardenos_audit_writer"],
}
# Every SECURITY DEFINER function, and the narrow role that owns it.
DEFINERS = {
    "app.proof()": "gardenos_membership_reader",
    "app.teams_i_lead()": "gardenos_membership_reader",
    "app.is_agent(uuid)": "gardenos_membership_reader",
    "app.is_live_member(uuid,uuid)": "gardenos_membership_reader",
    "app.is_verified_stranger(jsonb)": "gardenos_membership_reader",
    "app.check_team_tree()": "gardenos_membership_reader",
    "app.check_run_agent()": "gardenos_membership_reader",
    "app.decide_step(uuid,boolean)": "gardenos_crm_writer",
    "app.my_agencies()": "gardenos_membership_reader",
    "app.custom_access_token(jsonb)": "gardenos_membership_reader",
    "app.api_key_claims(text)": "gardenos_membership_reader",
    "app.create_agency(text,text,uuid,text)": "gardenos_tenancy_writer",
    "app.switch_agency(uuid)": "gardenos_tenancy_writer",
    "app.leave_agency()": "gardenos_tenancy_writer",
    "app.link_identity()": "gardenos_tenancy_writer",
    "app.invite(text,app.agency_role,app.record_scope,uuid,uuid)": "gardenos_tenancy_writer",
    "app.accept_invitation(text)": "gardenos_tenancy_writer",
    "app.create_api_key(text,text[],uuid,timestamp with time zone)": "gardenos_tenancy_writer",
    "app.check_last_owner()": "gardenos_tenancy_writer",
    "app.issue_seal(text,bigint,text)": "gardenos_sealer",
    "app.issue_worker_seal(uuid)": "gardenos_sealer",
    "app.is_agency_active()": "gardenos_membership_reader",
    "app.seal_is_valid(text,text)": "gardenos_sealer",
    "app.rotate_seal_key(text,interval)": "gardenos_sealer",
    "app.actor()": "gardenos_membership_reader",
    # only the owner of a table attaches partitions to it
    "audit.make_partitions(integer)": OWNER,
    "audit.seal(uuid,integer)": "gardenos_audit_sealer",
    "audit.machinery()": "gardenos_audit_sealer",
    "audit.machinery_changes(bytea,bytea)": "gardenos_audit_sealer",
    "audit.redact(uuid,text,uuid)": "gardenos_audit_redactor",
    "audit.redact_rows(uuid,uuid[])": "gardenos_audit_redactor",
    **dict.fromkeys(ERASED_TRAIL, "gardenos_audit_redactor"),
    "app.approve_erasure(uuid)": ERASER,
    "app.execute_erasure(uuid)": ERASER,
    "app.confirm_erasure_hits(uuid,jsonb)": ERASER,
    "app.replay_erasures(jsonb)": ERASER,
    "app.remove_due(text,integer)": ERASER,
    "audit.record_retirement(date,bigint,app.sha256)": "gardenos_audit_sealer",
    "audit.retired_at(date)": "gardenos_audit_sealer",
    "audit.note_verification(uuid)": "gardenos_audit_sealer",
    "audit.health()": "gardenos_audit_sealer",
    "integration.make_partitions(integer)": OWNER,
    "integration.drop_drained()": OWNER,
    "app.is_drained(uuid,uuid)": "gardenos_publisher",
    "app.note_event()": "gardenos_publisher",
    "app.safe_horizon(interval)": "gardenos_publisher",
    "app.agencies_with_work(text)": "gardenos_publisher",
    **dict.fromkeys(QUEUEING, "gardenos_publisher"),
    "app.create_webhook(text,text,text[])": "gardenos_publisher",
    "app.rotate_webhook_secret(uuid,interval)": "gardenos_publisher",
    "app.new_webhook_ref()": "gardenos_sealer",
    "app.webhook_secret(uuid,text)": "gardenos_sealer",
    "app.webhook_signature(uuid,text,text)": "gardenos_sealer",
    "app.analyze_imports()": OWNER,
    "app.issue_import_seal(uuid,uuid)": "gardenos_sealer",
    "app.note_reverted(uuid,integer[])": "gardenos_crm_writer",
    "app.refused_addresses(text[])": "gardenos_crm_writer",
    "app.my_teams()": "gardenos_membership_reader",
    "app.contact_id()": "gardenos_membership_reader",
    "app.default_team_id()": "gardenos_membership_reader",
    "app.my_events()": "gardenos_search",
    "app.portal_profile()": "gardenos_search",
    "app.reaches_contact(uuid)": "gardenos_search",
    "app.check_hand_over()": "gardenos_search",
    "app.close_agency()": "gardenos_tenancy_writer",
    "app.agency_profile()": "gardenos_membership_reader",
    "app.update_my_profile(text,text,text)": "gardenos_tenancy_writer",
    "app.is_open_conversation(uuid,uuid)": "gardenos_crm_writer",
    "app.merge_contacts(uuid,uuid,jsonb)": "gardenos_merger",
    "app.merge_companies(uuid,uuid,jsonb)": "gardenos_merger",
    "app.undo_merge(uuid)": "gardenos_merger",
    "app.similar_names(app.entity,text,integer)": "gardenos_merger",
    "app.merged_consents(uuid)": "gardenos_merger",
    **dict.fromkeys(CANDIDATES, "gardenos_search"),
    "app.text_candidates(text,integer,jsonb,uuid[],uuid[])": "gardenos_search",
    "app.search_model()": "gardenos_search",
    "app.search_tiers(text)": "gardenos_search",
    "app.make_tier_partition(text,text)": OWNER,
    **dict.fromkeys(KEEPERS, "gardenos_crm_writer"),
    **dict.fromkeys(COPIERS, "gardenos_ai_writer"),
    "app.make_tiers()": "gardenos_tenancy_writer",
    **dict.fromkeys(RECORDERS, "gardenos_audit_writer"),
}
# Never changed and never deleted: nothing to freeze, a trigger refuses it all.
# No client writes here, and what the recorders append is limited where it comes from. PostgreSQL
# parses a check anew for every insert: it was a seventh of the cost of recording.
RECORDED = "audit.log"
APPEND_ONLY = {
    "audit.log",
    "audit.seals",
    "audit.retired",
    "audit.verifications",
    "crm.deal_stage_history",
    "crm.consents",
    "integration.outbox_events",
    "governance.suppressions",
}
# Outlive the agency: no foreign key ties them to it.
UNTIED = {
    "audit.log",
    "audit.seals",
    "audit.retired",
    "audit.verifications",
    "integration.outbox_events",
}
# Views with the rights of their owner, a narrow role. The functions in a view run as the caller,
# and in these they ask the policies of each record (test_history.py, test_record_entries_…).
OWNERS_VIEWS = {
    "audit.record_entries": "gardenos_audit_sealer",
}
# What runs text as SQL: it builds the text of names and dates that it made itself.
RUNS_TEXT = {
    "audit.make_partitions(integer)": "a partition has a name of its own",
    "integration.make_partitions(integer)": "a partition has a name of its own",
    "integration.drop_drained()": "drops a table named after a month",
    "app.make_tier_partition(text,text)": "a partition is named after the agency bound",
    "app.vector_candidates(real[],integer,jsonb,uuid[],uuid[])": (
        "agency, tier and model are literals, so that other partitions are left out"
    ),
    "app.move_embeddings(text,integer)": "the table of a storage, of the agency bound",
    "audit.retire(date,bigint,text)": "detaches a partition, by the name the catalogue has for it",
    "audit.drop_retired(date)": "drops a table named after a month",
    "audit.as_of(text,uuid,timestamp with time zone,uuid)": "reads a table the catalogue knows",
    "app.point_children(uuid,regclass,uuid,uuid,uuid[],jsonb)": (
        "writes the columns that the foreign keys of the catalogue name"
    ),
    "app.record_as_of(text,uuid,timestamp with time zone)": "reads a table that can_read knows",
    "app.erase_contact(uuid,uuid,uuid)": "deletes by the foreign keys of the catalogue",
    "app.find_mentions(uuid,text,text)": "reads the columns that the catalogue marks",
    "app.settle_mention(uuid,text,text,uuid,text)": "writes a column that the catalogue marks",
    "app.confirm_erasure_hits(uuid,jsonb)": "reads a column that the report names",
    "app.finish_embedding_jobs(text,uuid[],bytea[],extensions.vector[])": (
        "writes the table that the model names"
    ),
    "app.lacking_vectors(uuid,uuid)": "reads the table that the model names",
    "app.delete_embeddings(text,integer)": "deletes from the table that the model names",
    "app.count_due(text,interval)": "runs the text of app.due_rows",
    "app.remove_due(text,integer)": "runs the text of app.due_rows",
}

# --- what the checks read -------------------------------------------------------------------------


def rows(connection: Connection, query: str, **parameters: Any) -> list[Row]:
    """The rows of a catalogue query, with names spelled out in full."""
    with connection.transaction():
        connection.execute("set local search_path = ''")
        return connection.execute(
            query, {"schemas": list(SCHEMAS), "ours": OURS, "owner": OWNER, **parameters}
        ).fetchall()


def tables(connection: Connection) -> set[str]:
    """Every table of the tenant schemas, without partitions (`check_partitions`)."""
    return {
        row["name"]
        for row in rows(
            connection,
            """
            select c.oid::regclass::text as name
              from pg_class as c
             where c.relnamespace::regnamespace::text = any (%(schemas)s)
               and c.relkind in ('r', 'p')
               and not c.relispartition
            """,
        )
    }


def partitions(connection: Connection) -> set[str]:
    """Every partition of a table of the tenant schemas."""
    return {
        row["name"]
        for row in rows(
            connection,
            """
            select c.oid::regclass::text as name
              from pg_class as c
             where c.relnamespace::regnamespace::text = any (%(schemas)s)
               and c.relkind in ('r', 'p')
               and c.relispartition
            """,
        )
    }


def tenant_tables(connection: Connection) -> set[str]:
    """Every table that belongs to agencies: all but the named global ones."""
    return tables(connection) - GLOBAL_TABLES.keys()


def columns(connection: Connection) -> dict[str, dict[str, Row]]:
    """Table to column to what the catalogue says about it."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows(
        connection,
        """
        select
            a.attrelid::regclass::text as table_name,
            a.attname::text as name,
            c.relkind = 'v' as of_view,
            a.attnotnull as required,
            a.attgenerated <> '' as generated,
            format_type(a.atttypid, a.atttypmod) as type,
            t.typtype::text as kind,
            t.typcategory::text as category,
            a.attacl is not null as has_acl,
            col_description(a.attrelid, a.attnum) as comment
          from pg_attribute as a
          join pg_class as c on c.oid = a.attrelid
          join pg_type as t on t.oid = a.atttypid
         where c.relnamespace::regnamespace::text = any (%(ours)s)
           and c.relkind in ('r', 'p', 'v')
           and a.attnum > 0
           and not a.attisdropped
        """,
    ):
        found.setdefault(row["table_name"], {})[row["name"]] = row
    return found


def policies(connection: Connection) -> list[Row]:
    """Every policy, with its two texts as PostgreSQL writes them."""
    return rows(
        connection,
        """
        select
            p.polname::text as name,
            p.polrelid::regclass::text as table_name,
            p.polpermissive as permissive,
            p.polcmd::text as command,
            array(
                select case r when 0 then 'public' else r::regrole::text end
                  from unnest(p.polroles) as r
            ) as roles,
            pg_get_expr(p.polqual, p.polrelid) as qual,
            pg_get_expr(p.polwithcheck, p.polrelid) as with_check
          from pg_policy as p
          join pg_class as c on c.oid = p.polrelid
         where c.relnamespace::regnamespace::text = any (%(ours)s)
         order by 2, 1
        """,
    )


def functions(connection: Connection) -> dict[str, Row]:
    """Signature to what the catalogue says about a function of ours."""
    return {
        row["signature"]: row
        for row in rows(
            connection,
            """
            select
                p.oid::regprocedure::text as signature,
                p.proname::text as name,
                p.prosecdef as definer,
                p.proleakproof as leakproof,
                p.proowner::regrole::text as owner,
                coalesce(p.proconfig, '{}') as settings,
                p.prosrc as body,
                obj_description(p.oid, 'pg_proc') as comment,
                array(
                    select case a.grantee when 0 then 'public' else a.grantee::regrole::text end
                      from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
                     where a.grantee <> p.proowner
                     order by 1
                ) as grantees
              from pg_proc as p
             where p.pronamespace::regnamespace::text = any (%(ours)s)
            """,
        )
    }


def named_exceptions(found: Collection[str], listed: Collection[str], what: str) -> Iterator[str]:
    """Violations that are not on a list of exceptions, and exceptions that nothing needs."""
    for name in sorted(set(found) - set(listed)):
        yield f"{name}: {what}"
    for name in sorted(set(listed) - set(found)):
        yield f"{name}: listed as an exception ({what}), but it needs none"


# --- structure ------------------------------------------------------------------------------------


def check_tenant_key(connection: Connection) -> list[str]:
    """`agency_id uuid not null`, `primary key (agency_id, id)` on every tenant table (rule 1)."""
    keys = {
        row["table_name"]: row["key"]
        for row in rows(
            connection,
            """
            select
                i.indrelid::regclass::text as table_name,
                array(
                    select a.attname::text
                      from unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
                      join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
                     order by k.place
                ) as key
              from pg_index as i
             where i.indisprimary
            """,
        )
    }
    found = []
    shape = columns(connection)
    for table in sorted(tenant_tables(connection)):
        agency = shape[table].get("agency_id")
        if agency is None or agency["type"] != "uuid" or not agency["required"]:
            found.append(f"{table}: no agency_id uuid not null")
        wanted = LIBRARY.get(table, ["agency_id", "id", *PARTITION_KEYS.get(table, [])])
        if keys.get(table) != wanted:
            found.append(f"{table}: the primary key is {keys.get(table)}, not {wanted}")
    for table in GLOBAL_TABLES.keys() - tables(connection):
        found.append(f"{table}: listed as global, but there is no such table")
    for table in GLOBAL_TABLES.keys() & tables(connection):
        if "agency_id" in shape[table]:
            found.append(f"{table}: listed as global, but it has agency_id")
    return found


def check_unique_starts_with_agency(connection: Connection) -> list[str]:
    """Every unique constraint and index starts with agency_id (rule 1): it would be an oracle."""
    found = rows(
        connection,
        """
        select i.indexrelid::regclass::text as name
          from pg_index as i
          join pg_class as c on c.oid = i.indrelid
          left join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
         where c.relnamespace::regnamespace::text = any (%(schemas)s)
           and (i.indisunique or i.indisexclusion)
           and not (i.indisprimary and c.oid::regclass::text = any (%(global)s))
           and a.attname is distinct from 'agency_id'
        """,
        **{"global": list(GLOBAL_TABLES)},
    )
    return list(
        named_exceptions(
            {row["name"] for row in found},
            UNIQUE_WITHOUT_AGENCY,
            "unique without agency_id in front",
        )
    )


def foreign_keys(connection: Connection) -> list[Row]:
    """Every foreign key of the tenant schemas."""
    return rows(
        connection,
        """
        select
            c.conrelid::regclass::text as table_name,
            n.nspname::text || '.' || c.conname as name,
            c.confrelid::regclass::text as target,
            c.confdeltype::text as on_delete,
            c.confupdtype::text as on_update,
            c.condeferrable as deferrable,
            array(
                select a.attname::text
                  from unnest(c.conkey) with ordinality as k (attnum, place)
                  join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.attnum
                 order by k.place
            ) as columns,
            array(
                select a.attname::text
                  from unnest(c.confkey) with ordinality as k (attnum, place)
                  join pg_attribute as a on a.attrelid = c.confrelid and a.attnum = k.attnum
                 order by k.place
            ) as target_columns,
            array(
                select a.attname::text
                  from unnest(c.confdelsetcols) as k (attnum)
                  join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.attnum
            ) as set_null
          from pg_constraint as c
          join pg_namespace as n on n.oid = c.connamespace
         where n.nspname = any (%(schemas)s)
           and c.contype = 'f'
           and c.conparentid = 0
        """,
    )


def check_composite_foreign_keys(connection: Connection) -> list[str]:
    """Foreign keys between tenant tables are (agency_id, x_id) -> (agency_id, id) (rule 2)."""
    found, triples = [], []
    tenants = tenant_tables(connection)
    for key in foreign_keys(connection):
        if key["on_update"] != "a":
            found.append(f"{key['name']}: on update must be no action: keys never change")
        if key["target"] in tenants and key["table_name"] not in tenants:
            found.append(f"{key['name']}: a global table points to a tenant's row")
        if key["table_name"] not in tenants or key["target"] not in tenants:
            continue
        if key["target"] in LIBRARY and NAMESPACE == key["columns"][0] == key["target_columns"][0]:
            continue
        if (
            key["columns"][0] != "agency_id"
            or key["target_columns"][0] != "agency_id"
            or key["target_columns"][-1] != "id"
            or len(key["columns"]) not in (2, 3)
        ):
            found.append(f"{key['name']}: not (agency_id, x_id) to (agency_id, id)")
        elif len(key["columns"]) == 3:
            triples.append(key["name"])
    found += named_exceptions(triples, TRIPLE_FOREIGN_KEYS, "a foreign key of three columns")
    return found


def check_agency_reference(connection: Connection) -> list[str]:
    """Every tenant table is tied to its agency, by itself or by a required foreign key (2.2)."""
    shape = columns(connection)
    tied = set()
    for key in foreign_keys(connection):
        required = all(shape[key["table_name"]][name]["required"] for name in key["columns"])
        if (required and key["columns"][0] in ("agency_id", NAMESPACE)) or (
            key["columns"] == ["agency_id"] and key["target"] == "tenancy.agencies"
        ):
            tied.add(key["table_name"])
    return [
        f"{table}: no foreign key ties it to an agency"
        for table in sorted(tenant_tables(connection) - tied - UNTIED)
    ]


def check_optional_foreign_keys(connection: Connection) -> list[str]:
    """An optional reference is cleared when its target goes, and nothing but it (rule 2)."""
    found = []
    shape = columns(connection)
    kept = set()
    for key in foreign_keys(connection):
        own = [name for name in key["columns"] if name != "agency_id"]
        optional = any(not shape[key["table_name"]][name]["required"] for name in own)
        if key["on_delete"] == "n":
            if not optional:
                found.append(f"{key['name']}: on delete set null of a required column")
            elif "agency_id" in key["columns"] and key["set_null"] != own:
                found.append(f"{key['name']}: must set null only {own}, never agency_id")
        elif key["on_delete"] == "d":
            found.append(f"{key['name']}: on delete set default")
        elif optional:
            kept.add(key["name"])
    found += named_exceptions(
        kept, OPTIONAL_WITHOUT_SET_NULL, "optional reference without on delete set null"
    )
    return found


def check_references_are_foreign_keys(connection: Connection) -> list[str]:
    """Every column that names a row is of a valid foreign key, but those listed (2.2)."""
    found = rows(
        connection,
        """
        select a.attrelid::regclass::text || '.' || a.attname as name
          from pg_attribute as a
          join pg_class as c on c.oid = a.attrelid
         where c.relnamespace::regnamespace::text = any (%(schemas)s)
           and c.relkind in ('r', 'p')
           and not c.relispartition
           and a.attnum > 0
           and not a.attisdropped
           and a.atttypid in ('uuid'::regtype, 'uuid[]'::regtype)
           -- agency_id: check_agency_reference
           and a.attname <> all (array['id', 'agency_id'])
           and a.attname <> all (%(stamped)s)
           and not exists (
               select 1
                 from pg_constraint as k
                where k.conrelid = c.oid
                  and k.contype = 'f'
                  and k.convalidated
                  and a.attnum = any (k.conkey)
           )
        """,
        stamped=list(STAMPED),
    )
    return list(
        named_exceptions(
            {row["name"] for row in found}, UNREFERENCED, "names a row without a foreign key"
        )
    )


def check_foreign_keys_are_indexed(connection: Connection) -> list[str]:
    """Every foreign key has an index that starts with its columns (2.2)."""
    found = rows(
        connection,
        """
        select c.conrelid::regclass::text || '.' || c.conname as name
          from pg_constraint as c
          join pg_class as t on t.oid = c.conrelid
         where t.relnamespace::regnamespace::text = any (%(schemas)s)
           and c.contype = 'f'
           and not exists (
               select 1
                 from pg_index as i
                 join pg_class as x on x.oid = i.indexrelid
                 join pg_am as m on m.oid = x.relam
                where i.indrelid = c.conrelid
                  and i.indisvalid
                  and m.amname = 'btree'
                  and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey
                  and (
                      i.indpred is null
                      or pg_get_expr(i.indpred, i.indrelid) = any (
                          select '(' || quote_ident(a.attname) || ' IS NOT NULL)'
                            from unnest(c.conkey) as k (attnum)
                            join pg_attribute as a
                              on a.attrelid = c.conrelid and a.attnum = k.attnum
                      )
                  )
           )
        """,
    )
    return [f"{row['name']}: no index starts with its columns" for row in found]


def check_no_reference_to_auth(connection: Connection) -> list[str]:
    """No constraint of ours references a schema of Supabase's services."""
    found = rows(
        connection,
        """
        select c.conrelid::regclass::text || '.' || c.conname as name
          from pg_constraint as c
          join pg_class as t on t.oid = c.confrelid
         where c.contype = 'f'
           and not t.relnamespace::regnamespace::text = any (%(ours)s)
           and c.connamespace::regnamespace::text = any (%(ours)s)
        """,
    )
    return [f"{row['name']}: references a table that is not ours" for row in found]


def check_text_is_limited(connection: Connection) -> list[str]:
    """Free text has a domain or a check, so it has a limit; and there is no citext (2.5)."""
    checked = {
        (row["table_name"], row["column_name"])
        for row in rows(
            connection,
            """
            select
                c.conrelid::regclass::text as table_name,
                a.attname::text as column_name
              from pg_constraint as c
              join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
             where c.contype = 'c'
            """,
        )
    }
    found = []
    for table, shape in columns(connection).items():
        if table.split(".")[0] not in SCHEMAS:
            continue
        for name, column in shape.items():
            bare = column["type"].removesuffix("[]") in (
                "text",
                "character varying",
                "jsonb",
                "bytea",
            )
            limited = (table, name) in checked or table.startswith(RECORDED)
            if bare and not column["of_view"] and not limited:
                found.append(f"{table}.{name}: {column['type']} without a domain or a check")
            if "citext" in column["type"] or column["type"] in ("money", "json"):
                found.append(f"{table}.{name}: never {column['type']}")
            if column["type"] == "timestamp without time zone":
                found.append(f"{table}.{name}: times are timestamptz")
    limits = rows(
        connection,
        """
        select t.oid::regtype::text as name
          from pg_type as t
         where t.typnamespace::regnamespace::text = any (%(ours)s)
           and t.typtype = 'd'
           and not exists (select 1 from pg_constraint as c where c.contypid = t.oid)
        """,
    )
    return found + [f"{row['name']}: a domain without a check" for row in limits]


# What a comment of a column that could hold something about a person begins with.
MARKS = ("personal", "free text", "not personal")
# Types in which a person could be named.
SPEAKING = ("text", "character", "character varying", "json", "jsonb", "bytea", "inet", "citext")


def check_personal_marks(connection: Connection) -> list[str]:
    """Every column that could hold data about people says whether it does: erasure goes by it."""
    found = rows(
        connection,
        """
        select
            a.attrelid::regclass || '.' || a.attname as name,
            split_part(coalesce(col_description(a.attrelid, a.attnum), ''), ':', 1) as mark
          from pg_attribute as a
          join pg_class as c on c.oid = a.attrelid
          join pg_type as t on t.oid = a.atttypid
          left join pg_type as e on e.oid = t.typelem and t.typcategory = 'A'
         where c.relnamespace::regnamespace::text = any (%(schemas)s)
           and c.relkind in ('r', 'p')
           and not c.relispartition
           and a.attnum > 0
           and not a.attisdropped
           and format_type(
               coalesce(nullif(coalesce(e.typbasetype, t.typbasetype), 0), e.oid, t.oid), null
           ) = any (%(speaking)s)
         order by 1
        """,
        speaking=list(SPEAKING),
    )
    return [
        f"{row['name']}: its comment does not begin with {', '.join(MARKS)}"
        for row in found
        if row["mark"] not in MARKS
    ]


def check_comments(connection: Connection) -> list[str]:
    """Every table, column, function, type says what it is; the ledger of alembic is not asked.

    Columns of a partition are those of its table.
    """
    partitions = {
        row["name"]
        for row in rows(
            connection, "select oid::regclass::text as name from pg_class where relispartition"
        )
    }

    def in_scope(name: str) -> bool:
        ledger = name.startswith("migration.") and not name.startswith("migration.seal_keys")
        return name not in partitions and not ledger

    found = [
        f"{table}.{name}: no comment"
        for table, shape in columns(connection).items()
        for name, column in shape.items()
        if not column["comment"] and in_scope(table)
    ]
    found += [
        f"{signature}: no comment"
        for signature, function in functions(connection).items()
        if not function["comment"]
    ]
    others = rows(
        connection,
        """
        select c.oid::regclass::text as name
          from pg_class as c
         where c.relnamespace::regnamespace::text = any (%(ours)s)
           and c.relkind in ('r', 'p', 'v')
           and obj_description(c.oid, 'pg_class') is null
        union all
        select t.oid::regtype::text
          from pg_type as t
         where t.typnamespace::regnamespace::text = any (%(ours)s)
           and t.typtype in ('d', 'e')
           and obj_description(t.oid, 'pg_type') is null
        """,
    )
    return found + [f"{row['name']}: no comment" for row in others if in_scope(row["name"])]


# --- row-level security ---------------------------------------------------------------------------


def check_rls_is_forced(connection: Connection) -> list[str]:
    """RLS is enabled and forced on every table and partition, and on the keys of seals (rule 4)."""
    found = rows(
        connection,
        """
        select
            c.oid::regclass::text as name,
            c.relrowsecurity as enabled,
            c.relforcerowsecurity as forced
          from pg_class as c
         where (
                   c.relnamespace::regnamespace::text = any (%(schemas)s)
                   or c.oid::regclass::text = 'migration.seal_keys'
               )
           and c.relkind in ('r', 'p')
           and not (c.relrowsecurity and c.relforcerowsecurity)
        """,
    )
    return [
        f"{row['name']}: row-level security is {'not forced' if row['enabled'] else 'off'}"
        for row in found
    ]


def check_floor(connection: Connection) -> list[str]:
    """One RESTRICTIVE floor per table, letter for letter, for all commands and roles (rule 7)."""
    found = []
    restrictive: dict[str, list[Row]] = {}
    for policy in policies(connection):
        if not policy["permissive"]:
            restrictive.setdefault(policy["table_name"], []).append(policy)
    for table in sorted(tables(connection)):
        floors = restrictive.get(table, [])
        if len(floors) != 1:
            found.append(f"{table}: {len(floors)} restrictive policies, not one floor")
            continue
        (floor,) = floors
        wanted = GLOBAL_TABLES.get(table, FLOOR)
        if floor["command"] != "*":
            found.append(f"{table}: the floor is not for all commands")
        if set(floor["roles"]) != FLOOR_ROLES:
            found.append(f"{table}: the floor binds {sorted(floor['roles'])}")
        for part in ("qual", "with_check"):
            if floor[part] != wanted:
                found.append(f"{table}: {part} of the floor is {floor[part]}, not {wanted}")
    return found


def check_partitions(connection: Connection) -> list[str]:
    """Nobody reaches a partition but through its table; none is a DEFAULT (rules 4 and 9)."""
    found = rows(
        connection,
        """
        select
            c.oid::regclass::text as name,
            pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' as is_default,
            exists (select 1 from pg_policy as p where p.polrelid = c.oid) as has_policy,
            exists (
                select 1
                  from aclexplode(c.relacl) as a
                 where a.grantee <> c.relowner
            ) as granted
          from pg_class as c
         where c.relnamespace::regnamespace::text = any (%(ours)s)
           and c.relkind in ('r', 'p')
           and c.relispartition
        """,
    )
    violations = []
    for row in found:
        for fault in ("is_default", "has_policy", "granted"):
            if row[fault]:
                violations.append(f"{row['name']}: a partition, and {fault.replace('_', ' ')}")
    return violations


def check_one_permissive_policy(connection: Connection) -> list[str]:
    """At most one permissive policy applies per table, role and command (rule 4).

    As PostgreSQL applies them: ALL is every command, PUBLIC is every role, and a policy for a role
    counts for those that inherit it.
    """
    found = rows(
        connection,
        """
        select
            p.polrelid::regclass::text as name,
            r.rolname::text as role,
            w.command::text,
            count(*) as policies
          from pg_policy as p
          join pg_class as c on c.oid = p.polrelid
         cross join unnest(array['r', 'a', 'w', 'd']) as w (command)
          join pg_roles as r
            on not r.rolsuper
           and exists (
               select 1
                 from unnest(p.polroles) as q
                where q = 0
                   or pg_has_role(r.oid, nullif(q, 0), 'usage')
           )
         where c.relnamespace::regnamespace::text = any (%(ours)s)
           and p.polpermissive
           and p.polcmd in ('*', w.command)
         group by 1, 2, 3
        having count(*) > 1
         order by 1, 2, 3
        """,
    )
    return [
        f"{row['name']}: {row['policies']} permissive policies for {row['role']}, command"
        f" {row['command']}"
        for row in found
    ]


def check_policies_state_the_tenant(connection: Connection) -> list[str]:
    """A permissive policy of a bound role begins with the tenant equality itself (rule 4).

    One that is for another role must be for a named unbound role (or the sealer) alone.
    """
    found = []
    for policy in policies(connection):
        if not policy["permissive"]:
            continue
        where = f"{policy['table_name']} {policy['name']!r}"
        roles = set(policy["roles"])
        if not roles & FLOOR_ROLES and "public" not in roles:
            strange = roles - UNBOUND_ROLES.keys() - {"gardenos_sealer"}
            found += [f"{where}: for {role}, whom no floor binds" for role in sorted(strange)]
            continue
        if not roles <= FLOOR_ROLES:
            found.append(f"{where}: mixes bound and unbound roles: {sorted(roles)}")
        floor = GLOBAL_TABLES.get(policy["table_name"], FLOOR)
        for part in ("qual", "with_check"):
            # PostgreSQL begins a line with CASE
            text = " ".join(policy[part].split()) if policy[part] is not None else None
            if text is not None and text != floor and not text.startswith(f"({floor} AND "):
                found.append(f"{where}: {part} does not begin with {floor}")
        needed = {"r": ["qual"], "d": ["qual"], "a": ["with_check"]}.get(
            policy["command"], ["qual", "with_check"]
        )
        found += [f"{where}: no {part}" for part in needed if policy[part] is None]
    return found


CALL = re.compile(r"\b([a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?)\(")
NO_CALLS = {"any", "all", "in", "and", "or", "not", "exists", "array", "coalesce", "row"}


def outside_selects(expression: str) -> tuple[str, list[str]]:
    """An expression without its `( SELECT … )`, and those."""
    selects: list[str] = []
    rest = expression
    while (start := rest.find("( SELECT ")) >= 0:
        depth, end, quoted = 0, start, False
        for end in range(start, len(rest)):
            if rest[end] == "'":
                quoted = not quoted
            if not quoted:
                depth += {"(": 1, ")": -1}.get(rest[end], 0)
            if depth == 0:
                break
        selects.append(rest[start : end + 1])
        rest = rest[:start] + "…" + rest[end + 1 :]
    return rest, selects


def check_policies_call_once(connection: Connection) -> list[str]:
    """No policy calls a function per row: calls stand in `(select …)`, without a column."""
    found = []
    shape = columns(connection)
    for policy in policies(connection):
        for part in ("qual", "with_check"):
            rest, selects = outside_selects(policy[part] or "")
            where = f"{policy['table_name']} {policy['name']!r}: {part}"
            found += [
                f"{where} calls {name}() once per row"
                for name in CALL.findall(rest)
                if name.lower() not in NO_CALLS
            ]
            for select in selects:
                if " FROM " in select:
                    continue
                literal_free = re.sub(r"'[^']*'(::[a-z_.]+)?", "", select)
                inside = re.sub(r" AS [a-z_]+\)$", ")", literal_free)
                names = set(re.findall(r"(?<![.\w])[a-z_]+(?:\.[a-z_]+)?(?![.\w(])", inside))
                used = {name.split(".")[-1] for name in names} & set(shape[policy["table_name"]])
                if used:
                    found.append(f"{where} calls with a column, so once per row: {select}")
    return found


# --- privileges -----------------------------------------------------------------------------------


def check_table_privileges(connection: Connection) -> list[str]:
    """Nobody but the owner truncates, references, adds triggers, maintains or grants (rule 5)."""
    found = rows(
        connection,
        """
        select
            c.oid::regclass::text as name,
            case a.grantee when 0 then 'public' else a.grantee::regrole::text end as grantee,
            a.privilege_type as privilege,
            a.is_grantable as grantable
          from pg_class as c
         cross join lateral aclexplode(c.relacl) as a
         where c.relnamespace::regnamespace::text = any (%(ours)s)
           and a.grantee <> c.relowner
           and (
               a.is_grantable
               or a.grantee = 0
               or a.grantee = 'anon'::regrole
               or a.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
           )
        """,
    )
    return [
        f"{row['name']}: {row['privilege']} for {row['grantee']}"
        f"{' with grant option' if row['grantable'] else ''}"
        for row in found
    ]


def check_column_privileges(connection: Connection) -> list[str]:
    """No column-level SELECT: `select *` would fail with 42501 (rule 8)."""
    found = rows(
        connection,
        """
        select
            a.attrelid::regclass::text || '.' || a.attname as name,
            case x.grantee when 0 then 'public' else x.grantee::regrole::text end as grantee,
            x.privilege_type as privilege
          from pg_attribute as a
          join pg_class as c on c.oid = a.attrelid
         cross join lateral aclexplode(a.attacl) as x
         where c.relnamespace::regnamespace::text = any (%(ours)s)
           and (
               x.privilege_type not in ('INSERT', 'UPDATE')
               or x.is_grantable
               or x.grantee in (0, 'anon'::regrole)
           )
        """,
    )
    return [f"{row['name']}: {row['privilege']} for {row['grantee']}" for row in found]


ACTIVE = "( SELECT app.is_agency_active() AS is_agency_active)"


def check_worker(connection: Connection) -> list[str]:
    """Grants and policies of gardenos_worker are those of worker.csv, both ways."""
    promised = contract()
    found = [f"{table}: in worker.csv only" for table in promised.keys() - tables(connection)]
    granted = rows(
        connection,
        """
        select
            a.attrelid::regclass::text as table_name,
            a.attname::text as name,
            p.command,
            has_column_privilege('gardenos_worker', a.attrelid, a.attnum, p.command) as held
          from pg_attribute as a
          join pg_class as c on c.oid = a.attrelid
         cross join unnest(array['select', 'insert', 'update']) as p (command)
         where c.relnamespace::regnamespace::text = any (%(schemas)s)
           and c.relkind in ('r', 'p', 'v')
           and a.attnum > 0
           and not a.attisdropped
        union all
        select
            c.oid::regclass::text,
            'a row',
            'delete',
            has_table_privilege('gardenos_worker', c.oid, 'delete')
          from pg_class as c
         where c.relnamespace::regnamespace::text = any (%(schemas)s)
           and c.relkind in ('r', 'p', 'v')
        """,
    )
    for row in granted:
        duty = promised.get(row["table_name"])
        if row["held"] is not (duty is not None and duty.grants(row["command"], row["name"])):
            what = "may" if row["held"] else "may not"
            found.append(f"{row['table_name']}: {what} {row['command']} {row['name']}")

    words = {"r": "select", "a": "insert", "w": "update", "d": "delete", "*": "all"}
    present = {
        (policy["table_name"], words[policy["command"]]): policy
        for policy in policies(connection)
        if policy["permissive"] and "gardenos_worker" in policy["roles"]
    }
    wanted = {(duty.table, command) for duty in promised.values() for command in duty.commands}
    found += [
        f"{table}: no policy to {command}" for table, command in sorted(wanted - set(present))
    ]
    found += [f"{table}: a policy to {command}" for table, command in sorted(set(present) - wanted)]
    for key in sorted(wanted & set(present)):
        floor = GLOBAL_TABLES.get(key[0], FLOOR)
        text = floor if promised[key[0]].in_any_agency else f"({floor} AND {ACTIVE})"
        for part in ("qual", "with_check"):
            if present[key][part] not in (None, text):
                found.append(f"{key[0]}: {part} of {present[key]['name']!r} is not {text}")
    return found


def check_default_privileges(connection: Connection) -> list[str]:
    """New objects are nobody's: no default privilege gives anything, PUBLIC's EXECUTE included."""
    found = [
        f"default privileges of {row['creator']} on {row['kind']}: for {row['grantee']}"
        for row in rows(
            connection,
            """
            select
                d.defaclrole::regrole::text as creator,
                d.defaclobjtype::text as kind,
                case a.grantee when 0 then 'public' else a.grantee::regrole::text end as grantee
              from pg_default_acl as d
             cross join lateral aclexplode(d.defaclacl) as a
             where a.grantee <> d.defaclrole
               and (d.defaclnamespace = 0 or d.defaclnamespace::regnamespace::text = any (%(ours)s))
               -- PUBLIC uses every type: a domain of a column would be useless without it
               and not (d.defaclobjtype = 'T' and a.grantee = 0)
            """,
        )
    ]
    creators = {
        row["creator"]
        for row in rows(
            connection,
            """
            select d.defaclrole::regrole::text as creator
              from pg_default_acl as d
             where d.defaclobjtype = 'f'
               and d.defaclnamespace = 0
            """,
        )
    }
    return found + [
        f"{role}: its new functions are executable by PUBLIC"
        for role in sorted((CLOSED_ROLES | {"gardenos_migrator"}) - creators)
    ]


def check_schema_privileges(connection: Connection) -> list[str]:
    """Schemas: nothing for PUBLIC or anon, CREATE on `app` for definer owners only."""
    found = rows(
        connection,
        """
        select
            n.nspname::text as name,
            case a.grantee when 0 then 'public' else a.grantee::regrole::text end as grantee,
            a.privilege_type as privilege
          from pg_namespace as n
         cross join lateral aclexplode(n.nspacl) as a
         where n.nspname = any (%(ours)s)
           and a.grantee <> n.nspowner
        """,
    )
    narrow = CLOSED_ROLES - {OWNER}
    violations = []
    for row in found:
        what = f"schema {row['name']}: {row['privilege']} for {row['grantee']}"
        creates = row["privilege"] == "CREATE"
        if row["grantee"] in ("public", "anon") or (
            creates
            and not (row["name"] == "app" and row["grantee"] in narrow)
            and not (row["name"] == "audit" and row["grantee"] in AUDITING)
        ):
            violations.append(what)
        if row["name"] == "migration" and row["grantee"] not in IN_MIGRATION:
            violations.append(what)
    return violations


def check_no_public_execute(connection: Connection) -> list[str]:
    """No function is executable by PUBLIC (rule 5)."""
    return [
        f"{signature}: executable by PUBLIC"
        for signature, function in functions(connection).items()
        if "public" in function["grantees"]
    ]


def check_execute(connection: Connection) -> list[str]:
    """EXECUTE equals the allow-list above, both ways."""
    found = functions(connection)
    violations = [f"{name}: not on the allow-list" for name in sorted(found.keys() - EXECUTE)]
    violations += [f"{name}: on the allow-list only" for name in sorted(EXECUTE.keys() - found)]
    for signature in sorted(found.keys() & EXECUTE.keys()):
        granted, wanted = set(found[signature]["grantees"]), set(EXECUTE[signature])
        violations += [f"{signature}: executable by {role}" for role in sorted(granted - wanted)]
        violations += [f"{signature}: not for {role}" for role in sorted(wanted - granted)]
    return violations


def check_search_path(connection: Connection) -> list[str]:
    """Every function has `search_path = pg_catalog, pg_temp`: nobody can plant a name before ours.

    An empty path is not enough: temporary types are then found before those of pg_catalog, and a
    domain `pg_temp.jsonb` would run its check as the owner of a SECURITY DEFINER function.
    """
    return [
        f"{signature}: search_path is not pg_catalog, pg_temp"
        for signature, function in functions(connection).items()
        if "search_path=pg_catalog, pg_temp" not in function["settings"]
    ]


def check_definers(connection: Connection) -> list[str]:
    """SECURITY DEFINER functions are on the list above, each owned by its narrow role."""
    found = {
        signature: function["owner"]
        for signature, function in functions(connection).items()
        if function["definer"]
    }
    violations = [f"{name}: an unlisted definer" for name in sorted(found.keys() - DEFINERS)]
    violations += [f"{name}: no definer any more" for name in sorted(DEFINERS.keys() - found)]
    violations += [
        f"{name}: owned by {found[name]}, not {owner}"
        for name, owner in DEFINERS.items()
        if found.get(name, owner) != owner
    ]
    return violations


def check_owners(connection: Connection) -> list[str]:
    """Everything of ours belongs to the owner, but the listed definers (rule 6 of section 6)."""
    found = rows(
        connection,
        """
        select c.oid::regclass::text as name, c.relowner::regrole::text as owner
          from pg_class as c
         where c.relnamespace::regnamespace::text = any (%(ours)s)
        union all
        select t.oid::regtype::text, t.typowner::regrole::text
          from pg_type as t
         where t.typnamespace::regnamespace::text = any (%(ours)s)
        union all
        select n.nspname::text, n.nspowner::regrole::text
          from pg_namespace as n
         where n.nspname = any (%(ours)s)
        union all
        select p.oid::regprocedure::text, p.proowner::regrole::text
          from pg_proc as p
         where p.pronamespace::regnamespace::text = any (%(ours)s)
        """,
    )
    return [
        f"{row['name']}: belongs to {row['owner']}"
        for row in found
        if row["owner"] != (DEFINERS | OWNERS_VIEWS).get(row["name"].removesuffix("[]"), OWNER)
    ]


def check_views_and_sequences(connection: Connection) -> list[str]:
    """Views are security_invoker; no materialised view, foreign table or sequence is reachable."""
    found = rows(
        connection,
        """
        select
            c.oid::regclass::text as name,
            c.relkind::text as kind,
            coalesce(c.reloptions, '{}') as options,
            exists (
                select 1
                  from aclexplode(c.relacl) as a
                 where a.grantee <> c.relowner
            ) as reachable
          from pg_class as c
         where c.relnamespace::regnamespace::text = any (%(ours)s)
           and c.relkind in ('v', 'm', 'f', 'S')
        """,
    )
    invokers = {"security_invoker=true", "security_invoker=on"}
    owners = {
        row["name"] for row in found if row["kind"] == "v" and not invokers & {*row["options"]}
    }
    violations = list(named_exceptions(owners, OWNERS_VIEWS, "a view without security_invoker"))
    violations += [
        f"{row['name']}: a view with the rights of its owner needs security_barrier"
        for row in found
        if row["name"] in owners & OWNERS_VIEWS.keys()
        and "security_barrier=true" not in row["options"]
    ]
    for row in found:
        if row["kind"] in "mf":
            violations.append(f"{row['name']}: has no row-level security, whatever is granted")
        if row["kind"] == "S" and row["reachable"]:
            violations.append(f"{row['name']}: a sequence that others reach counts rows")
    return violations


# --- triggers -------------------------------------------------------------------------------------


def triggers(connection: Connection) -> dict[str, list[Row]]:
    """Table to its triggers."""
    found: dict[str, list[Row]] = {}
    for row in rows(
        connection,
        """
        select
            t.tgrelid::regclass::text as table_name,
            t.tgname::text as name,
            p.proname::text as function,
            t.tgenabled::text as enabled,
            (t.tgtype & 1) > 0 as for_each_row,
            (t.tgtype & 2) > 0 as before,
            (t.tgtype & 4) > 0 as on_insert,
            (t.tgtype & 16) > 0 as on_update,
            array(
                select a.attname::text
                  from unnest(t.tgattr::int2[]) as k (attnum)
                  join pg_attribute as a on a.attrelid = t.tgrelid and a.attnum = k.attnum
            ) as columns,
            pg_get_triggerdef(t.oid) as definition
          from pg_trigger as t
          join pg_proc as p on p.oid = t.tgfoid
          join pg_class as c on c.oid = t.tgrelid
         where c.relnamespace::regnamespace::text = any (%(schemas)s)
           and not t.tgisinternal
        """,
    ):
        found.setdefault(row["table_name"], []).append(row)
    return found


def check_triggers_are_enabled(connection: Connection) -> list[str]:
    """No trigger is switched off, or on for replicas only. That includes those of foreign keys."""
    found = rows(
        connection,
        """
        select t.tgrelid::regclass::text as table_name, t.tgname::text as name
          from pg_trigger as t
          join pg_class as c on c.oid = t.tgrelid
         where c.relnamespace::regnamespace::text = any (%(ours)s)
           and t.tgenabled <> 'O'
        """,
    )
    return [f"{row['table_name']}: trigger {row['name']} is not enabled" for row in found]


def check_frozen_columns(connection: Connection) -> list[str]:
    """agency_id, id and created_* never change: a trigger on every table compares each (rule 3)."""
    found = []
    shape, guards = columns(connection), triggers(connection)
    for table in sorted(tables(connection) - APPEND_ONLY):
        frozen = [
            name for name in ("agency_id", "id", "created_at", "created_by") if name in shape[table]
        ]
        if not frozen:
            # issuers: the name is the key, and nobody but service_role writes it
            continue
        definitions = [
            trigger["definition"]
            for trigger in guards.get(table, [])
            if trigger["function"] == "forbid_agency_change"
            and trigger["before"]
            and trigger["for_each_row"]
            and trigger["on_update"]
            and not trigger["columns"]
        ]
        if len(definitions) != 1:
            found.append(f"{table}: no trigger forbid_agency_change")
            continue
        for name in frozen:
            # a trigger before the row cannot ask for what is made of the namespace
            compared = NAMESPACE if shape[table][name]["generated"] else name
            condition = f"(old.{compared} IS DISTINCT FROM new.{compared})"
            if condition not in definitions[0]:
                found.append(f"{table}: forbid_agency_change does not compare {name}")
        if " AND " in definitions[0].partition(" WHEN ")[2]:
            found.append(f"{table}: forbid_agency_change wants several changes at once")
    return found


def wanted_stamps(shape: Mapping[str, Row]) -> dict[str, tuple[bool, bool]]:
    """The stamp functions that a set of columns needs, as (on insert, on update)."""
    wanted: dict[str, tuple[bool, bool]] = {}
    if "row_version" in shape:
        wanted["stamp_row" if "updated_by" in shape else "stamp_global"] = (True, True)
    elif "created_by" in shape:
        wanted["stamp_link"] = (True, False)
    if "deleted_at" in shape:
        wanted["stamp_deletion"] = (False, True)
    return wanted


def check_stamps(connection: Connection) -> list[str]:
    """Each set of columns has its stamps, and a column list leaves out untracked columns only."""
    found = []
    shape, present = columns(connection), triggers(connection)
    for table in sorted(tables(connection)):
        stamps = {
            trigger["function"]: trigger
            for trigger in present.get(table, [])
            if trigger["function"] in STAMPS and trigger["before"] and trigger["for_each_row"]
        }
        wanted = wanted_stamps(shape[table])
        for function in sorted(stamps.keys() ^ wanted.keys()):
            found.append(f"{table}: {'misses' if function in wanted else 'has'} {function}")
        for function in stamps.keys() & wanted.keys():
            trigger = stamps[function]
            if (trigger["on_insert"], trigger["on_update"]) != wanted[function]:
                found.append(f"{table}: {function} does not run on the commands it is for")
            untracked = UNTRACKED | COUNTERS.get(table, set())
            left_out = set(shape[table]) - set(trigger["columns"] or shape[table])
            found += [
                f"{table}: {function} does not see an update of {name}"
                for name in sorted(left_out - untracked)
                # one that is made of others counts as changed by every update of any
                if not shape[table][name]["generated"]
            ]
            if not trigger["columns"]:
                found += [
                    f"{table}: {function} takes an update of {name} for a change"
                    for name in sorted(set(shape[table]) & untracked)
                    if trigger["on_update"] and function != "stamp_deletion"
                ]
    return found


def check_audit(connection: Connection) -> list[str]:
    """Every table has a level, and its triggers and function; append-only ones refuse changes."""
    levels = recorders.levels()
    found = [f"{table}: no line in audit.csv" for table in tables(connection) - levels.keys()]
    found += [f"{table}: in audit.csv only" for table in levels.keys() - tables(connection)]
    present = triggers(connection)
    for table, level in levels.items():
        names = {
            trigger["name"]: trigger["definition"]
            for trigger in present.get(table, [])
            if trigger["enabled"] == "O"
        }
        recorder = f"EXECUTE FUNCTION {recorders.recorder_name(table)}()"
        wanted = {
            "audit_insert": ("AFTER INSERT", "REFERENCING NEW TABLE AS new_rows", recorder),
            "audit_update": (
                "AFTER UPDATE",
                "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
                recorder,
            ),
            "audit_delete": ("AFTER DELETE", "REFERENCING OLD TABLE AS old_rows", recorder),
            "audit_truncate": (
                "BEFORE TRUNCATE",
                "FOR EACH STATEMENT",
                "EXECUTE FUNCTION audit.forbid_truncate()",
            ),
        }
        if level == "none":
            found += [f"{table}: {name} at level none" for name in names.keys() & wanted.keys()]
            continue
        for name, parts in wanted.items():
            definition = names.get(name, "")
            if not all(part in definition for part in parts) or " WHEN " in definition:
                found.append(f"{table}: no {name} as it must be")
    for table in APPEND_ONLY:
        guards = [
            trigger
            for trigger in present.get(table, [])
            if trigger["function"] == "forbid_change" and trigger["enabled"] == "O"
        ]
        if len(guards) != 1 or "BEFORE DELETE OR UPDATE ON" not in guards[0]["definition"]:
            found.append(f"{table}: no trigger forbid_change")
    return found


# --- roles and functions --------------------------------------------------------------------------


def check_privileged_roles(connection: Connection) -> list[str]:
    """Superusers and BYPASSRLS roles are exactly the named ones.

    On a cluster that was there before the run, those of others are set aside and printed instead.
    """
    found = rows(
        connection,
        """
        select r.rolname::text as name, r.rolsuper as super
          from pg_roles as r
         where r.rolsuper or r.rolbypassrls
        """,
    )
    found = [row for row in found if not is_set_aside(row["name"])]
    superusers = {row["name"] for row in found if row["super"]}
    bypass = {row["name"] for row in found if not row["super"]}
    return [
        *(f"{name}: is or misses SUPERUSER" for name in sorted(superusers ^ SUPERUSERS)),
        *(f"{name}: has or misses BYPASSRLS" for name in sorted(bypass ^ BYPASSRLS)),
    ]


def check_unbound_roles(connection: Connection) -> list[str]:
    """Who reaches a tenant table without the floor is on the list above (rule 7)."""
    found = rows(
        connection,
        """
        select distinct r.rolname::text as name
          from pg_class as c
         cross join pg_roles as r
         where c.relnamespace::regnamespace::text = any (%(schemas)s)
           and c.relkind in ('r', 'p')
           and not r.rolsuper
           -- pg_read_all_data and its kin, of which nobody is a member (check_predefined_roles)
           and not starts_with(r.rolname, 'pg_')
           and (
               has_table_privilege(r.oid, c.oid, 'select, insert, update, delete, truncate')
               or has_any_column_privilege(r.oid, c.oid, 'select, insert, update')
           )
        """,
    )
    return list(
        named_exceptions(
            {row["name"] for row in found if not is_set_aside(row["name"])} - FLOOR_ROLES,
            UNBOUND_ROLES,
            "reaches tenant tables, and no floor binds it",
        )
    )


def check_closed_roles(connection: Connection) -> list[str]:
    """No login becomes the owner or a narrow role, but superusers and the migrator by SET ROLE."""
    found = rows(
        connection,
        """
        select
            r.rolname::text as login,
            c.name,
            pg_has_role(r.oid, c.name, 'usage') as inherits
          from pg_roles as r
         cross join unnest(%(closed)s::text[]) as c (name)
         where not r.rolsuper
           and r.rolname <> c.name
           and pg_has_role(r.oid, c.name, 'member')
        """,
        closed=sorted(CLOSED_ROLES),
    )
    return [
        f"{row['login']}: can become {row['name']}"
        for row in found
        if row["login"] != "gardenos_migrator" or row["inherits"]
    ]


PREDEFINED = {
    "gardenos_monitor is in pg_monitor": "statistics, no rows",
    "gardenos_publisher is in pg_read_all_stats": "what standbys have flushed",
    "pg_monitor is in pg_read_all_settings": "PostgreSQL's own",
    "pg_monitor is in pg_read_all_stats": "PostgreSQL's own",
    "pg_monitor is in pg_stat_scan_tables": "PostgreSQL's own",
}


def check_predefined_roles(connection: Connection) -> list[str]:
    """Nobody is in a role of PostgreSQL that reads or writes past policies, or files."""
    found = rows(
        connection,
        """
        select m.rolname::text as member, m.rolname || ' is in ' || g.rolname as name
          from pg_auth_members as a
          join pg_roles as m on m.oid = a.member
          join pg_roles as g on g.oid = a.roleid
         where starts_with(g.rolname, 'pg_')
        """,
    )
    return list(
        named_exceptions(
            {row["name"] for row in found if not is_set_aside(row["member"])},
            PREDEFINED,
            "a role of PostgreSQL's own",
        )
    )


def check_leakproof(connection: Connection) -> list[str]:
    """No function of ours is LEAKPROOF: it would run before the policies."""
    return [
        f"{signature}: LEAKPROOF"
        for signature, function in functions(connection).items()
        if function["leakproof"]
    ]


FORBIDDEN_TEXTS = {
    "request.jwt.claim.": "the legacy settings let two readers see two users",
    "user_metadata": "a user writes it",
    "auth.uid": "nothing of ours depends on schema auth",
    "auth.jwt": "nothing of ours depends on schema auth",
}


def check_forbidden_texts(connection: Connection) -> list[str]:
    """No function or policy reads what a client can forge."""
    texts = [(name, function["body"]) for name, function in functions(connection).items()]
    texts += [
        (f"{policy['table_name']} {policy['name']!r}", f"{policy['qual']} {policy['with_check']}")
        for policy in policies(connection)
    ]
    return [
        f"{name}: names {word}: {reason}"
        for name, text in texts
        for word, reason in FORBIDDEN_TEXTS.items()
        if word in text
    ]


# What may set a setting, or run text as SQL: none of these takes a client's word for it.
SETS = re.compile(r"\bset_config\s*\(|(?:^|;|\b(?:then|else|begin|loop)\b)\s*set\s", re.I)
SET_CONFIG = {
    "app.bind_session(text,bigint,text)": "sets role, claims and seal, once checked",
    "app.bind_worker(uuid)": "sets the claims and the seal that it got for them",
    "app.bind_import(uuid)": "sets role, claims and seal, for a running import",
    "app.release_import(uuid)": "sets the role of the worker, back from an import",
    "app.note_event()": "where a commit would not be written when it is seen, it is",
}


def check_settings_are_not_set(connection: Connection) -> list[str]:
    """No function sets a setting, but the one that binds a session, and none runs text as SQL."""
    found = {
        signature
        for signature, function in functions(connection).items()
        if SETS.search(function["body"])
    }
    violations = list(named_exceptions(found, SET_CONFIG, "sets a setting"))
    texts = {
        signature
        for signature, function in functions(connection).items()
        if re.search(r"\bexecute\b", function["body"], re.I)
    }
    violations += named_exceptions(texts, RUNS_TEXT, "runs text as SQL")
    for signature, function in functions(connection).items():
        if re.search(r"set_config\s*\([^;]*,\s*false\s*\)", function["body"], re.I):
            violations.append(f"{signature}: a setting that outlives the transaction")
    return violations


def all_checks() -> dict[str, Check]:
    """Name to check, of all the checks here."""
    return {
        name.removeprefix("check_"): check
        for name, check in globals().items()
        if name.startswith("check_")
    }
