"""Brings rows into the database: COPY in chunks, through every constraint and every trigger."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Json

# One COPY of so many rows. The trail keeps the rows of a statement aside until it ends.
CHUNK = 5000
# After so many the planner is told that the agency exists: otherwise it takes each of its rows for
# the only one, and triggers that look something up read all of them.
FIRST_CHUNK = 500

# The trusted back office writes almost everything.
OFFICE = "service_role"
# People, invitations and keys come about through functions, which choose ids of their own. As the
# role that owns those functions, their rows come with the ids of this run.
FOUNDER = "gardenos_tenancy_writer"
FOUNDED = (
    "tenancy.agencies",
    "tenancy.users",
    "tenancy.user_identities",
    "tenancy.memberships",
    "tenancy.invitations",
    "tenancy.invitation_secrets",
    "tenancy.api_keys",
    "tenancy.api_key_secrets",
)
# No role of the back office may write these.
FORBIDDEN = (
    "integration.webhook_secrets",
    "langgraph.checkpoints",
    "langgraph.checkpoint_blobs",
    "langgraph.checkpoint_writes",
    "langgraph.store",
    "langgraph.store_vectors",
)


def writer(table: str) -> str | None:
    """The role that writes a table; None is the superuser."""
    if table in FORBIDDEN:
        return None
    return FOUNDER if table in FOUNDED else OFFICE


class Loader:
    """Takes rows table by table and writes them in chunks, inside the caller's transaction."""

    def __init__(
        self, connection: psycopg.Connection[Any], written: Callable[[int], None] | None = None
    ) -> None:
        """Prepare nothing.

        Args:
            connection: of a superuser, in a transaction.
            written: told after each chunk how many rows of the agency there are.
        """
        self.counts: Counter[str] = Counter()
        self._connection = connection
        self._written = written or (lambda rows: None)
        self._table = ""
        self._rows: list[Mapping[str, Any]] = []
        self._role: str | None = ""

    @property
    def total(self) -> int:
        """The rows of the agency so far, those that triggers wrote included."""
        return sum(
            count
            for table, count in self.counts.items()
            if table not in ("tenancy.agencies", "tenancy.users", "tenancy.user_identities")
        )

    def add(self, table: str, **values: Any) -> None:
        """Take one row; all rows of a table name the same columns."""
        if table != self._table:
            self.flush()
            self._table = table
        self._rows.append(values)
        self.counts[table] += 1
        if self.counts[table] == FIRST_CHUNK:
            self.flush()
            self._analyze()
        elif len(self._rows) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write what was taken."""
        if not self._rows:
            return
        role = writer(self._table)
        self._become(role)
        name = sql.Identifier(*self._table.split("."))
        columns = tuple(self._rows[0])
        listed = sql.SQL(", ").join(map(sql.Identifier, columns))
        with self._connection.cursor() as cursor:
            if role == FOUNDER:
                # COPY does not work under row-level security. The same login may be there twice.
                places = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
                agree = " on conflict (id) do nothing" if self._table == "tenancy.users" else ""
                cursor.executemany(
                    sql.SQL("insert into {} ({}) values ({})").format(name, listed, places)
                    + sql.SQL(agree),
                    [self._ready(row, columns) for row in self._rows],
                )
            else:
                with cursor.copy(sql.SQL("copy {} ({}) from stdin").format(name, listed)) as stream:
                    for row in self._rows:
                        stream.write_row(self._ready(row, columns))
        self._rows.clear()
        self._written(self.total)

    def execute(self, statement: str, parameters: Sequence[Any]) -> None:
        """Run one statement of the back office, after what was taken so far."""
        self.flush()
        self._become(OFFICE)
        self._connection.execute(statement.encode(), parameters)

    def _analyze(self) -> None:
        self._become(None)
        self._connection.execute(
            sql.SQL("analyze {}").format(sql.Identifier(*self._table.split(".")))
        )

    @staticmethod
    def _ready(row: Mapping[str, Any], columns: Sequence[str]) -> list[Any]:
        assert len(row) == len(columns), (row, columns)
        return [Json(row[name]) if isinstance(row[name], dict) else row[name] for name in columns]

    def _become(self, role: str | None) -> None:
        if role == self._role:
            return
        self._connection.execute(
            sql.SQL("set local role {}").format(sql.Identifier(role))
            if role
            else sql.SQL("set local role none")
        )
        self._role = role
