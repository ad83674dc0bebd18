"""What there is, in plain Python: agencies, people, teams and records, and what happens to them.

It knows which rows go or change together (schema 2.4, the `on delete` rules of section 4), and
nothing about who may do what.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

Values = dict[str, Any]

MEMBERS, TEAMS, TEAM_MEMBERS = "tenancy.memberships", "tenancy.teams", "tenancy.team_members"

# column -> the table that it points to
REFERENCES: dict[str, str] = {
    "owner_id": MEMBERS,
    "assignee_id": MEMBERS,
    "membership_id": MEMBERS,
    "team_id": TEAMS,
    "parent_team_id": TEAMS,
    "default_team_id": TEAMS,
    "contact_id": "crm.contacts",
    "company_id": "crm.companies",
    "deal_id": "crm.deals",
    "tag_id": "crm.tags",
    "pipeline_id": "crm.pipelines",
    "stage_id": "crm.pipeline_stages",
    "conversation_id": "crm.conversations",
    "calendar_event_id": "crm.calendar_events",
    "activity_id": "crm.activities",
    "message_id": "crm.messages",
}
# tables of crm whose reference is emptied when the target goes; others go with it
LEFT_EMPTY = {
    ("crm.deals", "company_id"),
    ("crm.activities", "company_id"),
    ("crm.activities", "deal_id"),
    ("crm.conversations", "deal_id"),
    ("crm.calendar_events", "company_id"),
    ("crm.calendar_events", "deal_id"),
}
# whose records somebody must take over before a member is removed
HANDED_OVER = {
    "crm.companies",
    "crm.contacts",
    "crm.deals",
    "crm.activities",
    "crm.conversations",
    "crm.calendar_events",
}
# what keeps its target from being deleted
HOLDING = {("crm.consents", "contact_id"), (MEMBERS, "contact_id")}


@dataclass(eq=False, slots=True)
class Record:
    """A row, with the columns that decide something.

    Attributes:
        name: how messages call it.
        values: the columns; `deleted_at` is the number of the act that deleted it, or None.
    """

    table: str
    agency: UUID
    id: UUID
    name: str
    values: Values

    def __getitem__(self, column: str) -> Any:
        """The value of a column; None where the table has none such."""
        return self.values.get(column)

    def changed(self, changes: Mapping[str, Any]) -> "Record":
        """The same row after a change."""
        return Record(self.table, self.agency, self.id, self.name, {**self.values, **changes})

    def references(self) -> Iterable[tuple[str, str, UUID]]:
        """Column, table and id of everything it points to."""
        for column, target in self.values.items():
            if target is not None and column in REFERENCES:
                yield column, REFERENCES[column], target


@lru_cache
def singular(table: str) -> str:
    """A row of this table, in a word."""
    word = table.partition(".")[2].replace("_", " ")
    return word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s")


@dataclass
class Facts:
    """Everything that is there, and how it changes."""

    rows: dict[str, dict[tuple[UUID, UUID], Record]] = field(default_factory=dict)
    people: dict[str, Record] = field(default_factory=dict)
    agencies: dict[UUID, str] = field(default_factory=dict)
    acts: int = 0
    _numbers: dict[str, int] = field(default_factory=dict)

    def add(self, table: str, agency: UUID, values: Values, id_: UUID | None = None) -> Record:
        """A new row; its name is its kind and a number."""
        number = self._numbers[table] = self._numbers.get(table, 0) + 1
        record = Record(table, agency, id_ or uuid4(), f"{singular(table)} {number}", dict(values))
        self.rows.setdefault(table, {})[agency, record.id] = record
        return record

    def of(self, table: str, agency: UUID | None = None) -> list[Record]:
        """The rows of a table, of one agency or of all, in the order in which they came."""
        return [
            record
            for record in self.rows.get(table, {}).values()
            if agency is None or record.agency == agency
        ]

    def find(self, table: str, agency: UUID, id_: UUID | None) -> Record | None:
        """The row of an agency with this id."""
        return self.rows.get(table, {}).get((agency, id_)) if id_ is not None else None

    def pointing_to(self, target: Record) -> Iterable[tuple[Record, str]]:
        """The rows that point to a row, and with which column."""
        for records in self.rows.values():
            for record in list(records.values()):
                for column, table, id_ in record.references():
                    if (table, record.agency, id_) == (target.table, target.agency, target.id):
                        yield record, column

    def change(self, record: Record, changes: Mapping[str, Any]) -> None:
        """Change a row, and what is stamped together with it."""
        before = record["deleted_at"]
        record.values.update(changes)
        after = record["deleted_at"]
        if record.table == "crm.contacts" and before != after:
            for point in self.of("crm.contact_points", record.agency):
                if point["contact_id"] == record.id and point["deleted_at"] == before:
                    point.values["deleted_at"] = after
        if record.table == "crm.deals" and "stage_id" in changes:
            self.note_stay(record)

    def note_stay(self, deal: Record) -> None:
        """A deal has come into a stage, unless it was there."""
        stays = [
            stay
            for stay in self.of("crm.deal_stage_history", deal.agency)
            if stay["deal_id"] == deal.id
        ]
        if not stays or stays[-1]["to_stage_id"] != deal["stage_id"]:
            self.add(
                "crm.deal_stage_history",
                deal.agency,
                {"deal_id": deal.id, "to_stage_id": deal["stage_id"]},
            )

    def is_held(self, record: Record) -> bool:
        """Whether something keeps this row from being deleted for good."""
        return any((child.table, column) in HOLDING for child, column in self.pointing_to(record))

    def leaves_behind(self, member: Record) -> bool:
        """Whether a member owns a live record or has one to do; private ones are nobody else's."""
        return any(
            record.table in HANDED_OVER
            and column in ("owner_id", "assignee_id")
            and record["deleted_at"] is None
            and record["visibility"] != "private"
            for record, column in self.pointing_to(member)
        )

    def remove(self, record: Record) -> None:
        """Delete a row for good, and all that goes with it."""
        if self.rows[record.table].pop((record.agency, record.id), None) is None:
            return
        for child, column in self.pointing_to(record):
            if (child.table, column) in LEFT_EMPTY:
                child.values[column] = None
            else:
                self.remove(child)

    def participants(self, place: Record) -> frozenset[UUID]:
        """The members who take part in a conversation or an event."""
        column = {
            "crm.conversations": "conversation_id",
            "crm.calendar_events": "calendar_event_id",
        }.get(place.table)
        if column is None:
            return frozenset()
        return frozenset(
            guest["membership_id"]
            for guest in self.of("crm.participants", place.agency)
            if guest[column] == place.id and guest["membership_id"] is not None
        )

    def guests(self, event: Record) -> frozenset[UUID]:
        """The contacts who take part in an event."""
        return frozenset(
            guest["contact_id"]
            for guest in self.of("crm.participants", event.agency)
            if guest["calendar_event_id"] == event.id and guest["contact_id"] is not None
        )

    def leads(self, member: Record) -> frozenset[UUID]:
        """The live teams that a member leads."""
        return self._teams(member, led=True)

    def teams(self, member: Record) -> frozenset[UUID]:
        """The live teams of a member, and of a lead those below.

        A deleted team has nobody any more; what is below it stays below.
        """
        tree = self.of(TEAMS, member.agency)
        reached = set(self.leads(member))
        while below := {t.id for t in tree if t["parent_team_id"] in reached} - reached:
            reached |= below
        reached |= self._teams(member, led=False)
        return frozenset(t.id for t in tree if t.id in reached and t["deleted_at"] is None)

    def _teams(self, member: Record, *, led: bool) -> frozenset[UUID]:
        live = {t.id for t in self.of(TEAMS, member.agency) if t["deleted_at"] is None}
        return frozenset(
            link["team_id"]
            for link in self.of(TEAM_MEMBERS, member.agency)
            if link["membership_id"] == member.id
            and link["team_id"] in live
            and (link["is_lead"] or not led)
        )

    def stands_below(self, team: Record, parent: UUID) -> bool:
        """Whether a team would stand below itself with this parent."""
        above: Record | None = self.find(TEAMS, team.agency, parent)
        while above is not None:
            if above.id == team.id:
                return True
            above = self.find(TEAMS, team.agency, above["parent_team_id"])
        return False

    def levels(self, team: Record, parent: UUID) -> int:
        """How many levels the tree would have through this team, with this parent."""
        above, place = 0, self.find(TEAMS, team.agency, parent)
        while place is not None:
            above, place = above + 1, self.find(TEAMS, place.agency, place["parent_team_id"])
        return above + self._height(team)

    def _height(self, team: Record) -> int:
        below = [t for t in self.of(TEAMS, team.agency) if t["parent_team_id"] == team.id]
        return 1 + max((self._height(one) for one in below), default=0)
