"""Witnesses that look where they must see nothing, and write where they must not.

Each keeps one connection on one path as long as it lasts: a session on a standby survives its
promotion, and row-level security must hold in it before, during and after.
"""

import itertools
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import Connection, sql

from tests.failover.crew import Crew, Line, is_absence
from tests.failover.evidence import Probe, Verdict
from tests.failover.reach import Reach, rows
from tests.failover.stand import Agency, Stage, become

# Claims that name nobody. None: nothing was set.
BROKEN_CLAIMS = (None, "", "[]", "null", "{", '{"role": "authenticated"}')

# A tenant table without agency_id: the tenant itself.
TENANTS = "tenancy.agencies"

FORBIDDEN = "42501"
READ_ONLY = "25006"
# a row never changes its agency, and the trigger that says so comes before the policy
FROZEN = "PT403"

# A round asks a part of the tables, which costs a backend 8 ms a question and not 25: many readers
# share a machine with the cluster. Each table has its turn within so many rounds.
PARTS = 3

Finding = tuple[Verdict, str]
Question = Callable[[Connection[Any]], Finding]
HELD: Finding = ("held", "")


@dataclass(frozen=True)
class Table:
    """A table that authenticated may read, and the column that names the agency."""

    name: str
    agency_column: str | None


def tables(reach: Reach) -> tuple[Table, ...]:
    """All of them, from the catalogue: a new table is there by itself."""
    found = rows(
        reach,
        "rw",
        """
        select
            format('%I.%I', n.nspname, c.relname),
            (
                select a.attname::text
                  from pg_attribute as a
                 where a.attrelid = c.oid
                   and a.attname = 'agency_id'
                   and has_column_privilege('authenticated', c.oid, a.attnum, 'select')
            )
          from pg_class as c
          join pg_namespace as n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p')
           and n.nspname not in ('chaos', 'information_schema', 'extensions')
           and not starts_with(n.nspname, 'pg_')
           and has_any_column_privilege('authenticated', c.oid, 'select')
           and has_schema_privilege('authenticated', n.oid, 'usage')
         order by 1
        """,
    )
    return tuple(
        Table(name, "id" if name == TENANTS else agency_column) for name, agency_column in found
    )


def read(
    crew: Crew, stage: Stage, found: Collection[Table], name: str, path: str, pause: float
) -> None:
    """Ask all questions of the login `authenticator` on one path, again and again.

    Args:
        crew: the run.
        stage: the agencies.
        found: what to look into.
        name: who this is.
        path: `rw`, `ro` or a node.
        pause: seconds between two rounds.
    """
    line = Line(crew, "authenticator", path)
    queries = [(foreign_rows(part), all_rows(part)) for part in parts(found)]
    try:
        for turn in itertools.count():
            foreign, everything = queries[part_of(turn, len(stage.agencies))]
            mine = stage.agencies[turn % len(stage.agencies)]
            theirs = stage.agencies[(turn + 1) % len(stage.agencies)]
            broken = BROKEN_CLAIMS[turn % len(BROKEN_CLAIMS)]
            member, removed = mine.claims(mine.owner), mine.claims(mine.revoked)
            questions: dict[str, Question] = {
                "a member sees only its own agency": partial(
                    sees_own, agency=mine, foreign=foreign
                ),
                "without good claims nobody sees anything": partial(
                    sees_nothing, claims=broken, query=everything
                ),
                "the agency of others stays closed": partial(
                    sees_nothing, claims=theirs.claims(mine.owner), query=foreign
                ),
                "a removed member sees nothing": partial(
                    sees_nothing, claims=removed, query=foreign
                ),
                "a removed member writes nothing": partial(
                    writes_nothing, claims=removed, agency=mine
                ),
                "nobody writes into another agency": partial(
                    writes_nothing, claims=member, agency=theirs
                ),
                "nobody changes another agency": partial(changes_nothing, mine=mine, theirs=theirs),
            }
            for question, ask in questions.items():
                probe(crew, line, name, path, question, ask)
                if not crew.wait_turn(pause / len(questions)):
                    return
    finally:
        line.close()


def read_only(
    crew: Crew, stage: Stage, found: Collection[Table], name: str, path: str, pause: float
) -> None:
    """Ask the questions of the login `authenticator_ro`, which a promotion must not make a writer.

    Arguments as for `read`.
    """
    line = Line(crew, "authenticator_ro", path)
    queries = [foreign_rows(part) for part in parts(found)]
    try:
        for turn in itertools.count():
            foreign = queries[part_of(turn, len(stage.agencies))]
            mine = stage.agencies[turn % len(stage.agencies)]
            questions: dict[str, Question] = {
                "a reader sees only its own agency": partial(
                    sees_own, agency=mine, foreign=foreign
                ),
                "a reader never writes": partial(
                    writes_nothing,
                    claims=mine.claims(mine.owner),
                    agency=mine,
                    wanted={READ_ONLY},
                ),
            }
            for question, ask in questions.items():
                probe(crew, line, name, path, question, ask)
                if not crew.wait_turn(pause / len(questions)):
                    return
    finally:
        line.close()


def probe(
    crew: Crew,
    line: Line,
    name: str,
    path: str,
    question: str,
    ask: Question,
) -> None:
    """Ask one question in a transaction that is rolled back, and keep the answer."""
    begun = time.monotonic()
    try:
        connection = line.get()
        try:
            verdict, detail = ask(connection)
        finally:
            if not connection.closed:
                connection.rollback()
    except psycopg.Error as error:
        line.close()
        verdict = "down" if is_absence(error) else "broken"
        detail = f"{error.sqlstate or ''} {error}".strip()
    crew.evidence.add(Probe(name, path, question, verdict, begun, time.monotonic() - begun, detail))


def sees_own(connection: Connection[Any], agency: Agency, foreign: sql.Composed) -> Finding:
    """The owner sees members of its agency, and no row of another."""
    become(connection, "authenticated", agency.claims(agency.owner))
    leaked = counts(connection, foreign, agency)
    if leaked:
        return "broken", f"{agency.id} sees {leaked}"
    row = connection.execute(
        "select count(*) from tenancy.memberships where agency_id = %s", (agency.id,)
    ).fetchone()
    if row is None or row[0] < 2:
        return "blind", f"{agency.id} does not see its members"
    return HELD


def sees_nothing(
    connection: Connection[Any], claims: dict[str, str] | str | None, query: sql.Composed
) -> Finding:
    """With these claims the query counts no row."""
    become(connection, "authenticated", claims)
    leaked = counts(connection, query, None)
    return ("broken", f"{claims!r} sees {leaked}") if leaked else HELD


def writes_nothing(
    connection: Connection[Any],
    claims: dict[str, str],
    agency: Agency,
    wanted: Collection[str] = (FORBIDDEN, READ_ONLY),
) -> Finding:
    """With these claims no team is added to the agency: one of the wanted errors refuses it."""
    become(connection, "authenticated", claims)
    key = uuid4()
    try:
        connection.execute(
            "insert into tenancy.teams (agency_id, id, name) values (%s, %s, %s)",
            (agency.id, key, f"intruder {key}"),
        )
    except psycopg.Error as error:
        if error.sqlstate in wanted:
            return HELD
        raise
    return "broken", f"wrote into {agency.id}"


def changes_nothing(connection: Connection[Any], mine: Agency, theirs: Agency) -> Finding:
    """An owner neither changes the teams of another agency, nor gives its own away."""
    for statement, agency in (
        ("update tenancy.teams set description = 'x' where agency_id = %s", theirs),
        ("update tenancy.memberships set agency_id = %s where role = 'manager'", theirs),
    ):
        become(connection, "authenticated", mine.claims(mine.owner))
        try:
            changed = connection.execute(statement.encode(), (agency.id,)).rowcount
        except psycopg.Error as error:
            if error.sqlstate not in (FORBIDDEN, READ_ONLY, FROZEN):
                raise
            connection.rollback()
            continue
        if changed:
            return "broken", f"{mine.id} changed {changed} rows: {statement}"
    return HELD


def parts(found: Collection[Table]) -> list[list[Table]]:
    """The tables, dealt into `PARTS` parts, each with some that name their agency."""
    dealt = sorted(found, key=lambda table: table.agency_column is None)
    return [dealt[first::PARTS] for first in range(PARTS)]


def part_of(turn: int, agencies: int) -> int:
    """Whose turn it is: each part in `PARTS` rounds, and with each agency after a few more."""
    return (turn + turn // agencies) % PARTS


def foreign_rows(found: Collection[Table]) -> sql.Composed:
    """A query that counts, for each table of agencies, the rows of others than %(agency)s.

    With a null agency it counts all rows.
    """
    return _union(
        sql.SQL(
            "select {label}, count(*) from {table} where {column} is distinct from %(agency)s"
        ).format(
            label=sql.Literal(table.name),
            table=sql.SQL(table.name),
            column=sql.Identifier(table.agency_column),
        )
        for table in found
        if table.agency_column is not None
    )


def all_rows(found: Collection[Table]) -> sql.Composed:
    """A query that counts the rows of each table."""
    return _union(
        sql.SQL("select {label}, count(*) from {table}").format(
            label=sql.Literal(table.name), table=sql.SQL(table.name)
        )
        for table in found
    )


def counts(connection: Connection[Any], query: sql.Composed, agency: Agency | None) -> str:
    """What the query counted, tables with no row left out."""
    counted = connection.execute(query, {"agency": None if agency is None else agency.id})
    return ", ".join(f"{count} rows of {table}" for table, count in counted if count)


def _union(parts: Iterable[sql.Composed]) -> sql.Composed:
    return sql.SQL(" union all ").join(parts)
