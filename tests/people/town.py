"""The real database: agencies written into it, people acting in it, and what they are shown."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from tests.people.facts import MEMBERS, TEAM_MEMBERS, TEAMS, Facts, Record
from tests.people.founding import AGENCIES, AGENTS, EVERYBODY
from tests.people.sight import Viewer
from tests.people.statements import columns_of, statement
from tests.people.verdicts import NOTHING, ROW, Act, Kind
from tests.policies.access import Connection, acting

ISSUER = "https://auth.gardenos.test"
# what is compared between the facts and what somebody is shown
TABLES = (
    MEMBERS,
    TEAMS,
    TEAM_MEMBERS,
    "crm.tags",
    "crm.products",
    "crm.pipelines",
    "crm.pipeline_stages",
    "crm.companies",
    "crm.contacts",
    "crm.deals",
    "crm.contact_points",
    "crm.contact_companies",
    "crm.record_tags",
    "crm.deal_contacts",
    "crm.deal_line_items",
    "crm.deal_stage_history",
    "crm.saved_views",
    "crm.activities",
    "crm.conversations",
    "crm.calendar_events",
    "crm.participants",
    "crm.messages",
    "crm.files",
    "crm.consents",
)
LOOKS = {
    table: f"select {'deal_id' if table.endswith('history') else 'id'} as id from {table}"
    for table in TABLES
}


@dataclass(frozen=True)
class Answer:
    """What the database did: the outcome in the words of `verdicts`, and its message."""

    outcome: str
    message: str = ""
    id: UUID | None = None


@dataclass
class Town:
    """A database, a superuser who prepares it, and the login of PostgREST."""

    superuser: Connection
    client: Connection
    users: dict[str, UUID] = field(default_factory=dict)

    def settle(self) -> None:
        """Insert the users; they are the same in every agency that is founded."""
        self.users = {
            name if name == "nia" else f"{name}@{agency}": uuid4()
            for agency in AGENCIES
            for name in EVERYBODY
        }
        with acting(self.client, None, "service_role", keep=True, counted=False):
            self.client.execute(
                "insert into tenancy.issuers (issuer, kind, may_assert_user_id)"
                " values (%s, 'gotrue', true)",
                [ISSUER],
            )
            for name, user in self.users.items():
                kind = "agent" if name.startswith(AGENTS) else "person"
                self.client.execute(
                    "insert into tenancy.users (id, kind, full_name) values (%s, %s, %s)",
                    [user, kind, name],
                )

    def user(self, person: str) -> UUID:
        """The user behind `name@agency`."""
        return self.users.get(person) or self.users[person.partition("@")[0]]

    def write(self, facts: Facts) -> None:
        """Write all facts into the database, past row-level security, in place of what is there."""
        with self.superuser.transaction():
            self.superuser.execute("set local session_replication_role = replica")
            for table in ("tenancy.agencies", *TABLES):
                self.superuser.execute(f"delete from {table}".encode())
            for agency, name in facts.agencies.items():
                self.superuser.execute(
                    "insert into tenancy.agencies (id, slug, name) values (%s, %s, %s)",
                    [agency, f"{name}-{agency}", name],
                )
            for table in (MEMBERS, TEAMS, TEAM_MEMBERS):
                self._copy(facts.of(table))
            for table in TABLES[3:]:
                if table not in ("crm.deals", "crm.deal_stage_history", "crm.participants"):
                    self._copy(facts.of(table))
        with self.superuser.transaction():
            # their triggers note where deals stand and who takes part
            self._copy(facts.of("crm.deals"))
            self._copy(facts.of("crm.participants"))

    def _copy(self, records: Sequence[Record]) -> None:
        rows = [columns_of(record) for record in records]
        for columns, group in groupby(sorted(rows, key=list), key=list):
            self.superuser.execute(
                "insert into {table} ({columns}) select {columns}"
                " from jsonb_populate_recordset(null::{table}, %s)".format(
                    table=records[0].table, columns=", ".join(columns)
                ).encode(),
                [Jsonb(list(group), dumps=_json)],
            )

    def claims(self, viewer: Viewer) -> dict[str, Any]:
        """The claims of the token that somebody comes with."""
        claims: dict[str, Any] = {
            "role": "authenticated",
            "iss": ISSUER,
            "user_id": viewer.member["user_id"],
            "agency_id": viewer.member.agency,
        }
        if viewer.agent is not None:
            claims["act"] = {"user_id": str(viewer.agent["user_id"])}
        return claims

    def do(self, act: Act) -> Answer:
        """Run and commit one act."""
        text, parameters = statement(act)
        try:
            with acting(self.client, self.claims(act.viewer), keep=True, counted=False):
                cursor = self.client.execute(text, parameters)
                count = cursor.rowcount
        except psycopg.Error as error:
            return Answer(error.sqlstate or "", error.diag.message_primary or str(error))
        if act.kind is Kind.INSERT and act.record.table == "crm.conversations":
            return Answer(ROW, id=self._conversation(act.record))
        return Answer({0: NOTHING, 1: ROW}.get(count, f"{count} rows"))

    def _conversation(self, record: Record) -> UUID:
        """The id that the database gave to a new conversation."""
        (row,) = self.superuser.execute(
            "select id from crm.conversations where agency_id = %s and external_thread_id = %s",
            [record.agency, str(record.id)],
        ).fetchall()
        found: UUID = row["id"]
        return found

    def look(self, viewer: Viewer) -> dict[str, list[str]]:
        """What somebody is shown: one query for each table, all in one transaction."""
        with (
            acting(self.client, self.claims(viewer), counted=False),
            self.client.pipeline(),
        ):
            cursors = {
                table: self.client.execute(query.encode(), prepare=True)
                for table, query in LOOKS.items()
            }
            return {
                table: sorted(str(row["id"]) for row in cursor.fetchall())
                for table, cursor in cursors.items()
            }

    def inventory(self, facts: Facts) -> dict[str, list[str]]:
        """What is really there of the agencies of the facts."""
        return {
            table: sorted(
                str(row["id"])
                for row in self.superuser.execute(
                    f"{query} where agency_id = any (%s)".encode(), [list(facts.agencies)]
                ).fetchall()
            )
            for table, query in LOOKS.items()
        }


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
