"""An agency and who is in it: people, agents, teams, invitations, keys."""

from datetime import timedelta
from hashlib import sha256
from random import Random

from tests.seed import ids
from tests.seed.draft import Draft, Member
from tests.seed.words import plain, words

ISSUER = "https://auth.seed.example"

# One more member for so many rows, up to so many.
ROWS_PER_MEMBER = 700
MOST_MORE_MEMBERS = 46
ROWS_PER_CLIENT = 8000
MOST_CLIENTS = 12

# role, record_scope, capabilities, status
STAFF: tuple[tuple[str, str, list[str], str], ...] = (
    ("owner", "all", [], "active"),
    ("admin", "all", [], "active"),
    ("manager", "team", ["import", "merge"], "active"),
    ("manager", "all", ["export"], "active"),
    ("member", "own", ["import"], "active"),
    ("member", "team", [], "active"),
    ("member", "all", [], "active"),
    ("viewer", "own", [], "active"),
    ("viewer", "all", ["export"], "active"),
    ("ai_agent", "own", [], "active"),
    ("ai_agent", "team", [], "active"),
    ("member", "own", [], "suspended"),
    ("admin", "all", [], "removed"),
)
MORE: tuple[tuple[str, str, list[str], str], ...] = (
    ("member", "own", [], "active"),
    ("member", "team", [], "active"),
    ("member", "own", ["import"], "active"),
    ("viewer", "team", [], "active"),
    ("manager", "team", [], "active"),
)
# name, the one above, deleted
TEAMS = (
    ("Sales", None, False),
    ("Support", None, False),
    ("Sales North", "Sales", False),
    ("Sales North-East", "Sales North", False),
    ("Ventes à l’étranger", "Sales", False),
    ("שיווק", None, False),
    ("Old guard", None, True),
)


def found(draft: Draft) -> None:
    """The agency itself, its teams, staff and agents."""
    home = draft.words()
    draft.load.add(
        "tenancy.agencies",
        id=draft.id,
        slug=draft.slug,
        name=draft.rng.choice(home.companies),
        plan=("scale", "team", "free")[min(draft.number, 2)],
        default_currency=draft.currency,
        timezone=draft.places[0].timezone,
        locale=draft.places[0].locale,
        settings={"week_starts": draft.rng.choice(["monday", "sunday", "saturday"])},
    )
    teams: dict[str, str] = {}
    for name, above, deleted in TEAMS:
        teams[name] = draft.new_id()
        draft.load.add(
            "tenancy.teams",
            agency_id=draft.id,
            id=teams[name],
            name=name,
            description=None if above else f"{name}: {home.text(draft.rng, 1)}"[:1000],
            parent_team_id=teams[above] if above else None,
            deleted_at=draft.instant() if deleted else None,
        )
    draft.teams = [teams[name] for name, _, deleted in TEAMS if not deleted]
    _hire(draft)
    _put_into_teams(draft, teams["Old guard"])


def _hire(draft: Draft) -> None:
    more = min(draft.rows // ROWS_PER_MEMBER, MOST_MORE_MEMBERS)
    people = [*STAFF, *(MORE[number % len(MORE)] for number in range(more))]
    memberships = []
    for role, scope, capabilities, status in people:
        team = draft.rng.choice(draft.teams) if role in ("manager", "member", "viewer") else None
        name, user = _add_user(draft, "agent" if role == "ai_agent" else "person")
        memberships.append((user, name, role, scope, capabilities, status, team))
    freelancer = _freelancer(draft)
    memberships.append((*freelancer, "viewer", "own", [], "active", draft.teams[0]))
    for user, name, role, scope, capabilities, status, team in memberships:
        draft.members.append(Member(draft.new_id(), user, role, name, team))
        draft.load.add(
            "tenancy.memberships",
            agency_id=draft.id,
            id=draft.members[-1].id,
            user_id=user,
            role=role,
            record_scope=scope,
            capabilities=capabilities,
            status=status,
            display_name=name,
            job_title=None if role == "ai_agent" else draft.rng.choice(draft.words().jobs),
            default_team_id=team,
            contact_id=None,
        )


def _add_user(draft: Draft, kind: str) -> tuple[str, str]:
    """A login; its name and its id."""
    said = draft.words()
    first, last = said.name(draft.rng)
    name = f"Agent {first}" if kind == "agent" else said.full_name(first, last)
    number = draft.new_number()
    user = draft.new_id()
    draft.load.add(
        "tenancy.users",
        id=user,
        kind=kind,
        email=None
        if kind == "agent"
        else f"{plain(first) or 'user'}.{number}@{draft.slug}.example",
        full_name=name,
        locale=said.place.locale,
        timezone=said.place.timezone,
    )
    return name, user


def _freelancer(draft: Draft) -> tuple[str, str]:
    """One person who is in every agency of the run: user id and name."""
    rng = Random(f"{draft.random}/freelancer")
    user = ids.uuid_v7(ids.BEGIN, rng)
    said = words(draft.places[0], draft.random)
    name = said.full_name("Noor", "Çelik-Åberg")
    draft.load.add(
        "tenancy.users",
        id=user,
        kind="person",
        email=f"noor@seed-{draft.random}.example",
        full_name="Noor Çelik-Åberg",
        locale="en",
        timezone="UTC",
    )
    return user, name


def _put_into_teams(draft: Draft, deleted: str) -> None:
    taken = set()
    leads = iter(draft.teams)
    for member in draft.members:
        wanted = [member.team] if member.team else []
        if member.role == "manager":
            wanted = [next(leads, draft.teams[0]), *wanted]
        if draft.chance(25):
            wanted.append(draft.rng.choice([*draft.teams, deleted]))
        for team in wanted:
            if (team, member.id) not in taken:
                taken.add((team, member.id))
                draft.load.add(
                    "tenancy.team_members",
                    agency_id=draft.id,
                    id=draft.new_id(),
                    team_id=team,
                    membership_id=member.id,
                    is_lead=member.role == "manager" and team == wanted[0],
                )


def let_clients_in(draft: Draft) -> None:
    """Members for contacts who may look into the portal."""
    people = [_add_user(draft, "person") for _ in draft.clients]
    for contact, (name, user) in zip(draft.clients, people, strict=True):
        draft.members.append(Member(draft.new_id(), user, "client", name, None))
        draft.load.add(
            "tenancy.memberships",
            agency_id=draft.id,
            id=draft.members[-1].id,
            user_id=user,
            role="client",
            record_scope="own",
            capabilities=[],
            status="active",
            display_name=name,
            job_title=None,
            default_team_id=None,
            contact_id=contact,
        )


def client_count(rows: int) -> int:
    """How many contacts of an agency may look into the portal."""
    return 2 + min(rows // ROWS_PER_CLIENT, MOST_CLIENTS - 2)


def invite(draft: Draft) -> None:
    """How its people came in, who has not come yet, and the keys of machines."""
    owner = draft.members[0]
    for member in draft.members:
        if member.role != "ai_agent":
            draft.load.add(
                "tenancy.user_identities",
                id=draft.new_id(),
                user_id=member.user_id,
                issuer=ISSUER,
                subject=f"{draft.slug}|{member.user_id}",
                provider="email",
            )
    invitations: list[tuple[str, str | None, str | None, bool]] = []
    for member in draft.members[1:]:
        if member.role not in ("owner", "ai_agent"):
            contact = None
            if member.role == "client":
                clients = [one for one in draft.members if one.role == "client"]
                contact = draft.clients[clients.index(member)]
            invitations.append((member.role, contact, member.id, False))
    invitations += [("admin", None, None, False), ("member", None, None, False)]
    invitations += [("viewer", None, None, True), ("client", draft.contacts[-1], None, False)]
    secrets = []
    for role, contact, accepted_by, revoked in invitations:
        at = draft.instant()
        invitation = draft.new_id()
        secrets.append(invitation)
        inviter = draft.member("owner", "admin", "manager") if role == "member" else owner
        draft.load.add(
            "tenancy.invitations",
            agency_id=draft.id,
            id=invitation,
            email=f"invited.{draft.new_number()}@{draft.slug}.example",
            role=role,
            record_scope="all" if role == "admin" else "own" if role != "manager" else "team",
            team_id=draft.rng.choice(draft.teams) if role == "member" else None,
            contact_id=contact,
            invited_by_id=inviter.id,
            expires_at=at + timedelta(days=3650),
            accepted_at=draft.after(at, 7) if accepted_by else None,
            revoked_at=draft.after(at, 7) if revoked else None,
            accepted_by_id=accepted_by,
        )
    for invitation in secrets:
        draft.load.add(
            "tenancy.invitation_secrets",
            agency_id=draft.id,
            id=draft.new_id(),
            invitation_id=invitation,
            token_hash=sha256(draft.rng.randbytes(32)).digest(),
        )
    _make_keys(draft)


def _make_keys(draft: Draft) -> None:
    keys = []
    for name, actor, scopes, revoked in (
        ("reports", draft.members[0], ["crm.deals:select"], False),
        ("everything", draft.members[1], [], False),
        ("robot", draft.member("ai_agent"), [], False),
        ("leaked", draft.members[1], [], True),
    ):
        keys.append(draft.new_id())
        draft.load.add(
            "tenancy.api_keys",
            agency_id=draft.id,
            id=keys[-1],
            name=name,
            prefix=f"{draft.rng.getrandbits(48):012x}",
            scopes=scopes,
            acts_as_id=actor.id,
            revoked_at=draft.instant() if revoked else None,
        )
    for key in keys:
        draft.load.add(
            "tenancy.api_key_secrets",
            agency_id=draft.id,
            id=draft.new_id(),
            api_key_id=key,
            key_hash=sha256(draft.rng.randbytes(32)).digest(),
        )
