"""Executes one cell of the matrix as a client and compares what happened with what it means.

Every execution finds rows on both sides: rows that the cell reaches, rows of the same agency that
it does not reach, and all rows of the other agency. Guards (schema.md 7.3) narrow some cells; the
rows that they keep are named in `kept_by_guard` and must be refused by exactly them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from tests.policies import new_records
from tests.policies.access import Connection, Outcome, Row, attempt
from tests.policies.matrix import Command, Matrix, Role
from tests.policies.meaning import Me, completed, in_agency, may, points_to_hidden, sees
from tests.policies.world import Agency, World

Key = tuple[Any, ...]

KEYS: dict[str, tuple[str, ...]] = {
    "tenancy.agencies": ("id",),
    "tenancy.issuers": ("issuer",),
    "tenancy.users": ("id",),
    "tenancy.user_identities": ("id",),
    "ai.embedding_models": ("id",),
    "ai.embeddings_vector_1536": ("agency_id", "id", "tier"),
    "ai.embeddings_halfvec_3072": ("agency_id", "id", "tier"),
}
TENANT_KEY = ("agency_id", "id")
# columns of jsonb that hold lists; other lists are arrays
JSON_LISTS = {"options", "columns"}

# an update that every role with the cell may make, and one like it that reads no column
CHANGES: dict[str, tuple[str, str]] = {
    "tenancy.agencies": ("locale = locale || 'x'", "locale = 'de'"),
    "tenancy.issuers": ("active = not active", "active = false"),
    "tenancy.users": ("full_name = 'Changed'", "full_name = 'Changed'"),
    "tenancy.user_identities": ("provider = 'changed'", "provider = 'changed'"),
    "tenancy.memberships": ("job_title = 'Changed'", "job_title = 'Changed'"),
    "tenancy.teams": ("description = 'Changed'", "description = 'Changed'"),
    "tenancy.team_members": ("is_lead = not is_lead", "is_lead = false"),
    # a closed invitation stays as it is, so those get the value they have
    "tenancy.invitations": (
        "expires_at = case when accepted_at is null and revoked_at is null"
        " then now() + interval '9 days' else expires_at end",
        "",
    ),
    "tenancy.invitation_secrets": ("token_hash = token_hash", ""),
    # revoking is the one change that a key may make too; what is revoked stays so
    "tenancy.api_keys": ("revoked_at = coalesce(revoked_at, now())", ""),
    "tenancy.api_key_secrets": ("key_hash = key_hash", ""),
    **{
        table: (change, change)
        for table, change in {
            "crm.companies": "city = 'Changed'",
            "crm.contacts": "job_title = 'Changed'",
            "crm.contact_points": "label = 'Changed'",
            "crm.contact_companies": "role_title = 'Changed'",
            "crm.tags": "color = '#123456'",
            "crm.custom_field_defs": "position = 7",
            "crm.lookup_values": "position = 7",
            "crm.saved_views": "columns = '[]'",
            "crm.pipelines": "position = 7",
            "crm.pipeline_stages": "probability = 7",
            "crm.deals": "expected_close_on = '2030-01-01'",
            "crm.deal_contacts": "role_title = 'Changed'",
            "crm.products": "description = 'Changed'",
            "crm.deal_line_items": "position = 7",
            "crm.activities": "due_at = '2030-01-01'",
            "crm.conversations": "subject = 'Changed'",
            "crm.participants": "role = 'cc'",
            "crm.messages": "body_text = 'Changed'",
            "crm.calendar_events": "location = 'Changed'",
            "crm.files": "file_name = 'Changed'",
            "crm.consents": "source = 'Changed'",
            "ai.documents": "status = 'stale'",
            "ai.chunks": "token_count = 7",
            "ai.embedding_models": "max_tokens = 7",
            "ai.embeddings_vector_1536": "embedded_at = now()",
            "ai.embeddings_halfvec_3072": "embedded_at = now()",
            "ai.agency_tiers": "state = 'ready'",
            "ai.memories": "kind = 'episodic'",
            "ai.embedding_jobs": "priority = 7",
            "integration.outbox_events": "published_at = null",
            "integration.webhook_endpoints": "name = 'Changed'",
            "integration.webhook_secrets": "secret_ref = 'Changed'",
            "integration.webhook_deliveries": "attempts = 1",
            "integration.import_jobs": "dedupe = 'skip'",
            "governance.erasure_requests": "reason = 'Changed'",
            "governance.retention_policies": "keep = '99 days'",
        }.items()
    },
    "crm.record_tags": ("tag_id = tag_id", ""),
    "crm.merge_records": ("undo_until = undo_until", ""),
    "crm.deal_stage_history": ("left_at = left_at", ""),
    "integration.import_rows": ("status = status", ""),
    "governance.suppressions": ("value_hash = value_hash", ""),
    "audit.log": (
        "old_values = null, new_values = null, salt = null,"
        " values_hash = coalesce(values_hash, audit.values_hash(salt, old_values, new_values))",
        "",
    ),
    "audit.seals": ("row_count = row_count", ""),
    "audit.retired": ("row_count = row_count", ""),
    "audit.verifications": ("problems = problems", ""),
}


def key_of(table: str, row: Row) -> Key:
    """The primary key of a row."""
    return tuple(row[column] for column in KEYS.get(table, TENANT_KEY))


def keys_of(table: str, rows: Iterable[Row]) -> set[Key]:
    """The primary keys of rows."""
    return {key_of(table, row) for row in rows}


def key_list(table: str) -> str:
    """The columns of the primary key, for a statement."""
    return ", ".join(KEYS.get(table, TENANT_KEY))


def where_keys(table: str, keys: Iterable[Key], *, but: bool = False) -> tuple[str, list[Any]]:
    """A WHERE clause that names these rows, or all but them."""
    columns = KEYS.get(table, TENANT_KEY)
    chosen = list(keys)
    if not chosen:
        return ("true" if but else "false"), []
    arrays = ", ".join(
        "%s::text[]" if isinstance(value, str) else "%s::uuid[]" for value in chosen[0]
    )
    return (
        f"({', '.join(columns)}) {'not in' if but else 'in'} (select * from unnest({arrays}))",
        [list(values) for values in zip(*chosen, strict=True)],
    )


def kept_by_guard(world: World, table: str, row: Row, me: Me) -> bool:
    """Whether a guard refuses me to touch this row: it is of a role above mine (7.3, rule 3)."""
    if table == "tenancy.memberships":
        return me.outranked_by(row["role"])
    if table == "tenancy.invitations":
        return me.outranked_by(row["role"])
    if table == "tenancy.api_keys":
        (actor,) = (
            member
            for member in world.rows["tenancy.memberships"]
            if member["agency_id"] == row["agency_id"] and member["id"] == row["acts_as_id"]
        )
        return me.outranked_by(actor["role"])
    return False


def held(world: World, table: str, row: Row) -> bool:
    """Whether a hard delete is refused because of what points to the row (2.2: no action)."""
    if table != "crm.contacts":
        return False
    return any(
        child["agency_id"] == row["agency_id"] and child["contact_id"] == row["id"]
        for name in ("crm.consents", "tenancy.memberships")
        for child in world.rows[name]
    )


@dataclass(frozen=True)
class Candidate:
    """A row to insert, and the SQLSTATE of the rule that refuses it although the cell allows it."""

    row: Row
    narrowed: str | None = None


def candidates(world: World, table: str) -> list[Candidate]:
    """Rows to insert: into agency A, into agency B, and from A to B."""
    a, b = world.a, world.b
    builders: dict[str, Callable[[], list[Candidate]]] = {
        "tenancy.teams": lambda: [
            Candidate({"agency_id": a.id, "name": "West"}),
            Candidate({"agency_id": a.id, "name": "West", "parent_team_id": a.teams["North"]}),
            Candidate({"agency_id": b.id, "name": "West"}),
            Candidate(
                {"agency_id": a.id, "name": "W", "parent_team_id": b.teams["North"]}, "23503"
            ),
        ],
        "tenancy.memberships": lambda: [
            Candidate(new_member(a, a.spare_agent, Role.AI_AGENT)),
            Candidate(new_member(b, a.spare_agent, Role.AI_AGENT)),
            Candidate(new_member(b, b.spare_agent, Role.AI_AGENT)),
            # people come by invitation only
            Candidate(new_member(a, world.stranger, Role.MEMBER), "42501"),
            Candidate(new_member(a, world.stranger, Role.OWNER), "42501"),
        ],
        "tenancy.team_members": lambda: [
            *(
                Candidate(
                    new_link(agency, agency.teams[team], agency.members["viewer"].membership_id)
                )
                for agency in (a, b)
                for team in agency.teams
            ),
            Candidate(new_link(a, b.teams["North"], a.members["viewer"].membership_id), "23503"),
            Candidate(new_link(a, a.teams["North"], b.members["viewer"].membership_id), "23503"),
        ],
        "audit.log": lambda: [Candidate(new_redaction(agency)) for agency in (a, b)],
    }
    if table in builders:
        return builders[table]()
    if table in new_records.BUILDERS:
        build = new_records.BUILDERS[table]
        mine, theirs = (
            [
                {"agency_id": place.id, **row}
                for row in build(world.rows, place.id, people(place), place.teams)
            ]
            for place in (a, b)
        )
        # the floor stops every row of the other agency: some show it
        return [Candidate(row) for row in (*mine, *theirs[:: max(1, len(theirs) // 5)])]
    column, value = {
        "tenancy.agencies": ("slug", "c"),
        "tenancy.issuers": ("issuer", "https://evil.test"),
        "tenancy.users": ("email", "new@a.test"),
        "tenancy.user_identities": ("subject", "new"),
        "ai.embedding_models": ("key", "new"),
    }.get(table, ("agency_id", a.id))
    return [Candidate({column: value})]


def people(agency: Agency) -> dict[str, UUID]:
    """The membership ids of an agency, by name."""
    return {name: member.membership_id for name, member in agency.members.items()}


def new_member(agency: Agency, user_id: UUID, role: Role) -> Row:
    """A membership to insert."""
    return {
        "agency_id": agency.id,
        "user_id": user_id,
        "role": role.value,
        "record_scope": "all",
        "display_name": "New",
    }


def new_redaction(agency: Agency) -> Row:
    """A row of the trail to insert."""
    return {
        "agency_id": agency.id,
        "schema_name": "tenancy",
        "table_name": "teams",
        "record_id": uuid4(),
        "op": "redact",
        "actor_kind": "system",
        "db_role": "nobody",
        "xid": "1",
        "epoch": 1,
        "timeline": 1,
    }


def new_link(agency: Agency, team: UUID, member: UUID) -> Row:
    """A team member to insert."""
    return {"agency_id": agency.id, "id": uuid4(), "team_id": team, "membership_id": member}


class Cells:
    """Executes cells in an open transaction of a client who acts as `me`."""

    def __init__(
        self, connection: Connection, world: World, matrix: Matrix, me: Me, *, alike: bool = False
    ) -> None:
        """Take what is needed.

        Args:
            connection: inside a transaction with role and claims set (`access.acting`).
            world: the rows there are.
            matrix: what is allowed.
            me: whose claims they are.
            alike: of new rows that must fare alike, one is enough. For what narrows whole
                commands and looks at no row.
        """
        self.alike = alike
        self.connection = connection
        self.world = world
        self.matrix = matrix
        self.me = me

    def check(self, table: str, command: Command) -> None:
        """Execute one cell; fails with what was expected and what happened."""
        if not self.matrix.granted(table, command):
            self._no_grant(table, command)
            return
        {
            Command.SELECT: self._select,
            Command.INSERT: self._insert,
            Command.UPDATE: self._update,
            Command.DELETE: self._delete,
            Command.SOFT_DELETE: self._soft_delete,
        }[command](table)

    def _attempt(self, statement: str, parameters: Iterable[Any] = ()) -> Outcome:
        return attempt(self.connection, statement, list(parameters))

    def _visible(self, table: str) -> list[Row]:
        rows = self.world.rows[table]
        return [row for row in rows if sees(self.matrix, table, row, self.me)]

    def _allowed(self, table: str, command: Command) -> list[Row]:
        """Rows of an UPDATE or DELETE: those of its own cell that I can see, too."""
        return [
            row for row in self._visible(table) if may(self.matrix, table, command, row, self.me)
        ]

    def _no_grant(self, table: str, command: Command) -> None:
        """All roles have `none`: the statement is refused before any policy is asked."""
        change = CHANGES[table][0]
        if command is Command.SOFT_DELETE:
            if "deleted_at" not in self.world.rows[table][0]:
                return
            change = "deleted_at = now()"
        candidate = candidates(self.world, table)[0].row
        statement, parameters = {
            Command.SELECT: (f"select count(*) from {table}", []),
            Command.INSERT: insert(table, candidate),
            Command.UPDATE: (f"update {table} set {change}", []),
            Command.SOFT_DELETE: (f"update {table} set {change}", []),
            Command.DELETE: (f"delete from {table}", []),
        }[command]
        outcome = self._attempt(statement, parameters)
        assert outcome.refused_by_grant, f"nobody may {command} {table}, yet: {outcome}"

    def _select(self, table: str) -> None:
        outcome = self._attempt(f"select {key_list(table)} from {table}")
        assert outcome.sqlstate is None, outcome
        assert keys_of(table, outcome.rows) == keys_of(table, self._visible(table))
        everything, parameters = where_keys(table, keys_of(table, self.world.rows[table]))
        by_key = self._attempt(f"select * from {table} where {everything}", parameters)
        assert by_key.count == len(self._visible(table)), "asked by key, it shows other rows"

    def _insert(self, table: str) -> None:
        fates = set()
        for candidate in candidates(self.world, table):
            row = completed(table, candidate.row, self.me)
            allowed = may(self.matrix, table, Command.INSERT, row, self.me)
            hidden = allowed and points_to_hidden(self.matrix, table, row, self.me)
            fate = (allowed, hidden, candidate.narrowed)
            if self.alike and fate in fates:
                continue
            fates.add(fate)
            statement, parameters = insert(table, candidate.row)
            outcome = self._attempt(statement, parameters)
            if not allowed:
                self._refused_insert(table, candidate, outcome)
            elif hidden:
                assert outcome.refused_by_trigger, f"{candidate} is a hidden link: {outcome}"
            elif candidate.narrowed is None:
                assert outcome.count == 1, f"{candidate} is allowed: {outcome}"
            else:
                assert outcome.sqlstate == candidate.narrowed, (candidate, outcome)
                assert not outcome.refused_by_policy, (candidate, outcome)

    def _refused_insert(self, table: str, candidate: Candidate, outcome: Outcome) -> None:
        """A policy refuses, or a guard that runs before it."""
        guarded = (
            candidate.narrowed == "42501"
            or "role" in candidate.row
            or table in ("crm.messages", "crm.consents")
        )
        assert outcome.refused_by_policy or (guarded and outcome.refused_by_trigger), (
            f"{candidate} must be refused by a policy: {outcome}"
        )

    def _update(self, table: str) -> None:
        change, blind = CHANGES[table]
        allowed = self._allowed(table, Command.UPDATE)
        guarded = keys_of(
            table, (row for row in allowed if kept_by_guard(self.world, table, row, self.me))
        )
        # a key that revokes itself can do no more, from the next row on
        alone = keys_of(table, (row for row in allowed if row["id"] == self.me.key)) - guarded
        rest, parameters = where_keys(table, guarded | alone, but=True)
        outcome = self._attempt(
            f"update {table} set {change} where {rest} returning {key_list(table)}", parameters
        )
        assert outcome.sqlstate is None, outcome
        assert keys_of(table, outcome.rows) == keys_of(table, allowed) - guarded - alone
        for key in alone:
            one, parameters = where_keys(table, [key])
            outcome = self._attempt(f"update {table} set {change} where {one}", parameters)
            assert outcome.count == 1, outcome
        for key in guarded:
            one, parameters = where_keys(table, [key])
            outcome = self._attempt(f"update {table} set {change} where {one}", parameters)
            assert outcome.refused_by_trigger, f"{key} is above my role: {outcome}"
        if blind and not guarded:
            self._count_blind(f"update {table} set {blind}", table, Command.UPDATE)

    def _delete(self, table: str) -> None:
        allowed = self._allowed(table, Command.DELETE)
        kept = keys_of(table, (row for row in allowed if held(self.world, table, row)))
        rest, parameters = where_keys(table, kept, but=True)
        outcome = self._attempt(
            f"delete from {table} where {rest} returning {key_list(table)}", parameters
        )
        assert outcome.sqlstate is None, outcome
        assert keys_of(table, outcome.rows) == keys_of(table, allowed) - kept
        for key in sorted(kept)[:2]:
            one, parameters = where_keys(table, [key])
            outcome = self._attempt(f"delete from {table} where {one}", parameters)
            assert outcome.sqlstate == "23503", outcome
        if not kept:
            self._count_blind(f"delete from {table}", table, Command.DELETE)

    def _count_blind(self, statement: str, table: str, command: Command) -> None:
        """A statement that reads no column asks no SELECT policy: its own must suffice."""
        expected = [
            row
            for row in self.world.rows[table]
            if may(self.matrix, table, command, row, self.me)
            and (
                command is Command.DELETE
                or row.get("deleted_at") is None
                or may(self.matrix, table, Command.SOFT_DELETE, row, self.me)
            )
        ]
        outcome = self._attempt(statement)
        assert outcome.sqlstate is None, outcome
        assert outcome.count == len(expected)

    def _soft_delete(self, table: str) -> None:
        """Delete and restore; who may update but not delete is refused by a policy."""
        deletable = keys_of(table, self._allowed(table, Command.SOFT_DELETE))
        updatable = keys_of(table, self._allowed(table, Command.UPDATE))
        live = keys_of(table, (row for row in self.world.rows[table] if row["deleted_at"] is None))
        assert deletable <= updatable, "soft_delete is never wider than update"
        for key in sorted((updatable - deletable) & live)[::9]:
            one, parameters = where_keys(table, [key])
            outcome = self._attempt(
                f"update {table} set deleted_at = now() where {one}", parameters
            )
            assert self._refuses_deletion(outcome), f"{key}: update is no soft delete: {outcome}"
        rest, parameters = where_keys(table, updatable - deletable, but=True)
        self._soft_delete_blind(table)
        for old, new, expected in (
            ("deleted_at is null", "now()", deletable & live),
            ("deleted_at is not null", "null", deletable - live),
        ):
            outcome = self._attempt(
                f"update {table} set deleted_at = {new} where {old} and {rest}"
                f" returning {key_list(table)}",
                parameters,
            )
            assert outcome.sqlstate is None, outcome
            assert keys_of(table, outcome.rows) == expected

    def _soft_delete_blind(self, table: str) -> None:
        """Without WHERE no SELECT policy is asked: the UPDATE policy must refuse by itself."""
        reached = [
            row
            for row in self.world.rows[table]
            if may(self.matrix, table, Command.UPDATE, row, self.me)
        ]
        outcome = self._attempt(f"update {table} set deleted_at = now()")
        if all(may(self.matrix, table, Command.SOFT_DELETE, row, self.me) for row in reached):
            assert (outcome.sqlstate, outcome.count) == (None, len(reached)), outcome
        else:
            assert self._refuses_deletion(outcome), outcome

    def _refuses_deletion(self, outcome: Outcome) -> bool:
        """The policy does, or for an agent the guard that runs before it (8.2)."""
        agent = self.me.agent or self.me.role is Role.AI_AGENT
        return outcome.refused_by_policy or (agent and outcome.refused_by_trigger)


def insert(table: str, row: Row) -> tuple[str, list[Any]]:
    """An INSERT of one row, and its parameters. No RETURNING: that would ask for SELECT, too."""
    return (
        f"insert into {table} ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})",
        [
            Jsonb(value) if isinstance(value, dict) or name in JSON_LISTS else value
            for name, value in row.items()
        ],
    )


def agency_rows(world: World, table: str, me: Me) -> list[Row]:
    """The rows of a tenant table, or of agencies, that are my agency's."""
    return [row for row in world.rows[table] if in_agency(table, row, me)]


def visible(connection: Connection) -> dict[str, set[Key]]:
    """All keys that the present claims show, of the tables that show any."""
    matrix, found = Matrix(), {}
    for table in sorted(matrix.tables):
        if matrix.granted(table, Command.SELECT):
            outcome = attempt(connection, f"select {key_list(table)} from {table}")
            assert outcome.sqlstate is None, (table, outcome)
            if outcome.rows:
                found[table] = keys_of(table, outcome.rows)
    return found
