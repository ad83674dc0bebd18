"""Every member of every agency, every table, every command: is a row of somebody else in reach?

Each member acts as PostgREST lets them: login `authenticator`, `set local role authenticated`,
claims; and each transaction is rolled back. For each table four statements are tried: read all
there is, change and delete what is others', add a row to another agency, made of a row there.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.seed import database
from tests.seed.errors import SeedError

ROLE = "authenticated"

# global table -> the column that says whose a row is, and of a member's ids the one that it must be
GLOBAL = {
    "tenancy.agencies": ("id", "agency"),
    "tenancy.users": ("id", "user"),
    "tenancy.user_identities": ("user_id", "user"),
}

# A guard looks at a new row before policies do, and refuses agents and people what these are not.
INNOCENT: dict[str, dict[str, Any]] = {
    "crm.messages": {"direction": "outbound", "status": "draft"},
    "ai.agent_runs": {"status": "queued"},
    "ai.agent_steps": {"approval": "not_needed"},
    "crm.companies": {"custom": {}},
    "crm.contacts": {"custom": {}},
    "crm.deals": {"custom": {}},
}

COLUMNS = """
select
    a.attname,
    has_column_privilege(%(role)s, a.attrelid, a.attnum, 'insert') as may_insert,
    has_column_privilege(%(role)s, a.attrelid, a.attnum, 'update') as may_update
  from pg_catalog.pg_attribute as a
 where a.attrelid = %(table)s::regclass
   and a.attnum > 0
   and not a.attisdropped
   and a.attgenerated = ''
   and a.attidentity = ''
 order by a.attnum
"""
# Triggers that look at a new row after policies let it pass.
LATE_TRIGGERS = """
select distinct n.nspname || '.' || p.proname || '('
  from pg_catalog.pg_trigger as t
  join pg_catalog.pg_proc as p
    on p.oid = t.tgfoid
  join pg_catalog.pg_namespace as n
    on n.oid = p.pronamespace
 where t.tgrelid = %s::regclass
   and not t.tgisinternal
   and t.tgtype & 2 = 0
   and t.tgtype & 4 = 4
"""
MEMBERS = """
select m.agency_id::text, a.slug, m.user_id::text, m.role::text, m.display_name, m.status::text
  from tenancy.memberships as m
  join tenancy.agencies as a
    on a.id = m.agency_id
 order by a.slug, m.id
"""


@dataclass(frozen=True)
class Member:
    """Somebody of an agency, active or not."""

    agency: str
    slug: str
    user: str
    role: str
    name: str
    status: str

    def mine(self, kind: str) -> str:
        """The id that rows must have to be this member's: of the agency or of the user."""
        return self.agency if kind == "agency" else self.user

    def __str__(self) -> str:
        """Who it is."""
        return f"{self.name} ({self.status} {self.role} of {self.slug})"


@dataclass(frozen=True)
class Table:
    """A table, the column that says whose a row is, and what the role may write there."""

    name: str
    column: str
    kind: str
    insertable: tuple[str, ...]
    updatable: str | None
    late_triggers: tuple[str, ...]

    @property
    def identifier(self) -> sql.Identifier:
        """Its name as SQL."""
        return sql.Identifier(*self.name.split("."))


@dataclass
class Report:
    """What was tried and what came of it.

    Attributes:
        statements: how many of each command.
        refusals: of inserts: by grant, policy or trigger.
        seen: rows of their own agency that members saw, by table.
        leaks: one sentence for each foreign row in reach.
        blind: active members who saw nothing at all; the check has not said much about them.
    """

    members: int = 0
    agencies: int = 0
    tables: int = 0
    statements: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The figures in two lines."""
        commands = ", ".join(f"{count:,} {name}" for name, count in self.statements.items())
        refusals = ", ".join(f"{count:,} by {name}" for name, count in self.refusals.items())
        return (
            f"{self.members} members of {self.agencies} agencies, {self.tables} tables, "
            f"{self.statements.total():,} statements ({commands}).\n"
            f"{self.seen.total():,} own rows seen; inserts into another agency refused: {refusals}."
        )


def check(
    superuser: psycopg.Connection[Any],
    client: psycopg.Connection[Any],
    *,
    tables: Collection[str] | None = None,
    told: Callable[[Member, Report], None] | None = None,
) -> Report:
    """Try everything.

    Args:
        superuser: an autocommit session; reads the catalogue and one row of each table.
        client: an autocommit session of the login `authenticator`.
        tables: only these; by default all.
        told: called after each member.

    Raises:
        SeedError: there are not two agencies, or no token would be believed.
    """
    members = [Member(*row) for row in superuser.execute(MEMBERS).fetchall()]
    agencies = list(dict.fromkeys(member.agency for member in members))
    if len(agencies) < 2:
        raise SeedError("With fewer than two agencies there is nobody to be kept apart.")
    issuer = _issuer(superuser)
    found = [table for table in _tables(superuser) if tables is None or table.name in tables]
    samples = {agency: _samples(superuser, found, agency) for agency in agencies}
    report = Report(members=len(members), agencies=len(agencies), tables=len(found))
    for member in members:
        neighbour = agencies[(agencies.index(member.agency) + 1) % len(agencies)]
        before = report.seen.total()
        _try_all(client, member, issuer, found, samples[neighbour], report)
        if member.status == "active" and report.seen.total() == before:
            report.blind.append(str(member))
        if told is not None:
            told(member, report)
    return report


def _issuer(superuser: psycopg.Connection[Any]) -> str:
    row = superuser.execute(
        "select issuer from tenancy.issuers where active and may_assert_user_id order by 1"
    ).fetchone()
    if row is None:
        raise SeedError("No issuer is believed when it names a user, so nobody can be acted as.")
    return str(row[0])


def _tables(superuser: psycopg.Connection[Any]) -> list[Table]:
    owned = dict.fromkeys(database.tenant_tables(superuser), ("agency_id", "agency")) | GLOBAL
    found = []
    for name, (column, kind) in sorted(owned.items()):
        columns = superuser.execute(COLUMNS, {"role": ROLE, "table": name}).fetchall()
        updatable = [each[0] for each in columns if each[2]]
        found.append(
            Table(
                name,
                column,
                kind,
                tuple(each[0] for each in columns if each[1]),
                updatable[0] if updatable else None,
                tuple(row[0] for row in superuser.execute(LATE_TRIGGERS, [name]).fetchall()),
            )
        )
    return found


def _samples(
    superuser: psycopg.Connection[Any], tables: list[Table], agency: str
) -> dict[str, Any]:
    """A row of each table of an agency, as JSON; of a global table any row."""
    found = {}
    for table in tables:
        where = sql.SQL("where agency_id = %s") if table.name not in GLOBAL else sql.SQL("")
        row = superuser.execute(
            sql.SQL("select to_jsonb(t) from {} as t {} order by {} limit 1").format(
                table.identifier,
                where,
                # a library's tables have no id
                sql.Identifier("agency_id" if table.name.startswith("langgraph.") else "id"),
            ),
            [agency] if table.name not in GLOBAL else None,
        ).fetchone()
        found[table.name] = (row[0] if row else {"agency_id": agency}) | INNOCENT.get(
            table.name, {}
        )
    return found


def _try_all(
    client: psycopg.Connection[Any],
    member: Member,
    issuer: str,
    tables: list[Table],
    samples: dict[str, Any],
    report: Report,
) -> None:
    claims = {
        "role": ROLE,
        "iss": issuer,
        "sub": member.user,
        "user_id": member.user,
        "agency_id": member.agency,
        "agency_role": member.role,
    }
    with client.transaction(force_rollback=True):
        client.execute("set local statement_timeout = 0")
        client.execute("select set_config('role', %s, true)", [ROLE])
        client.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
        for table in tables:
            _read(client, member, table, report)
            _change(client, member, table, report)
            _add(client, member, table, samples[table.name], report)


def _read(client: psycopg.Connection[Any], member: Member, table: Table, report: Report) -> None:
    report.statements["select"] += 1
    query = sql.SQL("select count(*), count(*) filter (where {} is distinct from %s) from {}")
    try:
        with client.transaction():
            row = client.execute(
                query.format(sql.Identifier(table.column), table.identifier),
                [member.mine(table.kind)],
            ).fetchone()
    except psycopg.Error as error:
        _judge_refusal(error, f"{member} reads {table.name}", report)
        return
    assert row is not None
    report.seen[table.name] += row[0] - row[1]
    if row[1]:
        report.leaks.append(f"{member} sees {row[1]} foreign rows of {table.name}.")


def _change(client: psycopg.Connection[Any], member: Member, table: Table, report: Report) -> None:
    column = sql.Identifier(table.updatable or table.column)
    others = sql.SQL("where {} is distinct from %s").format(sql.Identifier(table.column))
    for command, statement in (
        (
            "update",
            sql.SQL("update {} set {} = {} {}").format(table.identifier, column, column, others),
        ),
        ("delete", sql.SQL("delete from {} {}").format(table.identifier, others)),
    ):
        report.statements[command] += 1
        try:
            with client.transaction(force_rollback=True):
                count = client.execute(statement, [member.mine(table.kind)]).rowcount
        except psycopg.Error as error:
            _judge_refusal(error, f"{member}: {command} of {table.name}", report)
            continue
        if count:
            report.leaks.append(
                f"{member}: {command} reached {count} foreign rows of {table.name}."
            )


def _judge_refusal(error: psycopg.Error, what: str, report: Report) -> None:
    """Without a grant no row was looked at; any other error came of a row that was reached."""
    message = error.diag.message_primary or str(error)
    if error.sqlstate != "42501" or not message.startswith("permission denied for table"):
        report.leaks.append(f"{what}: {error.sqlstate} {message}")


def _add(
    client: psycopg.Connection[Any],
    member: Member,
    table: Table,
    sample: dict[str, Any],
    report: Report,
) -> None:
    report.statements["insert"] += 1
    columns = [name for name in table.insertable if name in sample and name != "id"]
    listed = sql.SQL(", ").join(map(sql.Identifier, columns or [table.column]))
    statement = sql.SQL(
        "insert into {} ({}) select {} from jsonb_populate_record(null::{}, %s)"
    ).format(table.identifier, listed, listed, table.identifier)
    try:
        with client.transaction(force_rollback=True):
            client.execute(statement, [Jsonb(sample)])
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation) as error:
        # a guard looks at the new row before the policies do; a constraint, after them, has a name
        message = error.diag.message_primary or ""
        if message.startswith("permission denied for table"):
            report.refusals["grant"] += 1
        elif "row-level security policy" in message:
            report.refusals["policy"] += 1
        elif error.diag.constraint_name or any(
            name in (error.diag.context or "") for name in table.late_triggers
        ):
            report.leaks.append(
                f"{member}: policies let a foreign row into {table.name}: {message}"
            )
        else:
            report.refusals["trigger"] += 1
    except psycopg.Error as error:
        report.leaks.append(
            f"{member}: insert into {table.name} of another agency: {error.sqlstate} "
            f"{error.diag.message_primary}"
        )
    else:
        report.leaks.append(f"{member} added a row to {table.name} of another agency.")
