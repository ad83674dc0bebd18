"""What people choose to do: a row to act on, a new row, another owner, team or target."""

import random
from typing import Any
from uuid import UUID

from tests.people.facts import MEMBERS, REFERENCES, TEAM_MEMBERS, TEAMS, Facts, Record, Values
from tests.people.sight import PARENTS, Sight, Viewer
from tests.people.verdicts import OWNED, TEAMED
from tests.policies.matrix import Command

VISIBILITIES = ("private", "team", "agency", "client")
SHOWN = {
    "crm.activities",
    "crm.conversations",
    "crm.calendar_events",
    "crm.files",
    "crm.saved_views",
}
# references besides whose a row is, that a new row has and an update may change
LINKS: dict[str, tuple[str, ...]] = {
    "crm.contact_companies": ("company_id",),
    "crm.record_tags": ("tag_id",),
    "crm.deals": ("company_id",),
    "crm.deal_contacts": ("contact_id",),
    "crm.pipeline_stages": ("pipeline_id",),
    "crm.activities": ("contact_id", "company_id", "deal_id"),
    "crm.conversations": ("contact_id", "deal_id"),
    "crm.calendar_events": ("company_id", "deal_id"),
    TEAM_MEMBERS: ("team_id", "membership_id"),
    TEAMS: ("parent_team_id",),
}
# of these an update changes nothing else than what other acts change
RELINKED = ("crm.deals", "crm.activities", "crm.conversations", "crm.calendar_events")
# what together may be there once only
ONCE: dict[str, tuple[str, ...]] = {
    TEAM_MEMBERS: ("team_id", "membership_id"),
    "crm.contact_companies": ("contact_id", "company_id"),
    "crm.record_tags": ("tag_id", "contact_id", "company_id", "deal_id"),
    "crm.deal_contacts": ("deal_id", "contact_id"),
    "crm.participants": (
        "conversation_id",
        "calendar_event_id",
        "membership_id",
        "contact_id",
    ),
}


class Choice:
    """The choices of one viewer, decided by a number."""

    def __init__(self, facts: Facts, sight: Sight, viewer: Viewer, dice: int) -> None:
        """Take what there is to choose from.

        Args:
            facts: what there is.
            sight: what the viewer can read of it.
            viewer: who chooses.
            dice: the same number makes the same choices.
        """
        self.facts = facts
        self.sight = sight
        self.viewer = viewer
        self.chance = random.Random(dice)

    def row(self, table: str, command: Command = Command.SELECT) -> Record | None:
        """A row: mostly one of which I may do this, then one that I can read, or any at all."""
        rows, luck = self.facts.of(table), self.chance.random()
        if luck < 0.85:
            rows = self.sight.seen(table) or rows
        if luck < 0.65:
            rows = [one for one in rows if self.sight.may(command, one)] or rows
        return self.chance.choice(rows) if rows else None

    def target(self, column: str) -> Record | None:
        """Something to point to with this column."""
        return self.row(REFERENCES[column])

    def colleague(self) -> UUID:
        """A member of my agency, rather often me."""
        members = [one.id for one in self.facts.of(MEMBERS, self.sight.agency)]
        return self.chance.choice([self.sight.me, self.chance.choice(members)])

    def team(self) -> UUID | None:
        """A team of my agency, or none."""
        teams = [one.id for one in self.facts.of(TEAMS, self.sight.agency)]
        return self.chance.choice([None, *teams, *self.sight.teams])

    def visibility(self) -> str:
        """Who may read."""
        return self.chance.choice(VISIBILITIES)

    def new(self, table: str) -> Values | None:
        """A new row of my agency; None when there is nothing to hang it on, or it is there."""
        values: Values = {}
        if table in OWNED:
            values["owner_id"] = self.chance.choice([None, self.sight.me, self.colleague()])
        if table in TEAMED or table == "crm.saved_views":
            values["team_id"] = self.team()
        if table in ("crm.activities", "crm.conversations"):
            values["assignee_id"] = self.chance.choice([None, None, self.colleague()])
        if table in SHOWN:
            values["visibility"] = self.visibility()
        if not self._hang(table, values) or not self._link(table, values):
            return None
        self._complete(table, values)
        return None if self._is_there(table, values) else values

    def _hang(self, table: str, values: Values) -> bool:
        """Below a parent, where a table has one."""
        if table not in PARENTS:
            return True
        columns: list[str | None] = list(PARENTS[table])
        if table == "crm.files":
            columns.append(None)
        column = self.chance.choice(columns)
        if table == "crm.files":
            values["purpose"] = "attachment" if column else "export"
        if column is None:
            return True
        if self.sight.contact is not None and column == "contact_id" and self.chance.random() < 0.7:
            values[column] = self.sight.contact
            return True
        parent = self.row(PARENTS[table][column], Command.UPDATE)
        values[column] = parent.id if parent else None
        return parent is not None

    def _link(self, table: str, values: Values) -> bool:
        """Pointing to something; where a reference may stay empty it often does."""
        for column in LINKS.get(table, ()):
            optional = table in (*RELINKED, TEAMS)
            if optional and self.chance.random() < 0.5:
                continue
            if column == "contact_id" and self.sight.contact is not None:
                values[column] = self.sight.contact
                continue
            target = self.target(column)
            if target is None:
                return False
            values[column] = target.id
        return True

    def _complete(self, table: str, values: Values) -> None:
        """What is special about a table."""
        match table:
            case "crm.deals":
                stage = self.chance.choice(
                    self.facts.of("crm.pipeline_stages", self.sight.agency)
                )
                values |= {"stage_id": stage.id, "pipeline_id": stage["pipeline_id"]}
            case "crm.messages":
                values["direction"] = self.chance.choice(
                    ["inbound"] if self.sight.is_client else ["outbound", "internal", "inbound"]
                )
                values["status"] = self.chance.choice(["draft", "draft", "queued"])
            case "crm.participants":
                column = self.chance.choice(["membership_id", "membership_id", "contact_id"])
                target = self.target(column)
                values[column] = target.id if target else self.sight.me
            case "tenancy.team_members":
                values["is_lead"] = self.chance.random() < 0.5
            case "crm.pipeline_stages":
                values["position"] = 10 + self.facts.acts

    def _is_there(self, table: str, values: Values) -> bool:
        columns = ONCE.get(table)
        return columns is not None and any(
            all(record[column] == values.get(column) for column in columns)
            for record in self.facts.of(table, self.sight.agency)
        )

    def link(self, record: Record) -> tuple[str, Record | None] | None:
        """Another target for one of the references of a row, or none."""
        if record.table not in RELINKED:
            return None
        column = self.chance.choice(LINKS[record.table])
        return column, self.chance.choice([None, self.target(column), self.target(column)])


def described(facts: Facts, values: dict[str, Any]) -> str:
    """Columns and values, with names in place of ids."""
    known = {
        id_: record.name for records in facts.rows.values() for (_, id_), record in records.items()
    }
    shown = {name: known.get(value, value) for name, value in values.items()}
    return ", ".join(
        f"{name.removesuffix('_id')} {value}" for name, value in shown.items() if value is not None
    )
