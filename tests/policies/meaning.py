"""What the words of the matrix mean, as predicates over plain rows.

Written from the words of the specification (schema.md, sections 4 and 8), never from `policies/`:
a policy that is wrong must disagree with this file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from tests.policies.access import Row
from tests.policies.matrix import Command, Matrix, Role, Scope

RANK = {
    Role.OWNER: 6,
    Role.ADMIN: 5,
    Role.MANAGER: 4,
    Role.MEMBER: 3,
    Role.VIEWER: 2,
    Role.CLIENT: 1,
}
RECORD_SCOPES = ("own", "team", "all")

# every row there is, by table and by agency and id
Rows = Mapping[str, Mapping[tuple[UUID, UUID], Row]]


@dataclass(frozen=True)
class Me:
    """Who acts: a live member, perhaps through an agent, perhaps with an API key.

    Attributes:
        leads: the teams that I lead; a deleted team is led by nobody.
        teams: the live teams that I am in, with those below the teams that I lead.
        record_scope: how far `scope` reaches; of an agent for me, the narrower of both.
        contact_id: the person behind a client.
        capabilities: extra rights of my membership.
        rows: what there is, for the words that ask another row.
        agent: an agent acts for me (claim `act`).
        agent_id: the membership of that agent.
        key: the API key that I come with.
        scopes: what the key is limited to, as `schema.table:command`; None: to nothing less.
    """

    user_id: UUID
    membership_id: UUID
    agency_id: UUID
    role: Role
    leads: frozenset[UUID]
    teams: frozenset[UUID] = frozenset()
    record_scope: str = "own"
    contact_id: UUID | None = None
    capabilities: frozenset[str] = frozenset()
    rows: Rows = field(default_factory=dict, compare=False, repr=False)
    agent: bool = False
    agent_id: UUID | None = None
    key: UUID | None = None
    scopes: frozenset[str] | None = None

    def through_agent(self, record_scope: str, agent_id: UUID | None = None) -> "Me":
        """The same person, for whom an agent acts whose membership has this record scope."""
        narrower = min(self.record_scope, record_scope, key=RECORD_SCOPES.index)
        return replace(self, agent=True, agent_id=agent_id, record_scope=narrower)

    def actors(self) -> tuple[UUID | None, UUID | None]:
        """The agent that is at work, and for whom: what a run says of who acts."""
        return (self.agent_id, self.membership_id) if self.agent else (self.membership_id, None)

    @property
    def acting_agent(self) -> UUID | None:
        """The agent that asks, for me or as myself."""
        return self.membership_id if self.role is Role.AI_AGENT else self.agent_id

    def with_key(self, key: UUID, *scopes: str) -> "Me":
        """The same member, by an API key; no scopes: all that the membership may."""
        return replace(self, key=key, scopes=frozenset(scopes) or None)

    def outranked_by(self, role: str) -> bool:
        """Whether this role is above mine; an agent is for owners and admins only (7.3)."""
        if role == Role.AI_AGENT:
            return self.role not in (Role.OWNER, Role.ADMIN)
        return self.role is Role.AI_AGENT or RANK[Role(role)] > RANK[self.role]

    def find(self, table: str, key: UUID | None) -> Row | None:
        """The row of my agency with this id."""
        return self.rows[table].get((self.agency_id, key)) if key is not None else None


def in_agency(table: str, row: Row, me: Me) -> bool:
    """The row is my agency's; of `agencies`, it is my agency. A model is of all of them."""
    if table == "ai.embedding_models":
        return True
    return bool(row["id" if table == "tenancy.agencies" else "agency_id"] == me.agency_id)


# --- whose a row is -------------------------------------------------------------------------------

# the row that a child asks, by the column that points to it: one of them is set
PARENTS: dict[str, dict[str, str]] = {
    "crm.contact_points": {"contact_id": "crm.contacts"},
    "crm.contact_companies": {"contact_id": "crm.contacts"},
    "crm.record_tags": {
        "contact_id": "crm.contacts",
        "company_id": "crm.companies",
        "deal_id": "crm.deals",
    },
    "crm.merge_records": {
        "winner_contact_id": "crm.contacts",
        "winner_company_id": "crm.companies",
    },
    "crm.deal_contacts": {"deal_id": "crm.deals"},
    "crm.deal_stage_history": {"deal_id": "crm.deals"},
    "crm.deal_line_items": {"deal_id": "crm.deals"},
    "crm.participants": {
        "conversation_id": "crm.conversations",
        "calendar_event_id": "crm.calendar_events",
    },
    "crm.messages": {"conversation_id": "crm.conversations"},
    "crm.files": {
        "contact_id": "crm.contacts",
        "company_id": "crm.companies",
        "deal_id": "crm.deals",
        "activity_id": "crm.activities",
        "calendar_event_id": "crm.calendar_events",
        "message_id": "crm.messages",
    },
    "crm.consents": {"contact_id": "crm.contacts"},
    "integration.import_rows": {"job_id": "integration.import_jobs"},
    "ai.chunks": {"document_id": "ai.documents"},
    "ai.embeddings_vector_1536": {"chunk_id": "ai.chunks", "memory_id": "ai.memories"},
    "ai.embeddings_halfvec_3072": {"chunk_id": "ai.chunks", "memory_id": "ai.memories"},
    # none for the subjects agency and member
    "ai.memories": {
        "contact_id": "crm.contacts",
        "company_id": "crm.companies",
        "deal_id": "crm.deals",
    },
    "ai.agent_steps": {"run_id": "ai.agent_runs"},
    "langgraph.checkpoints": {"conversation_id": "crm.conversations"},
    "langgraph.checkpoint_blobs": {"conversation_id": "crm.conversations"},
    "langgraph.checkpoint_writes": {"conversation_id": "crm.conversations"},
    "langgraph.store": {
        "contact_id": "crm.contacts",
        "company_id": "crm.companies",
        "deal_id": "crm.deals",
        "conversation_id": "crm.conversations",
    },
    "langgraph.store_vectors": {"prefix": "langgraph.store"},
}
# where the conversation or the subject is the parent, and readable is enough for writing (8.2)
AGENTS_OWN = ("langgraph.",)
# the table of each kind of subject that the namespace of an item names
SUBJECTS = {
    "contact": "crm.contacts",
    "company": "crm.companies",
    "deal": "crm.deals",
    "conversation": "crm.conversations",
}
# what agents keep for themselves: through an agent its line alone decides (8.2)
AGENT_STATE = {"ai.agent_runs", "ai.agent_steps"}
SELF: dict[str, Callable[[Row, Me], bool]] = {
    "tenancy.users": lambda row, me: row["id"] == me.user_id,
    "tenancy.user_identities": lambda row, me: row["user_id"] == me.user_id,
    "tenancy.memberships": lambda row, me: (
        row["agency_id"] == me.agency_id and row["id"] == me.membership_id
    ),
    "crm.consents": lambda row, me: (
        row["agency_id"] == me.agency_id
        and me.contact_id is not None
        and row["contact_id"] == me.contact_id
    ),
}
OWN: dict[str, Callable[[Row, Me], bool]] = {
    "tenancy.teams": lambda row, me: row["id"] in me.leads,
    "tenancy.team_members": lambda row, me: row["team_id"] in me.leads,
    "tenancy.invitations": lambda row, me: row["invited_by_id"] == me.membership_id,
    "crm.companies": lambda row, me: row["owner_id"] == me.membership_id,
    "crm.contacts": lambda row, me: row["owner_id"] == me.membership_id,
    "crm.saved_views": lambda row, me: row["owner_id"] == me.membership_id,
    "crm.deals": lambda row, me: row["owner_id"] == me.membership_id,
    "crm.activities": lambda row, me: me.membership_id in (row["owner_id"], row["assignee_id"]),
    "crm.conversations": lambda row, me: me.membership_id in (row["owner_id"], row["assignee_id"]),
    "crm.messages": lambda row, me: (
        row["sender_membership_id"] == me.membership_id and row["status"] == "draft"
    ),
    "crm.calendar_events": lambda row, me: row["owner_id"] == me.membership_id,
    "crm.files": lambda row, me: row["owner_id"] == me.membership_id,
    "integration.import_jobs": lambda row, me: row["owner_id"] == me.membership_id,
    "ai.documents": lambda row, me: row["owner_id"] == me.membership_id,
    "ai.memories": lambda row, me: row["owner_id"] == me.membership_id,
    "ai.agent_runs": lambda row, me: (
        me.membership_id
        in (row["agent_membership_id"], row["triggered_by_id"], row["on_behalf_of_id"])
    ),
}


# reading, and pointing to, something else than the parent: both ends must be readable (7.10)
LINKS: dict[str, dict[str, str]] = {
    "tenancy.teams": {"parent_team_id": "tenancy.teams"},
    "crm.companies": {"team_id": "tenancy.teams"},
    "crm.contacts": {"team_id": "tenancy.teams"},
    "crm.contact_companies": {"company_id": "crm.companies"},
    "crm.record_tags": {"tag_id": "crm.tags"},
    "crm.deals": {"pipeline_id": "crm.pipelines", "team_id": "tenancy.teams"},
    "crm.deal_contacts": {"contact_id": "crm.contacts"},
    "crm.activities": {"contact_id": "crm.contacts", "team_id": "tenancy.teams"},
    "crm.conversations": {"contact_id": "crm.contacts", "team_id": "tenancy.teams"},
    "crm.calendar_events": {"team_id": "tenancy.teams"},
    "crm.pipeline_stages": {"pipeline_id": "crm.pipelines"},
    "crm.saved_views": {"team_id": "tenancy.teams"},
    "ai.documents": {"contact_id": "crm.contacts", "activity_id": "crm.activities"},
    "ai.memories": {
        "contact_id": "crm.contacts",
        "company_id": "crm.companies",
        "deal_id": "crm.deals",
        "team_id": "tenancy.teams",
    },
    "ai.agent_runs": {"conversation_id": "crm.conversations"},
}
# without an owner a new record is its writer's, unless a client writes it
OWNED_BY_DEFAULT = {
    "crm.companies",
    "crm.contacts",
    "crm.deals",
    "crm.activities",
    "crm.conversations",
    "crm.calendar_events",
    "crm.files",
    "crm.saved_views",
    "integration.import_jobs",
    "ai.documents",
    "ai.memories",
}


def copied(table: str, row: Row, me: Me) -> Row | None:
    """What a new row copies of the row that it is about: who may read it (5.2)."""
    if table not in ("ai.documents", "ai.memories"):
        return None
    if row.get("activity_id") is not None:
        note = me.find("crm.activities", row["activity_id"]) or {}
        return {
            "owner_id": note.get("assignee_id") or note.get("owner_id"),
            "team_id": note.get("team_id"),
            "visibility": note.get("visibility", "private"),
        }
    for column, place in PARENTS["ai.memories"].items():
        if row.get(column) is not None:
            about = me.find(place, row[column]) or {}
            found = {"owner_id": about.get("owner_id"), "team_id": about.get("team_id")}
            return found if table == "ai.memories" else {**found, "visibility": "agency"}
    return None


def completed(table: str, row: Row, me: Me) -> Row:
    """A new row, with its owner when it names none, and what it copies; of a run, who acts."""
    if table == "ai.agent_runs":
        agent, person = me.actors()
        return {
            **row,
            "agent_membership_id": agent,
            "on_behalf_of_id": person,
            "triggered_by_id": person,
        }
    copy = copied(table, row, me)
    if copy is not None:
        return {**row, **copy}
    if table in OWNED_BY_DEFAULT and me.role is not Role.CLIENT and not row.get("owner_id"):
        return {**row, "owner_id": me.membership_id}
    return row


def own(table: str, row: Row, me: Me, command: Command) -> bool:
    """Mine, as section 4 says for the table; of a new row, `owner_id` must be me (8.1, 5)."""
    if not in_agency(table, row, me):
        return False
    places = ("crm.", "integration.", "ai.")
    if command is Command.INSERT and table.startswith(places) and table not in AGENT_STATE:
        return bool(row.get("owner_id") == me.membership_id)
    return OWN[table](row, me)


def participates(table: str, row: Row, me: Me, command: Command) -> bool:
    """Own, or I am among those who take part; a client: open to clients, and about me."""
    if me.role is Role.CLIENT and table == "crm.conversations":
        return row["visibility"] == "client" and about_me(row, me)
    return own(table, row, me, command) or me.membership_id in (row.get("participant_ids") or ())


def about_me(row: Row, me: Me) -> bool:
    """I am a client, and this row names my contact."""
    return me.contact_id is not None and row.get("contact_id") == me.contact_id


def in_my_teams(table: str, row: Row, me: Me, command: Command) -> bool:
    """Own, taking part, of a team of mine, or unassigned; a run is its agent's."""
    return (
        participates(table, row, me, command)
        or row["team_id"] in me.teams
        or (
            table != "ai.agent_runs"
            and not any(row.get(column) for column in ("owner_id", "assignee_id", "team_id"))
        )
    )


def hidden_as_private(table: str, row: Row, me: Me, command: Command) -> bool:
    """A private row is for those whose it is and who take part, whatever the role (8.1, 1)."""
    return (
        row.get("visibility") == "private"
        and not own(table, row, me, command)
        and me.membership_id not in (row.get("participant_ids") or ())
    )


# --- the words ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One question: may I do this to this row of this table?"""

    matrix: Matrix
    table: str
    command: Command
    row: Row
    me: Me

    def parents(self) -> dict[str, Row | None]:
        """The parent that is set, by its table; None where my agency has no such row."""
        return {
            table: self.me.find(table, self.row[column])
            for column, table in PARENTS[self.table].items()
            if self.row.get(column) is not None
        }

    def subject(self) -> bool:
        """The subject that a namespace names is one that I read, or what the table says of it."""
        kind, *rest = self.row["prefix"].split(".")[1:]
        if kind == "agency":
            return self.me.role is not Role.CLIENT
        subject = UUID(rest[0])
        if kind == "agent":
            return subject == self.me.acting_agent
        if kind == "member":
            return subject == self.me.membership_id
        record = self.me.find(SUBJECTS[kind], subject)
        return record is not None and sees(self.matrix, SUBJECTS[kind], record, self.me)

    def state(self) -> bool:
        """What an agent keeps: a readable parent is enough for writing too."""
        if self.table == "langgraph.store":
            return self.subject()
        if self.table == "langgraph.store_vectors":
            return sees(self.matrix, "langgraph.store", self.row, self.me)
        place = self.me.find("crm.conversations", UUID(self.row["thread_id"]))
        return place is not None and sees(self.matrix, "crm.conversations", place, self.me)

    def parent(self) -> bool:
        """I can select the parent; for writing, I can update it."""
        if self.table.startswith(AGENTS_OWN):
            return self.state()
        parents = self.parents()
        if self.table == "ai.memories":
            return self.shared() and all(
                row is not None and sees(self.matrix, table, row, self.me)
                for table, row in parents.items()
            )
        if self.table == "crm.files" and not parents:
            return own(self.table, self.row, self.me, self.command)
        return any(
            row is not None
            and sees(self.matrix, table, row, self.me)
            and (
                self.command is Command.SELECT
                or may(self.matrix, table, Command.UPDATE, row, self.me)
            )
            for table, row in parents.items()
        )

    def shared(self) -> bool:
        """Explicitly shared with me: own, or opened by `visibility`."""
        row, me = self.row, self.me
        if own(self.table, row, me, self.command):
            return True
        if me.role is not Role.CLIENT:
            return row["visibility"] in ("agency", "client") or (
                row["visibility"] == "team" and row["team_id"] in me.teams
            )
        return bool(row["visibility"] == "client") and self.about_client()

    def about_client(self) -> bool:
        """The row is about the client: it, or what it belongs to, names its contact."""
        if self.table == "crm.calendar_events":
            return any(
                guest["calendar_event_id"] == self.row["id"] and about_me(guest, self.me)
                for guest in self.me.rows["crm.participants"].values()
                if guest["agency_id"] == self.me.agency_id
            )
        if self.table == "crm.files":
            return about_me(self.row, self.me) or any(
                row is not None and sees(self.matrix, table, row, self.me)
                for table, row in self.parents().items()
                if table in ("crm.activities", "crm.calendar_events", "crm.messages")
            )
        return about_me(self.row, self.me)

    def participant(self) -> bool:
        """Whether I take part: in it, or in the conversation that it belongs to."""
        row, me = self.row, self.me
        if self.table == "crm.messages":
            place = me.find("crm.conversations", row["conversation_id"])
            if place is None or not sees(self.matrix, "crm.conversations", place, me):
                return False
            if not participates("crm.conversations", place, me, Command.SELECT):
                return False
            if me.role is not Role.CLIENT or self.command is Command.INSERT:
                return True
            return bool(row["direction"] != "internal" and row["status"] != "draft")
        if self.table == "crm.files":
            message = me.find("crm.messages", row.get("message_id"))
            return (
                row["visibility"] == "client"
                and row.get("owner_id") in (None, me.membership_id)
                and (
                    about_me(row, me)
                    or (message is not None and sees(self.matrix, "crm.messages", message, me))
                )
            )
        return participates(self.table, row, me, self.command)

    def scope(self) -> bool:
        """As far as my record scope reaches."""
        match self.me.record_scope:
            case "all":
                return True
            case "team":
                return in_my_teams(self.table, self.row, self.me, self.command)
        if self.table == "crm.conversations" and self.command is not Command.INSERT:
            return self.participant()
        return own(self.table, self.row, self.me, self.command)

    def reached_by(self, word: Scope) -> bool:
        """Whether a word of the matrix reaches this row.

        Raises:
            ValueError: the word has no meaning for this table yet; a new table states it here.
        """
        if word is Scope.NONE:
            return False
        if word is Scope.SELF and self.table in SELF:
            return SELF[self.table](self.row, self.me)
        if not in_agency(self.table, self.row, self.me):
            return False
        if word is Scope.AGENCY and self.table not in OWN:
            return True
        if self.table not in OWN and self.table not in PARENTS:
            raise ValueError(f"Say in meaning.py what {word!r} means on {self.table}.")
        if self.table in OWN and hidden_as_private(self.table, self.row, self.me, self.command):
            return False
        words: dict[Scope, Callable[[], bool]] = {
            Scope.AGENCY: lambda: True,
            Scope.OWN: lambda: own(self.table, self.row, self.me, self.command),
            Scope.PARTICIPANT: self.participant,
            Scope.TEAM: lambda: in_my_teams(self.table, self.row, self.me, self.command),
            Scope.SCOPE: self.scope,
            Scope.SHARED: self.shared,
            Scope.PARENT: self.parent,
        }
        return words[word]()


def reaches(
    matrix: Matrix, scope: Scope, table: str, row: Row, me: Me, command: Command = Command.SELECT
) -> bool:
    """Whether a word of the matrix reaches this row."""
    return Asked(matrix, table, command, row, me).reached_by(scope)


def may(matrix: Matrix, table: str, command: Command, row: Row, me: Me) -> bool:
    """Whether I may do this to this row.

    An agent that acts for me needs its own cell too, with me = the user; on what agents keep for
    themselves its cell alone decides (8.2). A key needs the command among its scopes; a soft delete
    is an update.
    """
    if me.scopes is not None:
        needed = Command.UPDATE if command is Command.SOFT_DELETE else command
        if f"{table}:{needed}" not in me.scopes:
            return False
    if narrowed(table, command, row, me):
        return False
    if table == "ai.agent_runs" and not sees_thread(matrix, row, me):
        return False
    roles = (me.role, Role.AI_AGENT) if me.agent else (me.role,)
    if table in AGENT_STATE or table.startswith(AGENTS_OWN):
        roles = roles[-1:]
    return all(
        reaches(matrix, matrix.scope(table, role, command), table, row, me, command)
        for role in roles
    )


def sees_thread(matrix: Matrix, row: Row, me: Me) -> bool:
    """Whether I can read the conversation of a run, if it is in one."""
    thread = me.find("crm.conversations", row.get("conversation_id"))
    return thread is None or sees(matrix, "crm.conversations", thread, me)


def points_to_hidden(matrix: Matrix, table: str, row: Row, me: Me) -> bool:
    """Whether a new row names a record that I cannot read, other than my own contact."""
    for column, target in LINKS.get(table, {}).items():
        myself = target == "crm.contacts" and row.get(column) == me.contact_id
        if row.get(column) is None or myself:
            continue
        there = me.find(target, row[column])
        if there is not None and not sees(matrix, target, there, me):
            return True
    return False


def narrowed(table: str, command: Command, row: Row, me: Me) -> bool:
    """Whether a rule of section 4 or 8.1 takes back what the cell would give."""
    agent = me.agent or me.role is Role.AI_AGENT
    inserts = command is Command.INSERT
    match table:
        # a client sees no internal message and no draft, and writes inbound; an agent writes drafts
        case "crm.messages" if inserts:
            # what comes in is written by services, and through the portal
            wrong_way = (me.role is Role.CLIENT) is not (row["direction"] == "inbound")
            # a client's message is received at once; that is no draft, so its agent writes none
            at_once = me.role is Role.CLIENT or row.get("status", "draft") != "draft"
            return wrong_way or (agent and at_once)
        case "crm.messages" if command is Command.SELECT and me.role is Role.CLIENT:
            return bool(row["direction"] == "internal" or row["status"] == "draft")
        # a client writes in nobody's name and gives nobody work
        case "crm.conversations" if inserts and me.role is Role.CLIENT:
            return bool(
                row.get("assignee_id") or row.get("owner_id") not in (None, me.membership_id)
            )
        # a client withdraws through the portal, and does nothing else
        case "crm.consents" if inserts and me.role is Role.CLIENT:
            return (row["status"], row["source"]) != ("withdrawn", "portal")
        # who acts in a run takes its steps, so that it says of each who took it
        case "ai.agent_steps" if command is not Command.SELECT:
            run = me.find("ai.agent_runs", row["run_id"])
            return run is None or me.actors() != (
                run["agent_membership_id"],
                run["on_behalf_of_id"],
            )
        case "integration.import_jobs" if command is not Command.SELECT:
            return me.role is Role.MEMBER and "import" not in me.capabilities
        # what was said in a conversation is for who takes part, and for managers and above
        case "ai.documents" if command is Command.SELECT and row["participant_ids"] is not None:
            if me.role in (Role.OWNER, Role.ADMIN, Role.MANAGER) and not me.agent:
                return False
            # a viewer sees no conversation
            return me.role is Role.VIEWER or not participates(table, row, me, command)
    return False


def sees(matrix: Matrix, table: str, row: Row, me: Me) -> bool:
    """Whether I can read the row: a deleted one only within my soft_delete scope (2.4)."""
    return may(matrix, table, Command.SELECT, row, me) and (
        row.get("deleted_at") is None or may(matrix, table, Command.SOFT_DELETE, row, me)
    )


def with_rows(rows: Mapping[str, list[dict[str, Any]]]) -> Rows:
    """The rows of tenant tables, by table, agency and id."""
    return {
        table: {(row["agency_id"], row["id"]): row for row in found if "agency_id" in row}
        for table, found in rows.items()
        if table == "tenancy.teams"
        or table.startswith(("crm.", "ai.", "integration.", "governance."))
    }
