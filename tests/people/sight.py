"""The model: what the words of section 8 mean, for one person over plain facts.

Written from schema.md alone. It reads the contract, `policies/permissions.csv`, and never a policy
or the database that it judges.
"""

from dataclasses import dataclass
from typing import Any

from tests.people.facts import MEMBERS, Facts, Record
from tests.policies.matrix import Command, Matrix, Role, Scope

RECORD_SCOPES = ("own", "team", "all")
# the column that names the row a child asks; of several one is set (section 4, "Parent:")
PARENTS: dict[str, dict[str, str]] = {
    "crm.contact_points": {"contact_id": "crm.contacts"},
    "crm.contact_companies": {"contact_id": "crm.contacts"},
    "crm.consents": {"contact_id": "crm.contacts"},
    "crm.record_tags": {
        "contact_id": "crm.contacts",
        "company_id": "crm.companies",
        "deal_id": "crm.deals",
    },
    "crm.deal_contacts": {"deal_id": "crm.deals"},
    "crm.deal_line_items": {"deal_id": "crm.deals"},
    "crm.deal_stage_history": {"deal_id": "crm.deals"},
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
}
HAVE_PARTICIPANTS = {"crm.conversations", "crm.calendar_events"}
ASSIGNED = {"crm.activities", "crm.conversations"}


@dataclass(frozen=True)
class Viewer:
    """Somebody with a token: a member, perhaps through an agent (claim `act`)."""

    label: str
    member: Record
    agent: Record | None = None

    @property
    def role(self) -> Role:
        """The role of the member now."""
        return Role(self.member["role"])

    @property
    def is_agent(self) -> bool:
        """Whether an agent is at work, as itself or for somebody."""
        return self.agent is not None or self.role is Role.AI_AGENT

    @property
    def scope(self) -> str:
        """How far `scope` reaches: the narrower of both memberships (8.2)."""
        scopes: list[str] = [
            one["record_scope"] for one in (self.member, self.agent) if one is not None
        ]
        return min(scopes, key=RECORD_SCOPES.index)

    def __str__(self) -> str:
        """Name, role and scope, for a sentence."""
        state = "" if self.member["status"] == "active" else f", {self.member['status']}"
        through = ""
        if self.agent is not None:
            asleep = "" if self.agent["status"] == "active" else f", {self.agent['status']}"
            through = f" through an agent (scope {self.agent['record_scope']}{asleep})"
        return f"{self.label} ({self.role}, scope {self.member['record_scope']}{state}){through}"


class Sight:
    """What one viewer may do, as long as the facts stay as they are."""

    def __init__(self, facts: Facts, matrix: Matrix, viewer: Viewer) -> None:
        """Look up once what every question needs."""
        self.facts = facts
        self.matrix = matrix
        self.viewer = viewer
        self.me = viewer.member.id
        self.agency = viewer.member.agency
        self.is_live = all(
            one["status"] == "active" for one in (viewer.member, viewer.agent) if one is not None
        )
        self.roles = [viewer.role] if viewer.agent is None else [viewer.role, Role.AI_AGENT]
        self.is_client = viewer.role is Role.CLIENT
        self.contact = viewer.member["contact_id"]
        self.teams = facts.teams(viewer.member)
        self.leads = facts.leads(viewer.member)
        self._known: dict[tuple[Command, Record], bool] = {}

    def sees(self, record: Record) -> bool:
        """Whether the row can be read: a deleted one only within the soft_delete cell (2.4)."""
        return self.may(Command.SELECT, record) and (
            record["deleted_at"] is None or self.may(Command.SOFT_DELETE, record)
        )

    def may(self, command: Command, record: Record) -> bool:
        """Whether the cells reach this row: mine, and those of the agent that acts for me (8.2)."""
        known = self._known.get((command, record))
        if known is None:
            known = all(self._cell(role, command, record) for role in self.roles)
            self._known[command, record] = known
        return known

    def may_leave(self, record: Record) -> bool:
        """Whether a row may look like this after an update of mine (8.1, 4 and 2.4)."""
        handed_over = (Scope.OWN, Scope.SCOPE)
        for role in self.roles:
            word = self.matrix.scope(record.table, role, Command.UPDATE)
            if not self._cell(role, Command.UPDATE, record) and not (
                word in handed_over and self._cell(role, Command.SELECT, record)
            ):
                return False
        return self.sees(record)

    def seen(self, table: str) -> list[Record]:
        """All rows of a table that can be read."""
        return [record for record in self.facts.of(table, self.agency) if self.sees(record)]

    # --- the words -------------------------------------------------------------------------------

    def _cell(self, role: Role, command: Command, record: Record) -> bool:
        word = self.matrix.scope(record.table, role, command)
        if word is Scope.NONE or not self.is_live or record.agency != self.agency:
            return False
        if self.is_client and self._is_internal(record, command):
            return False
        if record["visibility"] == "private" and not (
            self._own(record, command) or self._takes(record)
        ):
            return False
        match word:
            case Scope.AGENCY:
                return True
            case Scope.SELF:
                return self._self(record)
            case Scope.OWN:
                return self._own(record, command)
            case Scope.PARTICIPANT:
                return self._participant(record)
            case Scope.TEAM:
                return self._team(record, command)
            case Scope.SHARED:
                return self._shared(record)
            case Scope.PARENT:
                return self._parent(record, command)
            case Scope.SCOPE:
                return self._scope(record, command)

    @staticmethod
    def _is_internal(record: Record, command: Command) -> bool:
        """A client sees no internal message and no draft (8.1, 7)."""
        return (
            record.table == "crm.messages"
            and command is not Command.INSERT
            and (record["direction"] == "internal" or record["status"] == "draft")
        )

    def _self(self, record: Record) -> bool:
        """The row is me, or for a client about my contact."""
        if record.table == MEMBERS:
            return record.id == self.me
        return self.contact is not None and record["contact_id"] == self.contact

    def _own(self, record: Record, command: Command = Command.SELECT) -> bool:
        """Mine, as "Own:" of section 4 says; a new record must name me as owner (8.1, 5)."""
        match record.table:
            case "tenancy.teams":
                return record.id in self.leads
            case "tenancy.team_members":
                return record["team_id"] in self.leads
            case "crm.messages":
                return bool(record["sender_membership_id"] == self.me) and (
                    record["status"] == "draft"
                )
        if record["owner_id"] == self.me:
            return True
        return (
            command is not Command.INSERT
            and record.table in ASSIGNED
            and bool(record["assignee_id"] == self.me)
        )

    def _takes(self, record: Record) -> bool:
        """I am among the participants."""
        return self.me in self.facts.participants(record)

    def _participant(self, record: Record) -> bool:
        """I take part; a client in what is open to clients and about their contact."""
        match record.table:
            case "crm.messages":
                place = self._one_of(record, "conversation_id")
                return place is not None and self.sees(place) and self._participant(place)
            case "crm.files" if self.is_client:
                message = self._one_of(record, "message_id")
                return record["visibility"] == "client" and (
                    self._self(record) or (message is not None and self.sees(message))
                )
        if self.is_client and record.table == "crm.conversations":
            return record["visibility"] == "client" and self._self(record)
        return self._own(record) or self._takes(record)

    def _team(self, record: Record, command: Command) -> bool:
        """Mine, of a team of mine, or of nobody (8.1, 2); of a new row, mine is what I own (5)."""
        unassigned = all(
            record[column] is None for column in ("owner_id", "assignee_id", "team_id")
        )
        if record.table in HAVE_PARTICIPANTS and command is not Command.INSERT:
            takes_part = self._participant(record)
        else:
            takes_part = self._own(record, command)
        return takes_part or record["team_id"] in self.teams or unassigned

    def _shared(self, record: Record) -> bool:
        """Mine, or opened by `visibility` to me (8.1, 3)."""
        visibility = record["visibility"]
        if self._own(record):
            return True
        if self.is_client:
            return visibility == "client" and self._about_me(record)
        # "Shared:" of saved views names no client: nobody shares one with clients
        opened = ("agency",) if record.table == "crm.saved_views" else ("agency", "client")
        return visibility in opened or (visibility == "team" and record["team_id"] in self.teams)

    def _about_me(self, record: Record) -> bool:
        """The contact that the row is about is the client's."""
        if record.table == "crm.calendar_events":
            return self.contact in self.facts.guests(record)
        if record.table == "crm.files":
            parents = [
                self._one_of(record, column)
                for column in ("activity_id", "calendar_event_id", "message_id")
            ]
            return self._self(record) or any(
                parent is not None and self.sees(parent) for parent in parents
            )
        return self._self(record)

    def _parent(self, record: Record, command: Command) -> bool:
        """I can read the parent; for writing, I can update it. A file of nothing is `own`."""
        columns = PARENTS[record.table]
        named = [column for column in columns if record[column] is not None]
        if record.table == "crm.files" and not named:
            return self._own(record, command)
        for column in named:
            parent = self._one_of(record, column)
            if parent is None or not self.sees(parent):
                return False
            if command is not Command.SELECT and not self.may(Command.UPDATE, parent):
                return False
        return True

    def _scope(self, record: Record, command: Command) -> bool:
        """As far as record_scope reaches."""
        match self.viewer.scope:
            case "all":
                return True
            case "team":
                return self._team(record, command)
        if record.table == "crm.conversations":
            return self._participant(record)
        return self._own(record, command)

    def _one_of(self, record: Record, column: str) -> Record | None:
        table = PARENTS[record.table].get(column)
        return self.facts.find(table, record.agency, record[column]) if table else None

    def can_point_to(self, column: str, target: Record) -> bool:
        """No hidden links (7.10): only to what I can read; a client is a contact and reads none."""
        if column == "contact_id" and self.is_client and target.id == self.contact:
            return True
        return self.sees(target)


def ids_of(table: str, records: list[Record]) -> list[Any]:
    """What is compared of each row: its id, of a stay in a stage the deal."""
    column = "deal_id" if table == "crm.deal_stage_history" else None
    return sorted(str(one[column] if column else one.id) for one in records)
