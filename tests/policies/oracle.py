"""What given claims should show, decided in Python from the rules and the facts of the town.

Sources: architecture, section 5 (claims), and the permission matrix, section 8 of the schema. This
is a second opinion: it shares no code and no data with the functions that it judges.
"""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.policies.town import (
    AGENCIES,
    API_KEYS,
    IDENTITIES,
    ISSUERS,
    MEMBERSHIPS,
    TEAMS,
    USERS,
    ApiKey,
    Membership,
    User,
)

LONGEST = 8192
CANONICAL = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
STAFF = {"owner", "admin", "manager", "member", "viewer"}

_USERS = {user.id: user for user in USERS.values()}
_AGENCIES = {agency.id: agency for agency in AGENCIES.values()}


@dataclass(frozen=True)
class Sight:
    """What somebody sees of the town."""

    user: UUID | None = None
    agency: UUID | None = None
    memberships: frozenset[UUID] = frozenset()
    agencies: frozenset[UUID] = frozenset()
    users: frozenset[UUID] = frozenset()
    teams: int = 0
    api_keys: frozenset[UUID] = frozenset()


NOTHING = Sight()

QUERY = """
select
    app.user_id(),
    app.agency_id(),
    (select array_agg(m.id) from tenancy.memberships as m),
    (select array_agg(distinct m.agency_id) from tenancy.memberships as m),
    (select array_agg(a.id) from tenancy.agencies as a),
    (select array_agg(u.id) from tenancy.users as u),
    (select count(*) from tenancy.teams),
    (select array_agg(k.id) from tenancy.api_keys as k)
"""


def seen(row: tuple[Any, ...]) -> Sight:
    """The answer of `QUERY`; a row of another agency than app.agency_id() is an error."""
    user, agency, memberships, their_agencies, agencies, users, teams, api_keys = row
    assert set(their_agencies or ()) <= {agency}
    return Sight(
        user=user,
        agency=agency,
        memberships=frozenset(memberships or ()),
        agencies=frozenset(agencies or ()),
        users=frozenset(users or ()),
        teams=teams,
        api_keys=frozenset(api_keys or ()),
    )


class _NotJson(Exception):
    """Not a JSON text that jsonb can hold."""


def _number(text: str) -> str:
    """Refuse what numeric cannot hold: 131072 digits before the point, 16383 after it."""
    if abs(int(text.lower().partition("e")[2] or "0")) > 1_000_000_000:
        raise _NotJson
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    if -exponent > 16383 or (value != 0 and value.adjusted() > 131071):
        raise _NotJson
    return text


def _string(value: object) -> None:
    if isinstance(value, str) and any(
        char == "\0" or "\ud800" <= char <= "\udfff" for char in value
    ):
        raise _NotJson


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, value in pairs:
        _string(key)
        _strings(value)
    return dict(pairs)


def _strings(value: object) -> None:
    """Check strings outside of objects; `_object` has checked those within."""
    _string(value)
    if isinstance(value, list):
        for item in value:
            _strings(item)


def _refuse(_: str) -> None:
    raise _NotJson


class _Number(str):
    """A number, told apart from a string."""


def read(text: str) -> dict[str, Any] | None:
    """The JSON object in this text, as jsonb would have it; None for anything else."""
    if not text or len(text.encode()) > LONGEST:
        return None
    try:
        value = json.loads(
            text,
            parse_constant=_refuse,
            parse_int=lambda digits: _Number(_number(digits)),
            parse_float=lambda digits: _Number(_number(digits)),
            object_pairs_hook=_object,
        )
        _strings(value)
    except (ValueError, _NotJson):
        return None
    return value if isinstance(value, dict) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and not isinstance(value, _Number) else None


def _uuid(value: object) -> UUID | None:
    text = _text(value)
    return UUID(text) if text is not None and CANONICAL.fullmatch(text) else None


def _named_user(claims: dict[str, Any]) -> User | None:
    """The user that these claims name, believed or looked up; alive or not."""
    issuer = _text(claims.get("iss"))
    if issuer not in ISSUERS:
        return None
    _, may_assert, active = ISSUERS[issuer]
    if not active:
        return None
    if may_assert and "user_id" in claims:
        claimed = _uuid(claims["user_id"])
        return _USERS.get(claimed) if claimed is not None else None
    subject = _text(claims.get("sub"))
    if subject is None:
        return None
    name = IDENTITIES.get((issuer, subject))
    return USERS[name] if name is not None else None


def _membership(user: User, agency: UUID | None) -> Membership | None:
    """The active membership of this user in this agency, if it is live."""
    found = _AGENCIES.get(agency) if agency is not None else None
    if found is None or not found.live:
        return None
    membership = MEMBERSHIPS.get((found.name, user.name))
    return membership if membership is not None and membership.status == "active" else None


def _agent(claims: dict[str, Any], agency: UUID | None) -> bool:
    """Whether the claim `act` names a live agent of this agency."""
    act = claims["act"]
    if not isinstance(act, dict):
        return False
    agent = _named_user({"iss": claims.get("iss"), **act})
    if agent is None or agent.kind != "agent" or agent.status != "active":
        return False
    membership = _membership(agent, agency)
    return membership is not None and membership.role == "ai_agent"


def _api_key(claims: dict[str, Any], membership: Membership | None) -> ApiKey | None:
    claimed = _uuid(claims["api_key_id"])
    for key in API_KEYS.values():
        if (
            key.id == claimed
            and key.state == "live"
            and membership is not None
            and (key.agency, key.user) == (membership.agency, membership.user)
        ):
            return key
    return None


def expected(text: str) -> Sight:
    """What a session with this text in `request.jwt.claims` must see, no more and no less."""
    claims = read(text)
    user = _named_user(claims) if claims is not None else None
    if claims is None or user is None or user.status != "active":
        return NOTHING
    membership = _membership(user, _uuid(claims.get("agency_id")))
    agency = AGENCIES[membership.agency] if membership is not None else None

    by_agent = "act" in claims
    if by_agent and not _agent(claims, agency.id if agency is not None else None):
        return NOTHING
    scopes: tuple[str, ...] = ()
    if "api_key_id" in claims:
        key = _api_key(claims, membership)
        if key is None:
            return NOTHING
        scopes = key.scopes

    role = membership.role if membership is not None else None

    def may(table: str, roles: set[str]) -> bool:
        in_scope = not scopes or f"tenancy.{table}:select" in scopes
        return role in roles and in_scope and (not by_agent or "ai_agent" in roles)

    everyone = STAFF | {"ai_agent"}
    colleagues = frozenset(
        m.id for m in MEMBERSHIPS.values() if agency is not None and m.agency == agency.name
    )
    mine = frozenset([membership.id]) if membership is not None else frozenset[UUID]()
    in_person = user.kind == "person" and not by_agent
    return Sight(
        user=user.id,
        agency=agency.id if agency is not None else None,
        memberships=(
            colleagues
            if may("memberships", everyone)
            else mine
            if may("memberships", {"client", "ai_agent"})
            else frozenset()
        ),
        agencies=(
            frozenset([agency.id])
            if agency is not None and may("agencies", everyone)
            else frozenset()
        ),
        users=(
            frozenset([user.id])
            if in_person and (not scopes or "tenancy.users:select" in scopes)
            else frozenset()
        ),
        teams=(
            sum(1 for where, _, _ in TEAMS.values() if agency is not None and where == agency.name)
            if may("teams", everyone)
            else 0
        ),
        api_keys=(
            frozenset(
                k.id for k in API_KEYS.values() if agency is not None and k.agency == agency.name
            )
            if may("api_keys", {"owner", "admin"})
            else frozenset()
        ),
    )
