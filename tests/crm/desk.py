"""Records of an agency in a word each, made and changed as its owner does."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg

from tests.audit.trail import Office, Person
from tests.policies.access import Row

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Desk:
    """Somebody at work: an office, and the owner of one of its agencies."""

    office: Office
    owner: Person

    @staticmethod
    def new_slug() -> str:
        """A slug that no agency has."""
        return f"garden-{next(_numbers)}-{uuid4().hex[:6]}"

    def colleague(self, name: str = "Bea") -> Person:
        """An active member of the agency, put there past the invitation."""
        user = self.office.serve(
            "insert into tenancy.users (full_name) values (%s) returning id", name
        )
        member = uuid4()
        with self.office.superuser.transaction():
            self.office.superuser.execute("set local session_replication_role = replica")
            self.office.superuser.execute(
                "insert into tenancy.memberships (agency_id, id, user_id, role, display_name)"
                " values (%s, %s, %s, 'member', %s)",
                [self.owner.agency_id, member, user, name],
            )
        return Person(user, member, self.owner.agency_id)

    def do(self, statement: str, *parameters: Any) -> Any:
        """Run and commit one statement as the owner; its first value, if it has rows."""
        return self.office.do(self.owner, statement, *parameters)

    def insert(self, table: str, who: Person | None = None, **values: Any) -> UUID:
        """Insert one row as the owner or somebody else; answer its id."""
        found: UUID = self.office.do(
            who or self.owner, *insertion(table, values, returning="returning id")
        )
        return found

    def serve(self, table: str, **values: Any) -> UUID:
        """Insert one row as `service_role`; answer its id."""
        values = {"agency_id": self.owner.agency_id, **values}
        found: UUID = self.office.serve(*insertion(table, values, returning="returning id"))
        return found

    def refused(self, statement: str, *parameters: Any, who: Person | None = None) -> str | None:
        """The SQLSTATE with which a statement of the owner is refused; None when it is done."""
        try:
            self.office.do(who or self.owner, statement, *parameters)
        except psycopg.Error as error:
            return error.sqlstate
        return None

    def row(self, table: str, record: UUID) -> Row:
        """A row as it stands, seen by a superuser."""
        (found,) = self.office.superuser.execute(
            f"select * from {table} where agency_id = %s and id = %s".encode(),
            [self.owner.agency_id, record],
        ).fetchall()
        return found

    def pipeline(self, *outcomes: str) -> tuple[UUID, list[UUID]]:
        """A pipeline with one stage for each outcome."""
        pipeline = self.insert("crm.pipelines", name=f"Sales {uuid4()}")
        return pipeline, [
            self.insert(
                "crm.pipeline_stages",
                pipeline_id=pipeline,
                name=f"Stage {place}",
                position=place,
                outcome=outcome,
            )
            for place, outcome in enumerate(outcomes)
        ]

    def deal(self, pipeline: UUID, stage: UUID, **values: Any) -> UUID:
        """A deal in this stage."""
        return self.insert(
            "crm.deals",
            **{
                "title": "A garden",
                "currency": "EUR",
                "pipeline_id": pipeline,
                "stage_id": stage,
                **values,
            },
        )

    def contact(self, **values: Any) -> UUID:
        """A person."""
        return self.insert("crm.contacts", **{"full_name": "Zoë Müller", **values})

    def email(self, contact: UUID, value: str, **values: Any) -> UUID:
        """An e-mail address of a person."""
        return self.insert(
            "crm.contact_points", contact_id=contact, kind="email", value=value, **values
        )


def insertion(table: str, values: Mapping[str, Any], returning: str = "") -> tuple[Any, ...]:
    """An INSERT and its parameters; dictionaries and lists become JSON."""
    names = ", ".join(values)
    places = ", ".join(["%s"] * len(values))
    return (
        f"insert into {table} ({names}) values ({places}) {returning}",
        *(json.dumps(one) if isinstance(one, dict | list) else one for one in values.values()),
    )
