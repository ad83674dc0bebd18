"""Statements as an API client runs them: a service login, `set local role`, claims, and a rollback.

Never a superuser and never the owner of a table: row-level security would not be what is tested.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.policies.recorded import recorded, unless_it_fails

Connection = psycopg.Connection[dict[str, Any]]
Claims = Mapping[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of one statement: its rows and count, or the error that refused it."""

    rows: list[Row] = field(default_factory=list)
    count: int = 0
    sqlstate: str | None = None
    message: str = ""

    @property
    def refused_by_grant(self) -> bool:
        """The role has no privilege at all (42501 before any policy is asked)."""
        return self.sqlstate == "42501" and self.message.startswith("permission denied for table")

    @property
    def refused_by_policy(self) -> bool:
        """The new row did not pass a policy."""
        return self.sqlstate == "42501" and "row-level security policy" in self.message

    @property
    def refused_by_trigger(self) -> bool:
        """A guard of ours refused: 42501, and neither the grant nor the policy did it."""
        return self.sqlstate == "42501" and not self.refused_by_grant and not self.refused_by_policy


@contextmanager
def acting(
    connection: Connection,
    claims: Claims | str | None,
    role: str = "authenticated",
    *,
    keep: bool = False,
    counted: bool = True,
) -> Iterator[None]:
    """One transaction as PostgREST opens it; what it changes must be recorded, row for row.

    Args:
        connection: of a service login (`authenticator`), outside of any transaction.
        claims: the claims; a text is set as it stands, None sets nothing.
        role: the database role that the token names.
        keep: commit at the end; by default everything is rolled back.
        counted: False where changes and rows of the trail are not meant to be one for one.
    """
    with connection.transaction(force_rollback=not keep):
        connection.execute(
            "select set_config('role', %s, true)",
            [role],
        )
        if claims is not None:
            text = claims if isinstance(claims, str) else json.dumps(dict(claims), default=str)
            connection.execute("select set_config('request.jwt.claims', %s, true)", [text])
        with recorded(connection) if counted else nullcontext():
            yield


def attempt(connection: Connection, statement: str, parameters: Sequence[Any] = ()) -> Outcome:
    """Run one statement in a savepoint that is always rolled back, and say what came of it."""
    try:
        with unless_it_fails(connection), connection.transaction(force_rollback=True):
            cursor = connection.execute(statement, parameters or None)
            rows = cursor.fetchall() if cursor.description else []
            return Outcome(rows=rows, count=cursor.rowcount)
    except psycopg.Error as error:
        return Outcome(
            sqlstate=error.sqlstate,
            message=error.diag.message_primary or str(error),
        )
