"""A small agency that commits, and the rows that its changes leave in the trail."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row

from tests.database import Database
from tests.policies.access import Connection, Row, acting

ISSUER = "https://auth.gardenos.test"
NO_AGENCY = UUID(int=0)


@dataclass(frozen=True)
class Person:
    """Somebody in an agency."""

    user_id: UUID
    membership_id: UUID
    agency_id: UUID

    def claims(self, **more: Any) -> dict[str, Any]:
        """The claims of a token of this person, and more."""
        return {
            "role": "authenticated",
            "iss": ISSUER,
            "user_id": str(self.user_id),
            "agency_id": str(self.agency_id),
            **more,
        }


@dataclass(frozen=True)
class Office:
    """A database, its superuser, and an API client that acts in it."""

    database: Database
    superuser: Connection
    client: Connection

    def found(self, slug: str) -> Person:
        """Make an agency, and answer its owner."""
        with acting(self.client, None, "service_role", keep=True):
            self.client.execute(
                "insert into tenancy.issuers (issuer, kind, may_assert_user_id)"
                " values (%s, 'gotrue', true) on conflict do nothing",
                [ISSUER],
            )
            user_id = self._one(
                self.client,
                "insert into tenancy.users (email, full_name) values (%s, 'Olga') returning id",
                f"owner@{slug}.test",
            )
            agency_id = self._one(
                self.client, "select app.create_agency('Garden', %s, %s)", slug, user_id
            )
            membership_id = self._one(
                self.client, "select id from tenancy.memberships where agency_id = %s", agency_id
            )
        return Person(user_id, membership_id, agency_id)

    def hire(self, owner: Person, kind: str = "agent") -> Person:
        """An agent in the agency of this owner."""
        with acting(self.client, None, "service_role", keep=True):
            user_id = self._one(
                self.client, "insert into tenancy.users (kind) values (%s) returning id", kind
            )
        membership_id = self.do(
            owner,
            "insert into tenancy.memberships (user_id, role, display_name)"
            " values (%s, 'ai_agent', 'Robot') returning id",
            user_id,
        )
        return Person(user_id, membership_id, owner.agency_id)

    def do(self, who: Person | Mapping[str, Any], statement: str, *parameters: Any) -> Any:
        """Run and commit one statement with these claims; its first value, if it has rows."""
        claims = who.claims() if isinstance(who, Person) else who
        with acting(self.client, claims, keep=True):
            return self._one(self.client, statement, *parameters)

    def serve(self, statement: str, *parameters: Any, counted: bool = True) -> Any:
        """Run and commit one statement as `service_role`; see `acting`."""
        with acting(self.client, None, "service_role", keep=True, counted=counted):
            return self._one(self.client, statement, *parameters)

    def team(self, who: Person, name: str | None = None) -> UUID:
        """Make a team."""
        found: UUID = self.do(
            who, "insert into tenancy.teams (name) values (%s) returning id", name or str(uuid4())
        )
        return found

    def rows(self, record: UUID | None = None, table: str = "teams") -> list[Row]:
        """What the trail has of a record, or of all of a table, in its order."""
        return self.superuser.execute(
            "select * from audit.log where table_name = %s and (%s::uuid is null or record_id = %s)"
            " order by epoch, timeline, seq",
            [table, record, record],
        ).fetchall()

    def total(self) -> int:
        """How many rows the trail has."""
        (row,) = self.superuser.execute("select count(*) as n from audit.log").fetchall()
        number: int = row["n"]
        return number

    def seal(self) -> int:
        """Seal as the worker does."""
        with self.database.connect("gardenos_worker") as worker:
            number: int = worker.execute("select audit.seal()").fetchall()[0][0]
        return number

    def problems(self, agency: UUID | None = None) -> list[Row]:
        """What verification finds, as the auditor."""
        with self.database.connect("gardenos_auditor", row_factory=dict_row) as auditor:
            return auditor.execute("select * from audit.verify(%s)", [agency]).fetchall()

    @contextmanager
    def tampering(self) -> Iterator[Connection]:
        """A superuser who switches the guards of the trail off for the session, and commits."""
        with self.database.connect(autocommit=True, row_factory=dict_row) as connection:
            connection.execute("set session_replication_role = replica")
            yield connection

    @staticmethod
    def _one(connection: Connection, statement: str, *parameters: Any) -> Any:
        cursor = connection.execute(statement, parameters or None)
        rows = cursor.fetchall() if cursor.description else []
        return next(iter(rows[0].values())) if rows else None


@contextmanager
def opened(database: Database) -> Iterator[Office]:
    """An office in this database."""
    with (
        database.connect(autocommit=True, row_factory=dict_row) as superuser,
        database.connect("authenticator", autocommit=True, row_factory=dict_row) as client,
    ):
        yield Office(database, superuser, client)


def refused(connection: psycopg.Connection[Any], statement: str, *parameters: Any) -> str | None:
    """The SQLSTATE with which a statement is refused, None when it is not; rolled back."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement, parameters or None)
    except psycopg.Error as error:
        return error.sqlstate
    return None
