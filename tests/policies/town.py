"""A small town: agencies and people in every state that decides what somebody sees.

The facts stand here as Python values and are written to the database from them. A test that asks
"what should this person see?" answers from these values, not from the database it is checking.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest
from psycopg import Connection

from tests.database import Database

NAMESPACE = UUID("7d1c3c0e-6f43-4b58-9a3a-0d6a7c3f5b11")

OWN = "https://id.example"
GOTRUE = "https://auth.example/auth/v1"
KRATOS = "https://kratos.example"
RETIRED = "https://retired.example"

# issuer -> (kind, may assert user_id, active)
ISSUERS = {
    OWN: ("own", True, True),
    GOTRUE: ("gotrue", True, True),
    KRATOS: ("kratos", False, True),
    RETIRED: ("own", True, False),
}


def named(kind: str, name: str) -> UUID:
    """The same id for the same name in every run."""
    return uuid5(NAMESPACE, f"{kind}:{name}")


@dataclass(frozen=True)
class Agency:
    """A tenant."""

    name: str
    status: str = "active"
    deleted: bool = False

    @property
    def id(self) -> UUID:
        return named("agency", self.name)

    @property
    def live(self) -> bool:
        """Whether its members can enter it."""
        return self.status == "active" and not self.deleted


@dataclass(frozen=True)
class User:
    """A person or an agent."""

    name: str
    kind: str = "person"
    status: str = "active"

    @property
    def id(self) -> UUID:
        return named("user", self.name)

    @property
    def email(self) -> str:
        return f"{self.name}@people.example"


@dataclass(frozen=True)
class Membership:
    """What a user is in an agency."""

    agency: str
    user: str
    role: str
    scope: str = "own"
    status: str = "active"

    @property
    def id(self) -> UUID:
        return named("membership", f"{self.agency}:{self.user}")


@dataclass(frozen=True)
class ApiKey:
    """Machine access that acts as a membership."""

    name: str
    agency: str
    user: str
    scopes: tuple[str, ...] = ()
    state: str = "live"

    @property
    def id(self) -> UUID:
        return named("api_key", self.name)

    @property
    def secret(self) -> str:
        """The key as its holder has it."""
        return f"{named('agency', self.agency)}.{self.id.hex}{self.id.hex}"


AGENCIES = {
    agency.name: agency
    for agency in (
        Agency("alpha"),
        Agency("beta"),
        Agency("halted", status="suspended"),
        Agency("closing", status="closing"),
        Agency("gone", deleted=True),
    )
}

USERS = {
    user.name: user
    for user in (
        User("ann"),
        User("olga"),
        User("adam"),
        User("mia"),
        User("max"),
        User("mel"),
        User("vic"),
        User("cli"),
        User("bob"),
        User("both"),
        User("paused"),
        User("removed"),
        User("disabled", status="disabled"),
        User("erased", status="erased"),
        User("loner"),
        User("bot", kind="agent"),
        User("bot-beta", kind="agent"),
        User("bot-paused", kind="agent"),
        User("bot-disabled", kind="agent", status="disabled"),
        User("bot-free", kind="agent"),
    )
}

MEMBERSHIPS = {
    (membership.agency, membership.user): membership
    for membership in (
        Membership("alpha", "ann", "owner", "all"),
        Membership("alpha", "olga", "owner", "all"),
        Membership("alpha", "adam", "admin", "all"),
        Membership("alpha", "mia", "manager", "team"),
        Membership("alpha", "max", "manager", "all"),
        Membership("alpha", "mel", "member"),
        Membership("alpha", "vic", "viewer"),
        Membership("alpha", "cli", "client"),
        Membership("alpha", "both", "member", "team"),
        Membership("alpha", "paused", "admin", "all", status="suspended"),
        Membership("alpha", "removed", "member", status="removed"),
        Membership("alpha", "disabled", "admin", "all"),
        Membership("alpha", "erased", "member"),
        Membership("alpha", "bot", "ai_agent", "team"),
        Membership("alpha", "bot-paused", "ai_agent", "all", status="suspended"),
        Membership("alpha", "bot-disabled", "ai_agent", "all"),
        Membership("beta", "bob", "owner", "all"),
        Membership("beta", "both", "owner", "all"),
        Membership("beta", "bot-beta", "ai_agent", "all"),
        Membership("halted", "ann", "owner", "all"),
        Membership("closing", "ann", "owner", "all"),
        Membership("gone", "ann", "owner", "all"),
    )
}

# (agency, person) -> contact: the client's, and two that are no clients yet
CONTACTS = {
    ("alpha", person): named("contact", person) for person in ("cli", "new client", "other")
}

# (issuer, subject) -> user
IDENTITIES = {
    (KRATOS, "kratos|ann"): "ann",
    (KRATOS, "kratos|bob"): "bob",
    (KRATOS, "kratos|disabled"): "disabled",
    (KRATOS, "machine:bot"): "bot",
    (OWN, "ann-at-own"): "ann",
    (GOTRUE, str(named("subject", "ann"))): "ann",
    (GOTRUE, str(named("subject", "both"))): "both",
    (GOTRUE, str(named("subject", "disabled"))): "disabled",
    (GOTRUE, str(named("subject", "loner"))): "loner",
    (RETIRED, "retired-ann"): "ann",
}

API_KEYS = {
    key.name: key
    for key in (
        ApiKey("whole", "alpha", "ann"),
        ApiKey("directory", "alpha", "ann", ("tenancy.memberships:select",)),
        ApiKey("teams", "alpha", "ann", ("tenancy.teams:select", "tenancy.teams:insert")),
        ApiKey("revoked", "alpha", "ann", state="revoked"),
        ApiKey("expired", "alpha", "ann", state="expired"),
        ApiKey("robot", "alpha", "bot"),
        ApiKey("beta", "beta", "bob"),
    )
}

# team -> (agency, lead, members)
TEAMS = {
    "sales": ("alpha", "mia", ("mia", "mel")),
    "support": ("alpha", "max", ("max",)),
    "sales-beta": ("beta", "bob", ("bob",)),
}


def team_id(name: str) -> UUID:
    """The id of a team of the town."""
    return named("team", name)


def claims_of(
    user: str, agency: str | None = "alpha", *, issuer: str = OWN, **more: Any
) -> dict[str, Any]:
    """The claims of a good token of this person, for this agency.

    Args:
        user: a name of `USERS`.
        agency: a name of `AGENCIES`, or None for a token without an agency.
        issuer: who says so.
        more: further claims, or others in place of these.
    """
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": f"sub-{user}",
        "role": "authenticated",
        "user_id": str(USERS[user].id),
    }
    if agency is not None:
        claims["agency_id"] = str(AGENCIES[agency].id)
    return claims | more


def write_town(database: Database) -> None:
    """Write the facts above into a migrated, empty database."""
    with database.connect("postgres", autocommit=True) as connection, connection.transaction():
        connection.execute("set local role service_role")
        for issuer, (kind, may_assert, active) in ISSUERS.items():
            connection.execute(
                "insert into tenancy.issuers (issuer, kind, may_assert_user_id, active)"
                " values (%s, %s, %s, %s)",
                (issuer, kind, may_assert, active),
            )
        # As the role whose functions make members: nobody else may insert a person.
        connection.execute("set local role gardenos_tenancy_writer")
        for agency in AGENCIES.values():
            connection.execute(
                "insert into tenancy.agencies (id, slug, name) values (%s, %s, %s)",
                (agency.id, agency.name, agency.name.title()),
            )
        for user in USERS.values():
            connection.execute(
                "insert into tenancy.users (id, kind, email, full_name) values (%s, %s, %s, %s)",
                (user.id, user.kind, user.email, user.name.title()),
            )
        connection.execute("set local role service_role")
        for (agency_name, person), contact_id in CONTACTS.items():
            connection.execute(
                "insert into crm.contacts (agency_id, id, full_name) values (%s, %s, %s)",
                (AGENCIES[agency_name].id, contact_id, person.title()),
            )
        connection.execute("set local role gardenos_tenancy_writer")
        for member in MEMBERSHIPS.values():
            contact = CONTACTS.get((member.agency, member.user))
            connection.execute(
                "insert into tenancy.memberships (agency_id, id, user_id, role, record_scope,"
                " status, display_name, contact_id) values (%s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    AGENCIES[member.agency].id,
                    member.id,
                    USERS[member.user].id,
                    member.role,
                    member.scope,
                    member.status,
                    member.user.title(),
                    contact,
                ),
            )
        for (issuer, subject), name in IDENTITIES.items():
            connection.execute(
                "insert into tenancy.user_identities (user_id, issuer, subject)"
                " values (%s, %s, %s)",
                (USERS[name].id, issuer, subject),
            )
        for key in API_KEYS.values():
            connection.execute(
                "insert into tenancy.api_keys (agency_id, id, name, prefix, scopes, acts_as_id,"
                " revoked_at, expires_at) values (%s, %s, %s, %s, %s, %s,"
                " case when %s then now() end, case when %s then now() end)",
                (
                    AGENCIES[key.agency].id,
                    key.id,
                    key.name,
                    key.name,
                    list(key.scopes),
                    MEMBERSHIPS[key.agency, key.user].id,
                    key.state == "revoked",
                    key.state == "expired",
                ),
            )
            connection.execute(
                "insert into tenancy.api_key_secrets (agency_id, api_key_id, key_hash)"
                " values (%s, %s, sha256(convert_to(%s, 'UTF8')))",
                (AGENCIES[key.agency].id, key.id, key.secret),
            )
        connection.execute("set local role service_role")
        connection.execute(
            "update crm.contacts set owner_id = %s", [MEMBERSHIPS["alpha", "ann"].id]
        )
        for name, (agency_name, lead, members) in TEAMS.items():
            agency_id = AGENCIES[agency_name].id
            connection.execute(
                "insert into tenancy.teams (agency_id, id, name) values (%s, %s, %s)",
                (agency_id, team_id(name), name),
            )
            for member_name in members:
                connection.execute(
                    "insert into tenancy.team_members (agency_id, team_id, membership_id, is_lead)"
                    " values (%s, %s, %s, %s)",
                    (
                        agency_id,
                        team_id(name),
                        MEMBERSHIPS[agency_name, member_name].id,
                        member_name == lead,
                    ),
                )
        for user in USERS.values():
            if user.status != "active":
                connection.execute(
                    "update tenancy.users set status = %s where id = %s", (user.status, user.id)
                )
        for agency in AGENCIES.values():
            connection.execute(
                "update tenancy.agencies set status = %s, deleted_at = case when %s then now() end"
                " where id = %s",
                (agency.status, agency.deleted, agency.id),
            )


@dataclass
class Stage:
    """One open transaction in which people of the town take turns.

    The login is `authenticator` unless told otherwise, so roles and policies hold as they do behind
    PostgREST; `service_role`, which it may take too, prepares what a test needs.
    """

    connection: Connection[Any]
    claims: dict[str, Any] = field(default_factory=dict)

    def become(
        self, user: str, agency: str | None = "alpha", *, issuer: str = OWN, **more: Any
    ) -> "Stage":
        """Go on as this person; see `claims_of` for the arguments."""
        return self.present(claims_of(user, agency, issuer=issuer, **more))

    def present(self, claims: dict[str, Any] | str) -> "Stage":
        """Go on as role authenticated with exactly these claims."""
        self.claims = claims if isinstance(claims, dict) else {}
        text = claims if isinstance(claims, str) else json.dumps(claims)
        self.connection.execute(
            "select set_config('role', 'authenticated', true),"
            " set_config('request.jwt.claims', %s, true)",
            (text,),
        )
        return self

    def service(self) -> "Stage":
        """Go on as service_role, without claims."""
        self.connection.execute(
            "select set_config('role', 'service_role', true),"
            " set_config('request.jwt.claims', '', true)"
        )
        return self

    def rows(self, query: str, *arguments: Any) -> list[Any]:
        """All rows of a query; of a single column its values, else tuples."""
        cursor = self.connection.execute(query.encode(), arguments)
        found = cursor.fetchall()
        return [row[0] if len(row) == 1 else row for row in found]

    def value(self, query: str, *arguments: Any) -> Any:
        """The one row of a query."""
        (found,) = self.rows(query, *arguments)
        return found

    def run(self, statement: str, *arguments: Any) -> int:
        """Execute a statement; how many rows it touched."""
        return self.connection.execute(statement.encode(), arguments).rowcount

    @contextmanager
    def refused(self, sqlstate: str) -> Iterator["pytest.ExceptionInfo[psycopg.Error]"]:
        """The block must fail with this SQLSTATE; it is undone, the transaction goes on."""
        with pytest.raises(psycopg.Error) as caught, self.connection.transaction():
            yield caught
        assert caught.value.sqlstate == sqlstate, str(caught.value)


class Town:
    """A database that holds the town."""

    def __init__(self, database: Database) -> None:
        """Write the town into this database."""
        self.database = database
        write_town(database)

    @contextmanager
    def stage(
        self, *, login: str = "authenticator", keep: bool = False, isolation: str | None = None
    ) -> Iterator[Stage]:
        """An open transaction; rolled back at the end unless `keep`."""
        with (
            self.database.connect(login, autocommit=True) as connection,
            connection.transaction(force_rollback=not keep),
        ):
            if isolation is not None:
                connection.execute(f"set transaction isolation level {isolation}".encode())
            yield Stage(connection)
