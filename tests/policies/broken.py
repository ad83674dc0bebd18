"""A database broken on purpose, and the cell of the matrix that must fail because of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.database import Database
from tests.policies.access import Connection, acting
from tests.policies.cells import Cells
from tests.policies.matrix import Command, Matrix, Role
from tests.policies.world import SUBJECTS, World

POLICIES = Path(__file__).parents[2] / "policies"


@dataclass(frozen=True)
class Broken:
    """A change, and the cell that must fail because of it.

    Attributes:
        change: the SQL, run as superuser.
        cell: table, role and command.
        agent: an agent acts for the member.
        scopes: of the key that the member comes with; without any, no key.
        record_scope: of the membership, instead of what it has.
    """

    change: str
    cell: tuple[str, Role, Command]
    agent: bool = False
    scopes: tuple[str, ...] = ()
    record_scope: str = ""


def policy(table: str, name: str, old: str, new: str) -> str:
    """SQL that makes a policy as its file has it, but for one piece of text.

    Raises:
        AssertionError: the file has no such policy, or the policy no such text.
    """
    statements = (POLICIES / f"{table}.sql").read_text(encoding="utf-8").split(";\n")
    (text,) = (
        statement for statement in statements if f'create policy "{name}"\non {table}' in statement
    )
    assert old in text, f'"{name}" on {table} does not say: {old}'
    return f'drop policy "{name}" on {table}; {text.replace(old, new)};'


def function(name: str, old: str, new: str) -> str:
    """SQL that makes a function as its file has it, but for one piece of text.

    Raises:
        AssertionError: the file has no such text.
    """
    file = POLICIES.parent / "sql" / "functions" / f"{name}.sql"
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{name} does not say: {old}"
    return text.replace(old, new)


@contextmanager
def broken_function(database: Database, name: str, old: str, new: str) -> Iterator[None]:
    """The database with one piece of a function changed, for everybody, until the block ends.

    Raises:
        AssertionError: the file has no such text.
    """
    with database.connect() as superuser:
        superuser.execute(function(name, old, new).encode())
    try:
        yield
    finally:
        with database.connect() as superuser:
            superuser.execute(function(name, old, old).encode())


def assert_noticed(superuser: Connection, world: World, broken: Broken) -> None:
    """The cell passes, the change is made, the cell fails. `set role` is what RLS looks at."""
    with superuser.transaction(force_rollback=True):
        _execute(superuser, world, broken)
    with superuser.transaction(force_rollback=True):
        superuser.execute(broken.change.encode())
        with pytest.raises(AssertionError):
            _execute(superuser, world, broken)


def _execute(connection: Connection, world: World, broken: Broken) -> None:
    """Run the cell on this connection, in its present transaction."""
    table, role, command = broken.cell
    member, me = world.a.members[SUBJECTS[role]], world.me(world.a, SUBJECTS[role])
    claims = dict(member.claims())
    if broken.agent:
        claims["act"] = {"user_id": str(world.a.members["agent"].user_id)}
        me = world.through_agent(world.a, SUBJECTS[role])
    if broken.record_scope:
        connection.execute("set local role service_role")
        connection.execute(
            "update tenancy.memberships set record_scope = %s where id = %s",
            [broken.record_scope, me.membership_id],
        )
        connection.execute("reset role")
        me = replace(me, record_scope=broken.record_scope)
    if broken.scopes:
        key = world.a.keys[role, "narrowed"]
        connection.execute("set local role service_role")
        connection.execute(
            "update tenancy.api_keys set scopes = %s where id = %s", [list(broken.scopes), key]
        )
        connection.execute("reset role")
        claims["api_key_id"] = str(key)
        me = me.with_key(key, *broken.scopes)
    with acting(connection, claims):
        Cells(connection, world, Matrix(), me).check(table, command)
