"""What the model says about an act, before the database is asked.

The order of the rules is PostgreSQL's: which rows are reached, guards, the policies on the new row,
checks and keys of the table, and last the guards that run after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import uuid4

from tests.people.facts import MEMBERS, TEAMS, Facts, Record, Values
from tests.people.sight import Sight, Viewer
from tests.policies.matrix import Command, Role

ROW = "one row"
NOTHING = "no row"
REFUSED = "42501"
CHECK = "23514"
HELD = "23503"

# what an agent never changes (8.2)
NOT_FOR_AGENTS = ("owner_id", "team_id", "assignee_id", "visibility", "deleted_at")
# what nobody changes of themselves (7.3, rule 2)
NOT_MINE = ("role", "record_scope", "status")
RANK = [Role.CLIENT, Role.VIEWER, Role.MEMBER, Role.MANAGER, Role.ADMIN, Role.OWNER]
OWNED = {
    "crm.companies",
    "crm.contacts",
    "crm.deals",
    "crm.activities",
    "crm.conversations",
    "crm.calendar_events",
    "crm.files",
    "crm.saved_views",
}
TEAMED = OWNED - {"crm.files", "crm.saved_views"}


class Kind(StrEnum):
    """What is done to a row."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass
class Act:
    """Somebody does one thing to one row.

    Attributes:
        verb: what they do, for a sentence.
        record: the row, for an insert as it is sent.
        changes: the columns of an update.
        asks_back: whether the statement has RETURNING, which must be readable too.
    """

    viewer: Viewer
    kind: Kind
    verb: str
    record: Record
    changes: Mapping[str, Any] = field(default_factory=dict)
    asks_back: bool = False

    def __str__(self) -> str:
        """The act as the middle of a sentence."""
        back = ", returning it" if self.asks_back else ""
        return f"{self.viewer} {self.verb}{back}"


def verdict(sight: Sight, act: Act) -> str:
    """What must come of an act: `ROW`, `NOTHING`, or the SQLSTATE that refuses it."""
    if not sight.matrix.granted(act.record.table, Command(act.kind)):
        return REFUSED
    match act.kind:
        case Kind.INSERT:
            return _insert(sight, act)
        case Kind.UPDATE:
            return _update(sight, act)
        case Kind.DELETE:
            return _delete(sight, act)


def completed(facts: Facts, viewer: Viewer, table: str, values: Mapping[str, Any]) -> Values:
    """A new row with what the writer did not send: owner and team (7.10), and the sender.

    A client owns nothing: what they write is of nobody. A default team that was deleted is none.
    """
    row = dict(values)
    client = viewer.role is Role.CLIENT
    if table in OWNED and row.get("owner_id") is None and not client:
        row["owner_id"] = viewer.member.id
    if table in TEAMED and row.get("team_id") is None:
        team = facts.find(TEAMS, viewer.member.agency, viewer.member["default_team_id"])
        row["team_id"] = team.id if team is not None and team["deleted_at"] is None else None
    if table == "crm.messages":
        row["sender_membership_id"] = None if client else viewer.member.id
        row["status"] = "received" if client else row["status"]
    return row


def _insert(sight: Sight, act: Act) -> str:
    sent = act.record
    row = sent.changed(completed(sight.facts, act.viewer, sent.table, sent.values))
    if sent.table == "crm.messages" and _message_refused(act.viewer, row):
        return REFUSED
    if (tree := _tree(sight.facts, row, row["parent_team_id"])) is not None:
        return tree
    if not sight.may(Command.INSERT, row):
        return REFUSED
    if act.asks_back and not sight.sees(row):
        return REFUSED
    return _after(sight, row, sent.values)


def _message_refused(viewer: Viewer, row: Record) -> bool:
    """A client writes inbound only, nobody else does, and an agent writes drafts (4.4)."""
    if (viewer.role is Role.CLIENT) is not (row["direction"] == "inbound"):
        return True
    return viewer.is_agent and row["status"] != "draft"


def _update(sight: Sight, act: Act) -> str:
    record, changes = act.record, act.changes
    if not sight.sees(record) or not sight.may(Command.UPDATE, record):
        return NOTHING
    row = record.changed(changes)
    changed = {name: value for name, value in changes.items() if value != record[name]}
    if act.viewer.is_agent and any(name in changed for name in NOT_FOR_AGENTS):
        return REFUSED
    if record.table == "crm.messages" and _message_refused(act.viewer, row):
        return REFUSED
    if record.table == MEMBERS and (guard := _membership(sight, record, changed)) is not None:
        return guard
    if "parent_team_id" in changed:
        tree = _tree(sight.facts, row, row["parent_team_id"])
        if tree is not None:
            return tree
    if not sight.may_leave(row):
        return REFUSED
    outcome = _after(sight, row, changed)
    # at COMMIT, after everything else
    if outcome == ROW and changed.get("status") == "removed" and sight.facts.leaves_behind(record):
        return CHECK
    return outcome


def _delete(sight: Sight, act: Act) -> str:
    if not sight.sees(act.record) or not sight.may(Command.DELETE, act.record):
        return NOTHING
    return HELD if sight.facts.is_held(act.record) else ROW


def _membership(sight: Sight, member: Record, changed: Mapping[str, Any]) -> str | None:
    """No escalation (7.3)."""
    mine = sight.viewer.role
    if "role" in changed and Role.AI_AGENT in (member["role"], changed["role"]):
        return CHECK
    for role in (Role(changed.get("role", member["role"])), Role(member["role"])):
        if role is Role.AI_AGENT:
            if mine not in (Role.OWNER, Role.ADMIN):
                return REFUSED
        elif RANK.index(role) > RANK.index(mine):
            return REFUSED
    if member.id == sight.me and any(name in changed for name in NOT_MINE):
        return REFUSED
    return None


def _tree(facts: Facts, team: Record, parent: Any) -> str | None:
    """No circle of teams, and at most five levels (4.1)."""
    if team.table != TEAMS or parent is None:
        return None
    if facts.stands_below(team, parent) or facts.levels(team, parent) > 5:
        return CHECK
    return None


def _after(sight: Sight, row: Record, written: Mapping[str, Any]) -> str:
    """What is asked once the policies have agreed: checks, foreign keys, hidden links."""
    if not _is_valid(row):
        return CHECK
    targets = [
        (column, sight.facts.find(table, row.agency, id_))
        for column, table, id_ in row.references()
        if column in written
    ]
    if any(target is None for _, target in targets):
        return HELD
    for column, target in targets:
        if target is not None and not sight.can_point_to(column, target):
            return REFUSED
    return ROW


def _is_valid(row: Record) -> bool:
    """The checks of section 4 that an act here can break."""
    match row.table:
        case "crm.activities":
            return row["visibility"] != "client" or row["contact_id"] is not None
        case "crm.saved_views":
            return row["visibility"] != "client" and (
                row["visibility"] != "team" or row["team_id"] is not None
            )
        case "tenancy.memberships":
            role = Role(row["role"])
            has_contact = row["contact_id"] is not None
            return (
                (role not in (Role.OWNER, Role.ADMIN) or row["record_scope"] == "all")
                and (role is not Role.MANAGER or row["record_scope"] != "own")
                and (role is Role.CLIENT or not has_contact)
                and (role is not Role.CLIENT or has_contact or row["status"] == "removed")
            )
    return True


def apply(facts: Facts, act: Act) -> None:
    """What the facts are after an act that was done."""
    facts.acts += 1
    match act.kind:
        case Kind.INSERT:
            sent = act.record
            values = completed(facts, act.viewer, sent.table, sent.values)
            made = facts.add(sent.table, sent.agency, values, sent.id)
            if made.table == "crm.deals":
                facts.note_stay(made)
        case Kind.UPDATE:
            facts.change(act.record, act.changes)
        case Kind.DELETE:
            facts.remove(act.record)


def draft(table: str, viewer: Viewer, values: Values) -> Record:
    """A row to insert into the agency of the viewer."""
    return Record(table, viewer.member.agency, uuid4(), f"a new row of {table}", values)
