"""What people choose to do: each proposal is an act on some row, allowed or not."""

import random
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from tests.people.facts import MEMBERS, REFERENCES, TEAM_MEMBERS, TEAMS, Facts, Record, Values
from tests.people.founding import POSTS, REACHES, VISIBILITIES
from tests.people.sight import PARENTS, Sight, Viewer
from tests.people.verdicts import OWNED, ROW, TEAMED, Act, Kind, draft, verdict
from tests.policies.matrix import Command

RECORDS = ("crm.companies", "crm.contacts", "crm.deals")
TALK = ("crm.conversations", "crm.activities", "crm.calendar_events", "crm.files")
SHARED = (*TALK, "crm.saved_views")
HANDED_OVER = (*RECORDS, *SHARED)
WITH_TEAM = tuple(table for table in HANDED_OVER if table != "crm.files")
SETTINGS = ("crm.tags", "crm.products", "crm.pipelines", "crm.pipeline_stages")
CHILDREN = (
    "crm.messages",
    "crm.participants",
    "crm.contact_points",
    "crm.contact_companies",
    "crm.record_tags",
    "crm.deal_contacts",
    "crm.deal_line_items",
)
# a table that is here twice is chosen twice as often
CREATED = (
    *RECORDS,
    *TALK,
    *SHARED,
    *CHILDREN,
    *CHILDREN[:2],
    *SETTINGS,
    "crm.consents",
    TEAMS,
    TEAM_MEMBERS,
    TEAM_MEMBERS,
)
EDITED = (
    *RECORDS,
    *SHARED,
    *(table for table in CHILDREN if table != "crm.record_tags"),
    *SETTINGS,
    TEAMS,
    MEMBERS,
)
TRASHED = (
    *RECORDS,
    *SHARED,
    "crm.contact_points",
    "crm.messages",
    *SETTINGS[:3],
    TEAMS,
)
DELETED = (*RECORDS, *CHILDREN, *TALK, *SETTINGS, "crm.saved_views", "crm.consents", TEAMS, MEMBERS)
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

    def act(self, propose: Callable[["Choice"], Act | None]) -> Act | None:
        """One of a few proposals: mostly one that the model allows, sometimes the first."""
        proposal = propose(self)
        if self.chance.random() < 0.25:
            return proposal
        for _ in range(15):
            if proposal is not None and verdict(self.sight, proposal) == ROW:
                return proposal
            proposal = propose(self) or proposal
        return proposal

    # --- proposals -------------------------------------------------------------------------------

    def create(self) -> Act | None:
        """Add a row."""
        table = self.chance.choice(CREATED)
        values = self.new(table)
        if values is None:
            return None
        verb = f"adds to {table} ({described(self.facts, values)})"
        record = draft(table, self.viewer, values)
        back = self.chance.random() < 0.5
        return Act(self.viewer, Kind.INSERT, verb, record, asks_back=back)

    def edit(self) -> Act | None:
        """Change a column that decides nothing."""
        return self._update("edits", EDITED, {})

    def share(self) -> Act | None:
        """Open a row, or close it."""
        return self._update("shares", SHARED, {"visibility": self.chance.choice(VISIBILITIES)})

    def hand_over(self) -> Act | None:
        """Give a row another owner, or take it from everybody."""
        somebody = self.chance.choice([self.colleague(), self.colleague(), None])
        tables = HANDED_OVER if somebody else [one for one in HANDED_OVER if "view" not in one]
        return self._update("hands over", tables, {"owner_id": somebody})

    def assign(self) -> Act | None:
        """Give somebody the work."""
        somebody = self.chance.choice([self.colleague(), None])
        return self._update("assigns", TALK[:2], {"assignee_id": somebody})

    def move(self) -> Act | None:
        """Move a row to another team."""
        return self._update("moves", WITH_TEAM, {"team_id": self.team()})

    def move_deal(self) -> Act | None:
        """Move a deal to another stage, perhaps of another pipeline."""
        deal = self.row(["crm.deals"], Command.UPDATE)
        if deal is None:
            return None
        stage = self.chance.choice(self.facts.of("crm.pipeline_stages", deal.agency))
        changes = {"pipeline_id": stage["pipeline_id"], "stage_id": stage.id}
        return self._changing("moves", deal, changes)

    def queue(self) -> Act | None:
        """Send a draft."""
        return self._update("queues", ["crm.messages"], {"status": "queued"})

    def point(self) -> Act | None:
        """Point a row to another record."""
        record = self.row(RELINKED, Command.UPDATE)
        if record is None:
            return None
        column = self.chance.choice(LINKS[record.table])
        target = self.chance.choice([None, self.target(column), self.target(column)])
        return self._changing("points", record, {column: target.id if target else None})

    def delete(self) -> Act | None:
        """Delete a row for good."""
        record = self.row(DELETED, Command.DELETE)
        if record is None:
            return None
        return Act(self.viewer, Kind.DELETE, f"deletes {record.name} for good", record)

    def trash(self) -> Act | None:
        """Delete a row so that it can be restored."""
        record = self.row(TRASHED, Command.SOFT_DELETE)
        if record is None or record["deleted_at"] is not None:
            return None
        return self._changing("trashes", record, {"deleted_at": self.facts.acts + 1})

    def restore(self) -> Act | None:
        """Restore a deleted row."""
        trash = [
            one
            for table in TRASHED
            for one in self.facts.of(table)
            if one["deleted_at"] is not None
        ]
        if not trash:
            return None
        return self._changing("restores", self.chance.choice(trash), {"deleted_at": None})

    def lead(self) -> Act | None:
        """Make a member of a team its lead, or no longer."""
        link = self.row([TEAM_MEMBERS], Command.UPDATE)
        if link is None:
            return None
        return self._changing("changes the lead of", link, {"is_lead": not link["is_lead"]})

    def leave_team(self) -> Act | None:
        """Take a member out of a team."""
        link = self.row([TEAM_MEMBERS], Command.DELETE)
        if link is None:
            return None
        told = described(self.facts, link.values)
        return Act(self.viewer, Kind.DELETE, f"removes {link.name} ({told})", link)

    def move_team(self) -> Act | None:
        """Put a team below another one."""
        return self._update("moves", [TEAMS], {"parent_team_id": self.team()})

    def suspend(self) -> Act | None:
        """Suspend or remove a member, or let one in again."""
        out = [one for one in self.facts.of(MEMBERS) if one["status"] != "active"]
        if out and self.chance.random() < 0.5:
            return self._changing("lets in", self.chance.choice(out), {"status": "active"})
        status = self.chance.choice(["suspended", "removed"])
        return self._update("lets out", [MEMBERS], {"status": status})

    def appoint(self) -> Act | None:
        """Give a member another role."""
        role, scope = self.chance.choice(POSTS)
        return self._update("appoints", [MEMBERS], {"role": role, "record_scope": scope})

    def widen(self) -> Act | None:
        """Change how far a member reaches."""
        return self._update("widens", [MEMBERS], {"record_scope": self.chance.choice(REACHES)})

    def settle(self) -> Act | None:
        """Say which team the new records of a member get."""
        return self._update("settles", [MEMBERS], {"default_team_id": self.team()})

    def _update(self, verb: str, tables: Sequence[str], changes: Values) -> Act | None:
        record = self.row(tables, Command.UPDATE)
        return self._changing(verb, record, changes) if record is not None else None

    def _changing(self, verb: str, record: Record, changes: Values) -> Act:
        told = described(self.facts, changes) or ", ".join(map(str, changes))
        verb = f"{verb} {record.name}{f' ({told})' if told else ''}"
        return Act(self.viewer, Kind.UPDATE, verb, record, changes)

    # --- what they are made of -------------------------------------------------------------------

    def row(self, tables: Sequence[str], command: Command) -> Record | None:
        """A row: mostly one of which I may do this, then one that I can read, or any at all."""
        table = self.chance.choice(tables)
        rows, luck = self.facts.of(table), self.chance.random()
        if luck < 0.85:
            rows = self.sight.seen(table) or rows
        if luck < 0.65:
            rows = [one for one in rows if self.sight.may(command, one)] or rows
        return self.chance.choice(rows) if rows else None

    def target(self, column: str) -> Record | None:
        """Something to point to with this column."""
        return self.row([REFERENCES[column]], Command.SELECT)

    def colleague(self) -> UUID:
        """A member of my agency, rather often me."""
        members = [one.id for one in self.facts.of(MEMBERS, self.sight.agency)]
        return self.chance.choice([self.sight.me, self.chance.choice(members)])

    def team(self) -> UUID | None:
        """A team of my agency, or none."""
        teams = [one.id for one in self.facts.of(TEAMS, self.sight.agency)]
        return self.chance.choice([None, *teams, *self.sight.teams])

    def new(self, table: str) -> Values | None:
        """A new row of my agency; None when there is nothing to hang it on, or it is there."""
        values: Values = {}
        if table in OWNED:
            values["owner_id"] = self.chance.choice([None, self.sight.me, self.colleague()])
        if table in TEAMED or table == "crm.saved_views":
            values["team_id"] = self.team()
        if table in ("crm.activities", "crm.conversations"):
            values["assignee_id"] = self.chance.choice([None, None, self.colleague()])
        if table in SHARED:
            values["visibility"] = self.chance.choice(VISIBILITIES)
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
        parent = self.row([PARENTS[table][column]], Command.UPDATE)
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
                stage = self.chance.choice(self.facts.of("crm.pipeline_stages", self.sight.agency))
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


def described(facts: Facts, values: dict[str, Any]) -> str:
    """Columns and values, with names in place of ids."""
    known = {
        id_: record.name for records in facts.rows.values() for (_, id_), record in records.items()
    }
    shown = {name: known.get(value, value) for name, value in values.items()}
    return ", ".join(
        f"{name.removesuffix('_id')} {value}" for name, value in shown.items() if value is not None
    )


PROPOSALS: dict[str, Callable[[Choice], Act | None]] = {
    "create": Choice.create,
    "edit": Choice.edit,
    "share": Choice.share,
    "hand_over": Choice.hand_over,
    "assign": Choice.assign,
    "move": Choice.move,
    "move_deal": Choice.move_deal,
    "queue": Choice.queue,
    "point": Choice.point,
    "trash": Choice.trash,
    "restore": Choice.restore,
    "delete": Choice.delete,
    "lead": Choice.lead,
    "leave_team": Choice.leave_team,
    "move_team": Choice.move_team,
    "suspend": Choice.suspend,
    "appoint": Choice.appoint,
    "widen": Choice.widen,
    "settle": Choice.settle,
}
