"""The roles that the tenant floor does not bind: what each can do, and who can become one.

What they may is written down here, not read from `policies/`; the privileges of the database are
compared with it, table by table, and each privilege is then used.
"""

import itertools
from collections.abc import Callable

import pytest
from psycopg.rows import dict_row

from tests.database import Database
from tests.policies.access import Connection, Row, attempt
from tests.policies.catalogue import APPEND_ONLY, AUDITING
from tests.policies.cells import CHANGES, candidates, insert
from tests.policies.cluster_url import is_set_aside
from tests.policies.matrix import Matrix
from tests.policies.world import World

TABLES = sorted(Matrix().tables)
COMMANDS = ("select", "insert", "update", "delete")
READ, ADD, KEEP = {"select"}, {"select", "insert"}, {"select", "insert", "update"}
ALL = set(COMMANDS)
SECRETS = (
    "tenancy.invitation_secrets",
    "tenancy.api_key_secrets",
    "integration.webhook_secrets",
)
# Append-only, and back-office code may add; the other histories are written by triggers alone.
ADDED_TO = {"crm.consents", "integration.outbox_events", "governance.suppressions"}

# What a merge moves, with a column that it may set; the first two are what it merges.
MOVED = {
    "crm.contacts": "custom",
    "crm.companies": "custom",
    "crm.contact_points": "is_primary",
    "crm.deals": "company_id",
    "crm.activities": "contact_id",
    "crm.conversations": "contact_id",
    "crm.messages": "sender_contact_id",
    "crm.calendar_events": "company_id",
    "crm.files": "contact_id",
    "integration.import_rows": "contact_id",
    "ai.documents": "contact_id",
    "ai.memories": "contact_id",
    "tenancy.memberships": "contact_id",
    "tenancy.invitations": "contact_id",
}
# Links that both may have, so that one of them is dropped.
DROPPED = {
    "crm.contact_companies": "company_id",
    "crm.record_tags": "contact_id",
    "crm.deal_contacts": "contact_id",
    "crm.participants": "contact_id",
}

# What an erasure reaches, of the agency it is bound to: with a policy of its own, but no floor.
TOUCHED = {"select", "update", "delete"}
ERASED = {
    **{
        f"crm.{table}": TOUCHED
        for table in (
            "activities",
            "calendar_events",
            "companies",
            "contact_companies",
            "contact_points",
            "contacts",
            "conversations",
            "deal_contacts",
            "deal_line_items",
            "deals",
            "files",
            "lookup_values",
            "merge_records",
            "messages",
            "participants",
            "products",
            "record_tags",
            "saved_views",
            "tags",
        )
    },
    **{f"ai.{table}": TOUCHED for table in ("documents", "chunks", "memories", "embedding_jobs")},
    "crm.consents": {"select", "update"},
    "crm.custom_field_defs": READ,
    "integration.import_jobs": TOUCHED,
    "integration.import_rows": TOUCHED,
    "ai.agent_runs": TOUCHED,
    "ai.agent_steps": TOUCHED,
    "integration.webhook_deliveries": {"select", "delete"},
    "integration.webhook_endpoints": {"select", "update"},
    "integration.outbox_events": {"insert"},
    "governance.erasure_requests": KEEP,
    "governance.suppressions": ADD,
    "governance.retention_policies": READ,
    "tenancy.invitations": TOUCHED,
    "tenancy.teams": {"select", "update"},
    "tenancy.api_keys": {"select", "update"},
    "langgraph.checkpoints": TOUCHED,
    "langgraph.checkpoint_blobs": TOUCHED,
    "langgraph.checkpoint_writes": TOUCHED,
    "langgraph.store": TOUCHED,
    "langgraph.store_vectors": {"select", "delete"},
}

# What documents and memories are made of: read, and locked by whoever copies who may read it.
SOURCES = (
    "crm.contacts",
    "crm.companies",
    "crm.deals",
    "crm.activities",
    "crm.conversations",
    "crm.calendar_events",
    "crm.messages",
    "crm.files",
    "ai.agent_runs",
)
COPIES = ("ai.chunks", "ai.embeddings_vector_1536", "ai.embeddings_halfvec_3072")

# What a role that may update some columns only sets.
COLUMNS = {
    **{
        ("gardenos_merger", table): f"{column} = {column}"
        for table, column in {**MOVED, **DROPPED, "crm.merge_records": "undone_at"}.items()
    },
    **{("gardenos_ai_writer", table): "id = id" for table in SOURCES},
    **{("gardenos_ai_writer", table): "visibility = visibility" for table in COPIES},
    ("gardenos_ai_writer", "ai.agency_tiers"): "id = id",
    ("gardenos_ai_writer", "ai.documents"): "visibility = visibility",
    ("gardenos_ai_writer", "ai.memories"): "owner_id = owner_id",
    ("gardenos_eraser", "crm.consents"): "evidence = evidence",
    ("gardenos_eraser", "tenancy.memberships"): "job_title = job_title",
    ("gardenos_eraser", "tenancy.users"): "full_name = full_name",
    ("gardenos_crm_writer", "crm.contact_points"): "deleted_at = deleted_at",
    ("gardenos_crm_writer", "crm.pipeline_stages"): "outcome = outcome",
    ("gardenos_crm_writer", "crm.deals"): "amount = amount",
    ("gardenos_crm_writer", "crm.deal_stage_history"): "left_at = left_at",
    ("gardenos_crm_writer", "crm.conversations"): "participant_ids = participant_ids",
    ("gardenos_crm_writer", "crm.calendar_events"): "participant_ids = participant_ids",
    ("gardenos_crm_writer", "ai.agent_runs"): "visibility = visibility",
    ("gardenos_crm_writer", "ai.agent_steps"): "approval = approval",
}

# A policy of an unbound role that shows some rows only, and which.
NARROWED: dict[tuple[str, str], Callable[[Row], bool]] = {
    ("gardenos_search", "crm.participants"): lambda row: (
        row["contact_id"] is not None and row["calendar_event_id"] is not None
    ),
    # nobody is bound here, so no agency is
    **{("gardenos_eraser", table): lambda row: False for table in ERASED},
}

# A role that reads every row and changes those of the agency it is bound to, which here is none.
CHANGES_ITS_AGENCY = {("gardenos_eraser", "tenancy.memberships")}

# table to commands; what is not listed is nothing
PRIVILEGES: dict[str, dict[str, set[str]]] = {
    "gardenos_membership_reader": {
        "tenancy.agencies": READ,
        "tenancy.issuers": READ,
        "tenancy.users": READ,
        "tenancy.user_identities": READ,
        "tenancy.memberships": READ,
        "tenancy.teams": READ,
        "tenancy.team_members": READ,
        "tenancy.api_keys": READ,
        "tenancy.api_key_secrets": READ,
        "integration.import_jobs": READ,
    },
    "gardenos_tenancy_writer": {
        "tenancy.agencies": KEEP,
        "tenancy.issuers": READ,
        "tenancy.users": KEEP,
        "tenancy.user_identities": ADD,
        "tenancy.memberships": KEEP,
        "tenancy.teams": READ,
        "tenancy.team_members": ADD,
        "tenancy.invitations": KEEP,
        "tenancy.invitation_secrets": KEEP,
        "tenancy.api_keys": ADD,
        "tenancy.api_key_secrets": ADD,
        "crm.pipelines": {"insert"},
        "crm.pipeline_stages": {"insert"},
        "governance.retention_policies": {"insert"},
        "ai.agency_tiers": {"insert"},
    },
    "gardenos_auditor": {table: READ for table in TABLES if table not in SECRETS},
    # BYPASSRLS: its privileges are all that limits it
    "service_role": {
        table: ADD if table in ADDED_TO else READ if table in APPEND_ONLY else ALL
        for table in TABLES
        if table not in SECRETS and not table.startswith("langgraph.")
    },
    # the triggers append and never look
    "gardenos_audit_writer": {"audit.log": {"insert"}},
    "gardenos_audit_sealer": {
        "audit.log": READ,
        "audit.seals": ADD,
        "audit.retired": ADD,
        "audit.verifications": ADD,
    },
    "gardenos_audit_redactor": {"audit.log": KEEP},
    "gardenos_sealer": {},
    "gardenos_search": {
        **{
            f"crm.{table}": READ
            for table in (
                "activities",
                "calendar_events",
                "companies",
                "contact_points",
                "contacts",
                "conversations",
                "deals",
                "messages",
                "participants",
            )
        },
        "ai.chunks": READ,
        "ai.documents": READ,
        "ai.memories": READ,
        "ai.agency_tiers": READ,
        "ai.embedding_models": READ,
        "tenancy.agencies": READ,
    },
    # triggers look up what the writer may not see, and keep what no client writes
    "gardenos_crm_writer": {
        "crm.lookup_values": READ,
        "crm.custom_field_defs": READ,
        "crm.contact_points": {"select", "update"},
        "crm.pipeline_stages": {"select", "update"},
        "crm.deals": {"select", "update"},
        "crm.deal_line_items": READ,
        "crm.deal_stage_history": KEEP,
        "crm.participants": READ,
        "crm.conversations": {"select", "update"},
        "crm.calendar_events": {"select", "update"},
        "governance.suppressions": READ,
        "integration.import_jobs": READ,
        "integration.import_rows": {"select", "update"},
        "ai.agent_runs": {"select", "update"},
        "ai.agent_steps": {"select", "update"},
        "langgraph.checkpoints": READ,
        "langgraph.checkpoint_blobs": READ,
        "langgraph.checkpoint_writes": READ,
    },
    # triggers copy who may read a record to what agents know of it
    "gardenos_ai_writer": {
        **{table: {"select", "update"} for table in SOURCES},
        **dict.fromkeys(COPIES, TOUCHED),
        "ai.documents": {"select", "update"},
        "ai.memories": {"select", "update"},
        "ai.embedding_jobs": {"select", "delete"},
        "ai.agency_tiers": {"select", "update"},
    },
    # merges read what they move, write what points to a record, and drop doubles
    "gardenos_merger": {
        **{table: {"select", "update"} for table in MOVED},
        **dict.fromkeys(DROPPED, ALL),
        "crm.merge_records": KEEP,
        "crm.consents": READ,
        "langgraph.store": {"select", "insert", "delete"},
        "langgraph.store_vectors": {"select", "insert", "delete"},
    },
    # the triggers append events and queue texts; the functions make webhooks and look for work
    "gardenos_publisher": {
        "tenancy.agencies": READ,
        "ai.documents": READ,
        **dict.fromkeys(("ai.chunks", "ai.memories", "ai.embedding_models"), READ),
        **dict.fromkeys(("ai.embeddings_vector_1536", "ai.embeddings_halfvec_3072"), READ),
        "ai.embedding_jobs": KEEP,
        "integration.outbox_events": ADD,
        "integration.webhook_endpoints": ADD,
        "integration.webhook_secrets": KEEP,
        "integration.webhook_deliveries": READ,
    },
    # erasures empty what is about a person, and note that they did
    "gardenos_eraser": {
        **ERASED,
        "tenancy.memberships": {"select", "update"},
        "tenancy.users": {"select", "update"},
        "tenancy.user_identities": {"select", "delete"},
    },
    "gardenos_monitor": {},
    "gardenos_migrator": {},
    "gardenos_app": {},
    "authenticator": {},
    "authenticator_ro": {},
    "anon": {},
    "supabase_auth_admin": {},
    "supabase_storage_admin": {},
    "supabase_realtime_admin": {},
    "dashboard_user": {},
}


@pytest.mark.parametrize("role", PRIVILEGES)
def test_privileges_are_those(superuser: Connection, role: str) -> None:
    for table, command in itertools.product(TABLES, COMMANDS):
        (row,) = superuser.execute(
            "select has_table_privilege(%(role)s, %(table)s, %(command)s)"
            " or (%(command)s <> 'delete'"
            " and has_any_column_privilege(%(role)s, %(table)s,"
            " case when %(command)s = 'delete' then 'select' else %(command)s end)) as held",
            {"role": role, "table": table, "command": command},
        ).fetchall()
        assert row["held"] is (command in PRIVILEGES[role].get(table, set())), (table, command)


@pytest.mark.parametrize("role", PRIVILEGES)
@pytest.mark.parametrize("table", TABLES)
def test_privileges_are_used(superuser: Connection, world: World, role: str, table: str) -> None:
    """Who may read reads every row: an unbound role must not be half blind, silently."""
    allowed = PRIVILEGES[role].get(table, set())
    shown = NARROWED.get((role, table))
    total = sum(shown is None or shown(row) for row in world.rows[table])
    insertion, parameters = insert(table, candidates(world, table)[0].row)
    with superuser.transaction(force_rollback=True):
        superuser.execute(f"set local role {role}")
        read = attempt(superuser, f"select 1 from {table}")
        assert read.count == total if "select" in allowed else read.sqlstate == "42501", read
        for command, statement, values in (
            ("insert", insertion, parameters),
            ("update", f"update {table} set {COLUMNS.get((role, table), CHANGES[table][0])}", []),
            ("delete", f"delete from {table}", []),
            ("truncate", f"truncate {table} cascade", []),
        ):
            outcome = attempt(superuser, statement, values)
            if command not in allowed:
                assert outcome.sqlstate == "42501", (command, outcome)
            elif command == "update":
                expected = 0 if (role, table) in CHANGES_ITS_AGENCY else total
                assert outcome.count == expected, outcome
            else:
                # other rules may refuse the row, but no privilege and no policy
                assert not outcome.refused_by_grant, outcome
                # but that of the agency, where none is bound
                assert role == "gardenos_eraser" or not outcome.refused_by_policy, outcome


def test_auditor_only_reads(world: World, world_database: Database) -> None:
    """A login of its own: it sees every agency, and read-only is its default."""
    with world_database.connect(
        "gardenos_auditor", autocommit=True, row_factory=dict_row
    ) as connection:
        for table, commands in PRIVILEGES["gardenos_auditor"].items():
            assert commands == READ
            assert attempt(connection, f"select 1 from {table}").count == len(world.rows[table])
        for setting in ("on", "off"):
            connection.execute(f"set default_transaction_read_only = {setting}")
            for table in TABLES:
                outcome = attempt(connection, f"update {table} set {CHANGES[table][0]}")
                assert outcome.sqlstate in ("42501", "25006"), outcome


def test_keys_of_seals_are_for_the_sealer_alone(superuser: Connection, world: World) -> None:
    for role in (*PRIVILEGES, "gardenos_owner", "gardenos_worker", "authenticated"):
        with superuser.transaction(force_rollback=True):
            superuser.execute(f"set local role {role}")
            outcome = attempt(superuser, "select 1 from migration.seal_keys")
        match role:
            case "gardenos_sealer":
                assert outcome.count == 2, "the key of the seals, and that of webhooks"
            case "gardenos_owner":
                assert (outcome.sqlstate, outcome.count) == (None, 0), "FORCE RLS, no policy"
            case _:
                assert outcome.sqlstate == "42501", (role, outcome)


LOGINS = {
    "authenticator": {"anon", "authenticated", "service_role"},
    "authenticator_ro": {"anon", "authenticated", "service_role"},
    "gardenos_app": {"authenticated"},
    "gardenos_worker": {"authenticated"},
    "gardenos_auditor": set(),
    "gardenos_monitor": {"pg_monitor"},
    "gardenos_migrator": {
        "gardenos_owner",
        "gardenos_membership_reader",
        "gardenos_tenancy_writer",
        "gardenos_sealer",
        "gardenos_search",
        "gardenos_crm_writer",
        "gardenos_ai_writer",
        "gardenos_merger",
        "gardenos_publisher",
        "gardenos_eraser",
        *AUDITING,
    },
    "supabase_auth_admin": set(),
    # through authenticator: two NOINHERIT steps (supabase-contract.md, section 1)
    "supabase_storage_admin": {"authenticator", "anon", "authenticated", "service_role"},
}


@pytest.mark.parametrize("login", LOGINS)
def test_login_becomes_only(world: World, world_database: Database, login: str) -> None:
    """Each login tries to become every role there is."""
    with world_database.connect(login, autocommit=True, row_factory=dict_row) as connection:
        roles = {row["name"] for row in connection.execute("select rolname as name from pg_roles")}
        became = {
            role
            for role in roles - {login}
            if attempt(connection, f'set local role "{role}"').sqlstate is None
        }
    # PostgreSQL's own roles inside pg_monitor
    assert {role for role in became if not role.startswith("pg_")} == {
        role for role in LOGINS[login] if not role.startswith("pg_")
    }
    if login != "gardenos_monitor":
        # the migrator through gardenos_publisher: statistics, no rows
        allowed = {"pg_read_all_stats"} if login == "gardenos_migrator" else set()
        assert {role for role in became if role.startswith("pg_")} == allowed


def test_every_login_is_listed(superuser: Connection) -> None:
    logins = {
        row["name"]
        for row in superuser.execute(
            "select rolname as name from pg_roles where rolcanlogin and not rolsuper"
        )
        if not is_set_aside(row["name"])
    }
    assert logins == LOGINS.keys()


# the worker is bound by the floor: test_worker.py
@pytest.mark.parametrize("login", sorted(LOGINS.keys() - {"gardenos_auditor", "gardenos_worker"}))
def test_login_inherits_nothing(world: World, world_database: Database, login: str) -> None:
    """Without SET ROLE a login reaches no table, although it is a member of who does."""
    with world_database.connect(login, autocommit=True, row_factory=dict_row) as connection:
        for table in TABLES:
            assert attempt(connection, f"select 1 from {table}").sqlstate == "42501"
