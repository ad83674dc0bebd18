"""The people of the demo, and how they get into a database: only by what a real service would call.

Rows are made by the functions of the database (`app.create_agency`, `app.invite`,
`app.accept_invitation`, `app.create_api_key`, the token hook) and every session is opened with a
token that was signed and verified.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from tests.clients.sessions import Request, Signer, postgrest_session
from tests.clients.tokens import Issuer, Verifier

Connect = Callable[[str], Connection[Any]]

POST = Request(method="POST")


@dataclass
class Cast:
    """Two agencies, their people, the issuers of tokens, and one connection for each login."""

    connect: Connect
    gotrue: Issuer = field(
        default_factory=lambda: Issuer.fresh("https://auth.demo.example/auth/v1", "HS256")
    )
    kratos: Issuer = field(default_factory=lambda: Issuer.fresh("https://id.demo.example", "ES256"))
    users: dict[str, UUID] = field(default_factory=dict)
    agencies: dict[str, UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open the logins; nothing is written yet."""
        self.verifier = Verifier([self.gotrue, self.kratos])
        self.authenticator = self.connect("authenticator")
        self.auth_service = self.connect("supabase_auth_admin")
        self.app = self.connect("gardenos_app")

    def close(self) -> None:
        """Close the logins."""
        for connection in (self.authenticator, self.auth_service, self.app):
            connection.close()

    # --- tokens ---

    def sign_in(self, name: str, agency: str | None = None) -> str:
        """The token that gotrue hands out: its claims pass through the hook of the database.

        Args:
            name: who signs in, by address and password as far as gotrue is concerned.
            agency: the agency chosen before, for somebody who has several.
        """
        if agency is not None:
            with self.session(self.sign_in(name), POST) as session:
                session.execute("select app.switch_agency(%s)", (self.agencies[agency],))
        now = int(time.time())
        event = {
            "user_id": str(self.users[name]),
            "claims": {
                "iss": self.gotrue.name,
                "sub": f"gotrue-{name}",
                "aud": "authenticated",
                "exp": now + 600,
                "iat": now,
                "email": f"{name.lower()}@demo.example",
                "role": "authenticated",
                "session_id": str(uuid4()),
                "user_metadata": {"agency_id": str(uuid4()), "agency_role": "owner"},
            },
        }
        row = self.auth_service.execute(
            "select app.custom_access_token(%s::jsonb)", (json.dumps(event),)
        ).fetchone()
        assert row is not None
        if "error" in row[0]:
            raise PermissionError(row[0]["error"]["message"])
        return self.gotrue.sign(row[0]["claims"])

    @contextmanager
    def session(
        self, token: str | None, request: Request | None = None
    ) -> Iterator[Connection[Any]]:
        """What PostgREST does with a request: verify its token, open a session with the claims."""
        claims = self.verifier.verify(token) if token is not None else None
        with postgrest_session(self.authenticator, claims, request) as session:
            yield session

    @contextmanager
    def back_office(self) -> Iterator[Connection[Any]]:
        """A transaction of service_role, which bypasses row-level security."""
        with self.authenticator.transaction():
            self.authenticator.execute("set local role service_role")
            yield self.authenticator

    def new_signer(self) -> Signer:
        """A key for the service that runs SQL, as a DBA makes one."""
        with self.connect("gardenos_migrator") as connection:
            connection.execute("set role gardenos_owner")
            row = connection.execute("select app.rotate_seal_key('gardenos_app')").fetchone()
        assert row is not None
        return Signer(row[0])

    # --- people ---

    def sign_up(self, name: str, kind: str = "person") -> None:
        """The identity service has verified an address: a user with one login."""
        with self.back_office() as office:
            row = office.execute(
                "insert into tenancy.users (kind, email, full_name) values (%s, %s, %s)"
                " returning id",
                (kind, f"{name.lower()}@demo.example", name),
            ).fetchone()
            assert row is not None
            self.users[name] = row[0]
            office.execute(
                "insert into tenancy.user_identities (user_id, issuer, subject)"
                " values (%s, %s, %s)",
                (row[0], self.gotrue.name, f"gotrue-{name}"),
            )

    def found(self, name: str, owner: str) -> None:
        """A new agency with its first owner."""
        with self.back_office() as office:
            row = office.execute(
                "select app.create_agency(%s, %s, %s)", (name, name.lower(), self.users[owner])
            ).fetchone()
        assert row is not None
        self.agencies[name] = row[0]

    def invite(self, inviter: str, name: str, role: str) -> str:
        """An invitation by somebody who may; the token that is sent by e-mail."""
        contact = self.contact(inviter, name) if role == "client" else None
        with self.session(self.sign_in(inviter), POST) as session:
            row = session.execute(
                "select app.invite(%s, %s, contact_id => %s)",
                (f"{name.lower()}@demo.example", role, contact),
            ).fetchone()
        assert row is not None
        return str(row[0])

    def contact(self, inviter: str, name: str) -> UUID:
        """The person behind a client, as a contact of the inviter's agency."""
        found = self.tell(
            inviter, "insert into crm.contacts (full_name) values (%s) returning id", name
        )
        assert isinstance(found, UUID)
        return found

    def join(self, inviter: str, name: str, role: str) -> None:
        """Somebody is invited and accepts."""
        if name not in self.users:
            self.sign_up(name)
        token = self.invite(inviter, name, role)
        with self.session(self.sign_in(name), POST) as session:
            session.execute("select app.accept_invitation(%s)", (token,))

    def tell(self, name: str, statement: str, *arguments: Any) -> Any:
        """One writing request of a person; its first value."""
        with self.session(self.sign_in(name), POST) as session:
            cursor = session.execute(statement.encode(), arguments)
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row is not None else None

    # --- the scene ---

    def gather(self) -> None:
        """Write both agencies, through the front door."""
        with self.back_office() as office:
            for issuer, may_assert in ((self.gotrue, True), (self.kratos, False)):
                office.execute(
                    "insert into tenancy.issuers (issuer, kind, may_assert_user_id)"
                    " values (%s, %s, %s)",
                    (issuer.name, "gotrue" if may_assert else "kratos", may_assert),
                )
        for name in ("Ada", "Bo", "Nora"):
            self.sign_up(name)
        self.sign_up("Robo", kind="agent")
        self.found("Northwind", "Ada")
        self.found("Southside", "Bo")

        for name, role in (
            ("Adam", "admin"),
            ("Max", "manager"),
            ("Mia", "member"),
            ("Vic", "viewer"),
            ("Clio", "client"),
        ):
            self.join("Ada", name, role)
        self.join("Bo", "Mia", "member")
        self.tell(
            "Ada",
            "insert into tenancy.memberships (user_id, role, display_name)"
            " values (%s, 'ai_agent', 'Robo')",
            self.users["Robo"],
        )
        for inviter, team in (("Ada", "Sales"), ("Ada", "Support"), ("Bo", "Sales")):
            self.tell(inviter, "insert into tenancy.teams (name) values (%s)", team)
        self.tell(
            "Ada",
            "insert into tenancy.team_members (team_id, membership_id, is_lead)"
            " select t.id, m.id, true from tenancy.teams as t, tenancy.memberships as m"
            " where t.name = 'Sales' and m.display_name = 'Max'",
        )
        self.invite("Ada", "Eve", "admin")
        with self.session(self.sign_in("Max"), POST) as session:
            session.execute(
                "select app.invite('eli@demo.example', 'member', team_id => t.id)"
                " from tenancy.teams as t where t.name = 'Sales'"
            )
