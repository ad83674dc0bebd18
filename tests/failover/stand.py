"""The stage of the failover suite: agencies with their people, and a ledger for acknowledged keys.

Everything is made once in a database at head, and found again by its names afterwards. People get
in as they do in real life: by `app.create_agency`, `app.invite` and `app.accept_invitation`.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from tests.failover.reach import Reach, connect, wait_for_leader, wait_for_replay

ISSUER = "https://chaos.example"
AGENCIES = 8

Claims = dict[str, str]

# Outside of the schemas that the migrations manage: the suite's own, without row-level security.
SCHEMA = """
create schema if not exists chaos;
create table if not exists chaos.ledger (
    key uuid primary key,
    id bigint generated always as identity,
    agency_id uuid not null,
    written_at timestamptz not null default clock_timestamp()
);
create unlogged table if not exists chaos.scratch (
    key uuid primary key,
    written_at timestamptz not null default clock_timestamp()
);
grant usage on schema chaos to authenticated;
grant select, insert on chaos.ledger, chaos.scratch to authenticated;
"""


@dataclass(frozen=True)
class Agency:
    """One agency and its people: an owner, a manager, and a member who was removed again."""

    id: UUID
    owner: UUID
    member: UUID
    revoked: UUID

    def claims(self, user: UUID) -> Claims:
        """The claims of a good token of this person; for the removed one it is still valid."""
        return {**_person(user), "agency_id": str(self.id)}


@dataclass(frozen=True)
class Stage:
    """The agencies that the witnesses act in."""

    agencies: tuple[Agency, ...]


def set_stage(reach: Reach, agencies: int = AGENCIES, *, replay_seconds: float = 60) -> Stage:
    """Make what is missing; return when every node has replayed it.

    Args:
        reach: a healthy cluster; its database `gardenos` is at head.
        agencies: how many; two at least.
        replay_seconds: how long a node may take to replay.

    Raises:
        TimeoutError: there is no leader, or a node does not replay.
    """
    wait_for_leader(reach)
    with connect(reach, "postgres", autocommit=True) as connection:
        connection.execute(SCHEMA)
        with connection.transaction():
            become(connection, "service_role")
            connection.execute(
                "insert into tenancy.issuers (issuer, kind, may_assert_user_id)"
                " values (%s, 'gotrue', true) on conflict do nothing",
                (ISSUER,),
            )
        found = tuple(_agency(connection, f"chaos-{number}") for number in range(1, agencies + 1))
    wait_for_replay(reach, replay_seconds)
    return Stage(found)


def _agency(connection: Connection[Any], slug: str) -> Agency:
    """Find or found one agency."""
    with connection.transaction():
        become(connection, "service_role")
        owner, member, revoked = (
            _user(connection, f"{name}@{slug}.example") for name in ("owner", "member", "revoked")
        )
        agency_id = _value(connection, "select id from tenancy.agencies where slug = %s", slug)
        if agency_id is None:
            agency_id = _value(
                connection,
                "select app.create_agency(%s, %s, %s, 'Owner')",
                slug.title(),
                slug,
                owner,
            )
        agency = Agency(agency_id, owner, member, revoked)
    for name, user in (("member", member), ("revoked", revoked)):
        _let_in(connection, agency, user, f"{name}@{slug}.example")
    _remove(connection, agency)
    return agency


def _user(connection: Connection[Any], email: str) -> UUID:
    found = _value(connection, "select id from tenancy.users where email = %s", email)
    if found is None:
        found = _value(
            connection, "insert into tenancy.users (email) values (%s) returning id", email
        )
    assert isinstance(found, UUID)
    return found


def _let_in(connection: Connection[Any], agency: Agency, user: UUID, email: str) -> None:
    """Make somebody a manager of the agency, unless they are or were: invited, and accepted."""
    with connection.transaction():
        become(connection, "service_role")
        known = _value(
            connection,
            "select id from tenancy.memberships where agency_id = %s and user_id = %s",
            agency.id,
            user,
        )
        if known is not None:
            return
        become(connection, "authenticated", agency.claims(agency.owner))
        token = _value(connection, "select app.invite(%s, 'manager', 'all')", email)
        become(connection, "authenticated", _person(user))
        connection.execute("select app.accept_invitation(%s)", (token,))


def _remove(connection: Connection[Any], agency: Agency) -> None:
    with connection.transaction():
        become(connection, "authenticated", agency.claims(agency.owner))
        connection.execute(
            "update tenancy.memberships set status = 'removed'"
            " where user_id = %s and status <> 'removed'",
            (agency.revoked,),
        )


def _person(user: UUID) -> Claims:
    return {"role": "authenticated", "iss": ISSUER, "sub": str(user), "user_id": str(user)}


def become(connection: Connection[Any], role: str, claims: Claims | str | None = None) -> None:
    """Take a role and claims for the rest of the transaction.

    Args:
        connection: within a transaction, or outside of autocommit.
        role: the database role.
        claims: a text is set as it stands; None sets nothing.
    """
    if claims is None:
        connection.execute("select set_config('role', %s, true)", (role,))
        return
    text = claims if isinstance(claims, str) else json.dumps(claims)
    connection.execute(
        "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
        (role, text),
    )


def _value(connection: Connection[Any], query: str, *arguments: Any) -> Any:
    row = connection.execute(query.encode(), arguments).fetchone()
    return None if row is None else row[0]
