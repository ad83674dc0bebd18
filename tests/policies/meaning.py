"""What the words of the matrix mean, as predicates over plain rows.

Written from the words of the specification (schema.md, sections 4.1 and 8), never from `policies/`:
a policy that is wrong must disagree with this file.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

from tests.policies.access import Row
from tests.policies.matrix import Command, Matrix, Role, Scope

RANK = {
    Role.OWNER: 6,
    Role.ADMIN: 5,
    Role.MANAGER: 4,
    Role.MEMBER: 3,
    Role.VIEWER: 2,
    Role.CLIENT: 1,
}


@dataclass(frozen=True)
class Me:
    """Who acts: a live member, perhaps through an agent, perhaps with an API key.

    Attributes:
        leads: the teams that I lead; a deleted team is led by nobody.
        agent: an agent acts for me (claim `act`).
        key: the API key that I come with.
        scopes: what the key is limited to, as `schema.table:command`; None: to nothing less.
    """

    user_id: UUID
    membership_id: UUID
    agency_id: UUID
    role: Role
    leads: frozenset[UUID]
    agent: bool = False
    key: UUID | None = None
    scopes: frozenset[str] | None = None

    def through_agent(self) -> "Me":
        """The same person, for whom an agent acts."""
        return replace(self, agent=True)

    def with_key(self, key: UUID, *scopes: str) -> "Me":
        """The same member, by an API key; no scopes: all that the membership may."""
        return replace(self, key=key, scopes=frozenset(scopes) or None)

    def outranked_by(self, role: str) -> bool:
        """Whether this role is above mine; an agent is for owners and admins only (7.3)."""
        if role == Role.AI_AGENT:
            return self.role not in (Role.OWNER, Role.ADMIN)
        return self.role is Role.AI_AGENT or RANK[Role(role)] > RANK[self.role]


def in_agency(table: str, row: Row, me: Me) -> bool:
    """The row is my agency's; of `agencies`, it is my agency."""
    return bool(row["id" if table == "tenancy.agencies" else "agency_id"] == me.agency_id)


SELF: dict[str, Callable[[Row, Me], bool]] = {
    "tenancy.users": lambda row, me: row["id"] == me.user_id,
    "tenancy.user_identities": lambda row, me: row["user_id"] == me.user_id,
    "tenancy.memberships": lambda row, me: (
        row["agency_id"] == me.agency_id and row["id"] == me.membership_id
    ),
}
OWN: dict[str, Callable[[Row, Me], bool]] = {
    "tenancy.teams": lambda row, me: row["agency_id"] == me.agency_id and row["id"] in me.leads,
    "tenancy.team_members": lambda row, me: (
        row["agency_id"] == me.agency_id and row["team_id"] in me.leads
    ),
    "tenancy.invitations": lambda row, me: (
        row["agency_id"] == me.agency_id and row["invited_by_id"] == me.membership_id
    ),
}


def reaches(scope: Scope, table: str, row: Row, me: Me) -> bool:
    """Whether a word of the matrix reaches this row.

    Raises:
        ValueError: the word has no meaning for this table yet; a new table states it here.
    """
    match scope:
        case Scope.NONE:
            return False
        case Scope.AGENCY:
            return in_agency(table, row, me)
        case Scope.SELF if table in SELF:
            return SELF[table](row, me)
        case Scope.OWN if table in OWN:
            return OWN[table](row, me)
    raise ValueError(f"Say in meaning.py what {scope!r} means on {table}.")


def may(matrix: Matrix, table: str, command: Command, row: Row, me: Me) -> bool:
    """Whether I may do this to this row.

    An agent that acts for me needs its own cell too, with me = the user (8.2). A key needs the
    command among its scopes; a soft delete is an update.
    """
    if me.scopes is not None:
        needed = Command.UPDATE if command is Command.SOFT_DELETE else command
        if f"{table}:{needed}" not in me.scopes:
            return False
    roles = (me.role, Role.AI_AGENT) if me.agent else (me.role,)
    return all(reaches(matrix.scope(table, role, command), table, row, me) for role in roles)


def sees(matrix: Matrix, table: str, row: Row, me: Me) -> bool:
    """Whether I can read the row: a deleted one only within my soft_delete scope (2.4)."""
    return may(matrix, table, Command.SELECT, row, me) and (
        row.get("deleted_at") is None or may(matrix, table, Command.SOFT_DELETE, row, me)
    )
