"""Two agencies with every role, made the way clients make them, so that the suite has rows to find.

Both agencies hold the same names, addresses and contact ids: what is unique is so per agency. Every
row is also kept as a plain dict, read once past row-level security, for predicates to judge.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

from tests.policies import records
from tests.policies.access import Claims, Connection, Row, acting
from tests.policies.matrix import Role
from tests.policies.meaning import Me, Rows, with_rows

ISSUER = "https://auth.gardenos.test"
FOREIGN_ISSUER = "https://login.kratos.test"
TABLES = (
    "tenancy.agencies",
    "tenancy.issuers",
    "tenancy.users",
    "tenancy.user_identities",
    "tenancy.memberships",
    "tenancy.teams",
    "tenancy.team_members",
    "tenancy.invitations",
    "tenancy.invitation_secrets",
    "tenancy.api_keys",
    "tenancy.api_key_secrets",
    *records.TABLES,
    "audit.log",
    "audit.seals",
    "audit.retired",
    "audit.verifications",
)
# who is in each agency; the first of each role is the one the matrix acts as
PEOPLE: dict[str, tuple[Role, str]] = {
    "owner": (Role.OWNER, "all"),
    "owner2": (Role.OWNER, "all"),
    "admin": (Role.ADMIN, "all"),
    "admin2": (Role.ADMIN, "all"),
    "manager": (Role.MANAGER, "team"),
    "manager2": (Role.MANAGER, "all"),
    "member": (Role.MEMBER, "own"),
    "member2": (Role.MEMBER, "all"),
    "viewer": (Role.VIEWER, "own"),
    "client": (Role.CLIENT, "own"),
    "client2": (Role.CLIENT, "own"),
    "suspended": (Role.ADMIN, "all"),
    "removed": (Role.ADMIN, "all"),
}
SUBJECTS = {role: name for name, (role, _) in reversed(PEOPLE.items())} | {Role.AI_AGENT: "agent"}
# the same people behind the clients of both agencies: contact ids are unique per agency only
CONTACTS = {
    "client": UUID("01900000-0000-7000-8000-00000000c001"),
    "client2": UUID("01900000-0000-7000-8000-00000000c002"),
    "invited": UUID("01900000-0000-7000-8000-00000000c003"),
}
KEYS = ("everything", "narrowed", "elsewhere")


@dataclass(frozen=True)
class Member:
    """One person or agent in one agency."""

    name: str
    user_id: UUID
    membership_id: UUID
    agency_id: UUID
    role: Role

    def claims(self, **more: Any) -> Claims:
        """The claims of a token of this member, and more."""
        return {
            "role": "authenticated",
            "iss": ISSUER,
            "sub": str(self.user_id),
            "user_id": str(self.user_id),
            "agency_id": str(self.agency_id),
            "agency_role": self.role.value,
            **more,
        }


@dataclass
class Agency:
    """One tenant and the names of what is in it."""

    id: UUID
    members: dict[str, Member] = field(default_factory=dict)
    teams: dict[str, UUID] = field(default_factory=dict)
    invitations: dict[str, UUID] = field(default_factory=dict)
    keys: dict[tuple[Role, str], UUID] = field(default_factory=dict)
    spare_agent: UUID = field(default_factory=uuid4)


@dataclass
class World:
    """Two agencies, and every row there is."""

    a: Agency
    b: Agency
    stranger: UUID
    nomad: UUID
    rows: dict[str, list[Row]] = field(default_factory=dict)

    @cached_property
    def by_key(self) -> Rows:
        """The records, to be found by a reference."""
        return with_rows(self.rows)

    def membership(self, agency: Agency, name: str) -> Row:
        """The membership of somebody, as it stands in the database."""
        (row,) = (
            row
            for row in self.rows["tenancy.memberships"]
            if row["agency_id"] == agency.id and row["id"] == agency.members[name].membership_id
        )
        return row

    def teams_of(self, agency: Agency, name: str) -> frozenset[UUID]:
        """The live teams of a member, with those below the live ones that the member leads."""
        teams = {t["id"]: t for t in self.rows["tenancy.teams"] if t["agency_id"] == agency.id}
        mine, below = set(), set()
        for row in self.rows["tenancy.team_members"]:
            if (
                row["agency_id"] == agency.id
                and row["membership_id"] == agency.members[name].membership_id
                and teams[row["team_id"]]["deleted_at"] is None
            ):
                mine.add(row["team_id"])
                if row["is_lead"]:
                    below.add(row["team_id"])
        while found := {t for t in teams if teams[t]["parent_team_id"] in below} - below:
            below |= found
        return frozenset(t for t in mine | below if teams[t]["deleted_at"] is None)

    def through_agent(self, agency: Agency, name: str) -> Me:
        """The same for a member for whom the agent of the agency acts."""
        agent = self.membership(agency, "agent")
        return self.me(agency, name).through_agent(agent["record_scope"], agent["id"])

    def me(self, agency: Agency, name: str) -> Me:
        """What the matrix needs to know of a member."""
        member = agency.members[name]
        membership = self.membership(agency, name)
        live = {
            team["id"]
            for team in self.rows["tenancy.teams"]
            if team["agency_id"] == agency.id and team["deleted_at"] is None
        }
        return Me(
            teams=self.teams_of(agency, name),
            record_scope=membership["record_scope"],
            contact_id=membership["contact_id"],
            capabilities=frozenset(membership["capabilities"]),
            rows=self.by_key,
            user_id=member.user_id,
            membership_id=member.membership_id,
            agency_id=agency.id,
            role=member.role,
            leads=frozenset(
                row["team_id"]
                for row in self.rows["tenancy.team_members"]
                if row["agency_id"] == agency.id
                and row["membership_id"] == member.membership_id
                and row["is_lead"]
                and row["team_id"] in live
            ),
        )


def user_claims(user_id: UUID, **more: Any) -> Claims:
    """The claims of somebody who is signed in, without an agency."""
    return {
        "role": "authenticated",
        "iss": ISSUER,
        "sub": str(user_id),
        "user_id": str(user_id),
        **more,
    }


def build(connect: Callable[[str], Connection]) -> World:
    """Fill an empty, migrated database.

    Args:
        connect: opens an autocommit connection as a login role (`authenticator`, `postgres`).
    """
    with connect("authenticator") as client, connect("postgres") as superuser:
        with acting(client, None, "service_role", keep=True):
            client.execute(
                "insert into tenancy.issuers (issuer, kind, may_assert_user_id)"
                " values (%s, 'gotrue', true), (%s, 'kratos', false)",
                [ISSUER, FOREIGN_ISSUER],
            )
            stranger = add_user(client, "stranger@nowhere.test")
            nomad = add_user(client, "nomad@nowhere.test")
        world = World(
            a=found_agency(client, superuser, "a"),
            b=found_agency(client, superuser, "b"),
            stranger=stranger,
            nomad=nomad,
        )
        for agency, role in ((world.a, "viewer"), (world.b, "admin")):
            enter(client, agency, "nomad", nomad, "nomad@nowhere.test", Role(role), None)
        for agency in (world.a, world.b):
            add_teams(client, agency)
            add_invitations(client, agency)
            add_keys(client, superuser, agency)
            for name, status in (("suspended", "suspended"), ("removed", "removed")):
                run(
                    client,
                    agency.members["owner"].claims(),
                    "update tenancy.memberships set status = %s where id = %s returning id",
                    status,
                    agency.members[name].membership_id,
                )
            add_records(superuser, agency)
        add_evidence(superuser, world)
        refresh(world, superuser)
    return world


def add_contacts(superuser: Connection, agency: Agency) -> None:
    """Insert the people behind the clients, before these are invited."""
    for name, contact in CONTACTS.items():
        superuser.execute(
            "insert into crm.contacts (agency_id, id, full_name) values (%s, %s, %s)",
            [agency.id, contact, name],
        )


def add_records(superuser: Connection, agency: Agency) -> None:
    """Insert what the agency works with."""
    records.Records(
        superuser,
        agency.id,
        {name: member.membership_id for name, member in agency.members.items()},
        {name: team for name, team in agency.teams.items() if name != "Old"},
        CONTACTS,
    ).write()


def add_evidence(superuser: Connection, world: World) -> None:
    """Seal what was recorded, and note a retired month and a verification that never were."""
    superuser.execute("select audit.seal()")
    for agency in (world.a, world.b):
        superuser.execute(
            """
            insert into audit.retired (
                agency_id, month, row_count, first_seal, last_seal, head_hash, export_rows,
                export_sha256, retired_by
            )
            values (%s, '2020-01-01', 1, 1, 1, sha256('head'), 1, sha256('file'), 'postgres')
            """,
            [agency.id],
        )
        superuser.execute(
            "insert into audit.verifications (agency_id, problems) values (%s, 0)", [agency.id]
        )


def refresh(world: World, superuser: Connection) -> None:
    """Read every row of every table, past row-level security."""
    world.rows = {table: superuser.execute(f"select * from {table}").fetchall() for table in TABLES}
    world.rows["audit.log"].sort(key=lambda row: row["seq"])


def refresh_trail(world: World, superuser: Connection) -> None:
    """Read what was added to the trail: it grows with every change that is committed."""
    known = world.rows["audit.log"]
    known += superuser.execute(
        "select agency_id, id, seq from audit.log where seq > %s order by seq", [known[-1]["seq"]]
    ).fetchall()


def run(client: Connection, claims: Claims, statement: str, *parameters: Any) -> Any:
    """Run and commit one statement of one row as a client; answer its first column."""
    with acting(client, claims, keep=True):
        cursor = client.execute(statement, parameters)
        (row,) = cursor.fetchall()
    return next(iter(row.values()))


def add_user(client: Connection, email: str | None, kind: str = "person") -> UUID:
    """Insert a user, and the login of a second issuer for it (as `service_role`)."""
    cursor = client.execute(
        "insert into tenancy.users (email, kind) values (%s, %s) returning id",
        [email, kind],
    )
    user_id: UUID = cursor.fetchall()[0]["id"]
    client.execute(
        "insert into tenancy.user_identities (user_id, issuer, subject) values (%s, %s, %s)",
        [user_id, FOREIGN_ISSUER, f"kratos|{user_id}"],
    )
    return user_id


def found_agency(client: Connection, superuser: Connection, slug: str) -> Agency:
    """Create an agency with its first owner, and let everybody in.

    The member may import; the agent reaches as far as its team.
    """
    users: dict[str, UUID] = {}
    with acting(client, None, "service_role", keep=True):
        for name in PEOPLE:
            users[name] = add_user(client, f"{name}@{slug}.test")
        users["agent"] = add_user(client, None, "agent")
        users["agent2"] = add_user(client, None, "agent")
        users["spare"] = add_user(client, None, "agent")
        cursor = client.execute(
            "select app.create_agency('Garden', %s, %s, 'owner') as id", [slug, users["owner"]]
        )
        agency = Agency(id=cursor.fetchall()[0]["id"], spare_agent=users["spare"])
        cursor = client.execute(
            "select id from tenancy.memberships where agency_id = %s", [agency.id]
        )
        agency.members["owner"] = Member(
            "owner", users["owner"], cursor.fetchall()[0]["id"], agency.id, Role.OWNER
        )
    add_contacts(superuser, agency)
    owner = agency.members["owner"]
    for name, (role, scope) in list(PEOPLE.items())[1:]:
        enter(
            client,
            agency,
            name,
            users[name],
            f"{name}@{slug}.test",
            # nobody is invited as an owner: an owner makes one of an admin
            Role.ADMIN if role is Role.OWNER else role,
            scope,
        )
        if role is Role.OWNER:
            member = agency.members[name]
            run(
                client,
                owner.claims(),
                "update tenancy.memberships set role = 'owner' where id = %s returning id",
                member.membership_id,
            )
            agency.members[name] = Member(
                name, member.user_id, member.membership_id, agency.id, Role.OWNER
            )
    for name in ("agent", "agent2"):
        membership_id = run(
            client,
            owner.claims(),
            "insert into tenancy.memberships (user_id, role, record_scope, display_name)"
            " values (%s, 'ai_agent', 'team', %s) returning id",
            users[name],
            name,
        )
        agency.members[name] = Member(name, users[name], membership_id, agency.id, Role.AI_AGENT)
    run(
        client,
        owner.claims(),
        "update tenancy.memberships set capabilities = '{import}' where id = %s returning id",
        agency.members["member"].membership_id,
    )
    return agency


def enter(
    client: Connection,
    agency: Agency,
    name: str,
    user_id: UUID,
    email: str,
    role: Role,
    scope: str | None,
) -> None:
    """Let a person into an agency: the owner invites, the person accepts."""
    token = run(
        client,
        agency.members["owner"].claims(),
        "select app.invite(%s, %s, %s, contact_id => %s)",
        email,
        role.value,
        scope,
        CONTACTS.get(name),
    )
    run(client, user_claims(user_id), "select app.accept_invitation(%s)", token)
    membership_id = run(
        client,
        user_claims(user_id, agency_id=str(agency.id)),
        "select app.membership_id()",
    )
    agency.members[name] = Member(name, user_id, membership_id, agency.id, role)


def add_teams(client: Connection, agency: Agency) -> None:
    """Add teams that the managers lead or do not, one below another, and one in the trash."""
    owner = agency.members["owner"].claims()
    for name, parent in (
        ("North", None),
        ("South", None),
        ("North-east", "North"),
        ("Old", None),
    ):
        agency.teams[name] = run(
            client,
            owner,
            "insert into tenancy.teams (name, parent_team_id) values (%s, %s) returning id",
            name,
            agency.teams[parent] if parent else None,
        )
    for team, name, is_lead in (
        ("North", "manager", True),
        ("North", "member", False),
        ("North", "agent", False),
        ("North-east", "manager", False),
        ("South", "manager2", True),
        ("South", "member2", True),
        ("Old", "manager", True),
        ("Old", "member2", False),
    ):
        run(
            client,
            owner,
            "insert into tenancy.team_members (team_id, membership_id, is_lead)"
            " values (%s, %s, %s) returning id",
            agency.teams[team],
            agency.members[name].membership_id,
            is_lead,
        )
    run(
        client,
        owner,
        "update tenancy.teams set deleted_at = now() where id = %s returning id",
        agency.teams["Old"],
    )


def add_invitations(client: Connection, agency: Agency) -> None:
    """Add invitations of several members; those of `enter` are accepted by now."""
    for inviter, address, role, team, contact in (
        ("owner", "next-admin", "admin", None, None),
        ("owner", "next-client", "client", None, CONTACTS["invited"]),
        ("owner", "regretted", "viewer", None, None),
        ("admin", "next-viewer", "viewer", None, None),
        ("manager", "next-member", "member", "North", None),
        ("manager2", "other-member", "member", None, None),
    ):
        run(
            client,
            agency.members[inviter].claims(),
            "select app.invite(%s, %s, team_id => %s, contact_id => %s)",
            f"{address}@both.test",
            role,
            agency.teams[team] if team else None,
            contact,
        )
        agency.invitations[address] = run(
            client,
            agency.members[inviter].claims(),
            "select id from tenancy.invitations where email = %s",
            f"{address}@both.test",
        )
    run(
        client,
        agency.members["owner"].claims(),
        "update tenancy.invitations set revoked_at = now() where id = %s returning id",
        agency.invitations["regretted"],
    )


def add_keys(client: Connection, superuser: Connection, agency: Agency) -> None:
    """Add API keys: some by the function, one revoked, and three for each role.

    A key of a member or viewer cannot be made by the function, so the last are inserted by the role
    that owns it. That a key never does more than its membership must hold however it came about.
    """
    for maker, actor in (("owner", "owner"), ("admin", "admin"), ("admin", "agent")):
        run(
            client,
            agency.members[maker].claims(),
            "select app.create_api_key(%s, acts_as_id => %s)",
            f"{actor} by {maker}",
            agency.members[actor].membership_id,
        )
    run(
        client,
        agency.members["admin"].claims(),
        "update tenancy.api_keys set revoked_at = now() where name = 'admin by admin' returning id",
    )
    with superuser.transaction():
        superuser.execute("set local role gardenos_tenancy_writer")
        for role, name in SUBJECTS.items():
            for kind in KEYS:
                cursor = superuser.execute(
                    "insert into tenancy.api_keys (agency_id, name, prefix, acts_as_id)"
                    " values (%s, %s, %s, %s) returning id",
                    [
                        agency.id,
                        f"{role} {kind}",
                        f"{role} {kind}",
                        agency.members[name].membership_id,
                    ],
                )
                agency.keys[role, kind] = cursor.fetchall()[0]["id"]
