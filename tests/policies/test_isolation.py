"""No row of agency B for anybody of agency A: each table, each way to reach a row.

The owner of agency A may do most, so the owner tries everything; reading is tried by every role.
What is not granted at all is 42501 before any policy is asked, which is accepted only where the
matrix says that nobody may.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.database import Database
from tests.policies import catalogue
from tests.policies.access import Connection, Outcome, Row, acting, attempt
from tests.policies.cells import (
    CHANGES,
    Key,
    insert,
    key_list,
    key_of,
    keys_of,
    visible,
    where_keys,
)
from tests.policies.matrix import Command, Matrix, Role
from tests.policies.meaning import may, sees
from tests.policies.world import SUBJECTS, World, user_claims

# the same rows for every agency: nothing there is another's
SHARED = {"ai.embedding_models"}
TABLES = sorted(Matrix().tables - SHARED)
every_table = pytest.mark.parametrize("table", TABLES)
# the changes of `cells.py`, where a column without its table would be ambiguous in MERGE
MERGED = {
    **{table: change for table, (change, _) in CHANGES.items()},
    "tenancy.agencies": "locale = 'de'",
    "tenancy.issuers": "active = false",
    "tenancy.team_members": "is_lead = false",
    "tenancy.invitations": "expires_at = now()",
    "tenancy.invitation_secrets": "token_hash = t.token_hash",
    "tenancy.api_keys": "revoked_at = now()",
    "tenancy.api_key_secrets": "key_hash = t.key_hash",
    "crm.record_tags": "tag_id = t.tag_id",
    "crm.merge_records": "undo_until = t.undo_until",
    "crm.deal_stage_history": "left_at = t.left_at",
    "integration.import_rows": "row_no = t.row_no",
    "governance.suppressions": "value_hash = t.value_hash",
    "audit.log": "old_values = null",
    "audit.seals": "row_count = t.row_count",
    "audit.retired": "row_count = t.row_count",
    "audit.verifications": "problems = t.problems",
}
SECRETS = {
    "tenancy.invitation_secrets",
    "tenancy.api_key_secrets",
    "integration.webhook_secrets",
}


def foreign(world: World, table: str, name: str = "owner") -> list[Row]:
    """The rows that are none of the business of this member of agency A."""
    me = world.a.members[name]
    column, own = {
        "tenancy.agencies": ("id", world.a.id),
        "tenancy.issuers": ("issuer", None),
        "tenancy.users": ("id", me.user_id),
        "tenancy.user_identities": ("user_id", me.user_id),
    }.get(table, ("agency_id", world.a.id))
    rows = [row for row in world.rows[table] if row[column] != own]
    assert rows, f"nothing to find in {table}: the world must hold rows of agency B"
    return rows


def some(rows: list[Row]) -> list[Row]:
    """A dozen of many rows, from all over: where each costs a statement of its own."""
    return rows[:: 1 + len(rows) // 12]


def foreign_keys(world: World, table: str, name: str = "owner") -> set[Key]:
    """Their primary keys."""
    return keys_of(table, foreign(world, table, name))


@pytest.fixture
def owner(client: Connection, world: World) -> Iterator[Connection]:
    """The client's connection, in a transaction of the owner of agency A."""
    with acting(client, world.a.members["owner"].claims()):
        yield client


@pytest.fixture(scope="module")
def insertable(superuser: Connection) -> dict[str, set[str]]:
    """The columns that clients may insert, so that the policy is reached and not the grant."""
    found: dict[str, set[str]] = {}
    for table, shape in catalogue.columns(superuser).items():
        for name in shape:
            (row,) = superuser.execute(
                "select has_column_privilege('authenticated', %s, %s, 'insert') as allowed",
                [table, name],
            ).fetchall()
            if row["allowed"]:
                found.setdefault(table, set()).add(name)
    return found


def assert_nothing(outcome: Outcome, table: str, command: Command) -> None:
    """No row was touched: for want of a grant where nobody has one, else because none is seen."""
    if Matrix().granted(table, command):
        assert outcome.sqlstate is None, outcome
        assert outcome.count == 0, outcome
    else:
        assert outcome.refused_by_grant, outcome


def without_nulls(row: Row, columns: set[str]) -> Row:
    """The part of a row that a client can send."""
    return {name: row[name] for name in row if name in columns and row[name] is not None}


def copies(world: World, table: str, insertable: dict[str, set[str]]) -> list[Row]:
    """Some rows of B as a client of A would insert them: all columns that it may send."""
    columns = insertable.get(table, set(key_list(table).split(", ")))
    return [without_nulls(row, columns) for row in some(foreign(world, table))]


# --- each table -----------------------------------------------------------------------------------


@every_table
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("lock", ["", " for share", " for update"])
def test_select(client: Connection, world: World, table: str, role: Role, lock: str) -> None:
    name = SUBJECTS[role]
    with acting(client, world.a.members[name].claims()):
        outcome = attempt(client, f"select {key_list(table)} from {table}{lock}")
        if not Matrix().granted(table, Command.SELECT):
            assert outcome.refused_by_grant
            return
        if lock and not Matrix().granted(table, Command.UPDATE):
            assert outcome.refused_by_grant
            return
        assert outcome.sqlstate is None, outcome
        assert not keys_of(table, outcome.rows) & foreign_keys(world, table, name)
        named, parameters = where_keys(table, foreign_keys(world, table, name))
        assert attempt(client, f"select 1 from {table} where {named}{lock}", parameters).count == 0


@every_table
def test_update(owner: Connection, world: World, table: str) -> None:
    change = CHANGES[table][0]
    named, parameters = where_keys(table, foreign_keys(world, table))
    for returning in ("", f" returning {key_list(table)}"):
        outcome = attempt(
            owner, f"update {table} set {change} where {named}{returning}", parameters
        )
        assert_nothing(outcome, table, Command.UPDATE)


@every_table
def test_delete(owner: Connection, world: World, table: str) -> None:
    named, parameters = where_keys(table, foreign_keys(world, table))
    for returning in ("", f" returning {key_list(table)}"):
        outcome = attempt(owner, f"delete from {table} where {named}{returning}", parameters)
        assert_nothing(outcome, table, Command.DELETE)


@every_table
@pytest.mark.parametrize("returning", ["", " returning *"])
def test_insert(
    owner: Connection,
    world: World,
    table: str,
    insertable: dict[str, set[str]],
    returning: str,
) -> None:
    """A row of B's is refused as it stands, and with an id of its own."""
    for row in copies(world, table, insertable):
        for candidate in (row, {name: row[name] for name in row if name != "id"}):
            if not candidate:
                continue
            statement, parameters = insert(table, candidate)
            outcome = attempt(owner, statement + returning, parameters)
            assert outcome.sqlstate == "42501", outcome
            assert outcome.refused_by_grant is not Matrix().granted(table, Command.INSERT)


@every_table
def test_upsert(
    owner: Connection, world: World, table: str, insertable: dict[str, set[str]]
) -> None:
    """Neither an update nor the silence of DO NOTHING tells that a row of B is there."""
    change = CHANGES[table][0].partition(" = ")[0]
    for row in copies(world, table, insertable):
        statement, parameters = insert(table, row)
        for action in (
            " on conflict do nothing",
            f" on conflict ({key_list(table)}) do nothing",
            f" on conflict ({key_list(table)}) do update set {change} = excluded.{change}",
            f" on conflict ({key_list(table)}) do update set {change} = excluded.{change}"
            " returning 1",
        ):
            outcome = attempt(owner, statement + action, parameters)
            assert outcome.sqlstate == "42501", (action, outcome)


def as_text(value: object) -> str:
    """A value that JSON has no word for, as PostgreSQL reads it."""
    return rf"\x{value.hex()}" if isinstance(value, bytes) else str(value)


@every_table
@pytest.mark.parametrize("action", ["update", "delete", "insert"])
def test_merge(
    owner: Connection,
    world: World,
    table: str,
    insertable: dict[str, set[str]],
    action: str,
) -> None:
    """MATCHED finds no row of B, NOT MATCHED cannot insert one."""
    key = key_list(table).split(", ")
    for row in copies(world, table, insertable):
        values = row if action == "insert" else {name: row[name] for name in key if name in row}
        if len(values) < len(key):
            continue
        joined = " and ".join(f"t.{name} = s.{name}" for name in key)
        then = {
            "update": f"when matched then update set {MERGED[table]}",
            "delete": "when matched then delete",
            "insert": f"when not matched then insert ({', '.join(values)})"
            f" values ({', '.join(f's.{name}' for name in values)})",
        }[action]
        outcome = attempt(
            owner,
            f"merge into {table} as t"
            f" using jsonb_populate_record(null::{table}, %s::jsonb) as s on {joined} {then}",
            [json.dumps(values, default=as_text)],
        )
        if action == "insert":
            assert outcome.sqlstate == "42501", outcome
            assert outcome.refused_by_grant is not Matrix().granted(table, Command.INSERT)
        elif Matrix().granted(table, Command(action)):
            assert (outcome.sqlstate, outcome.count) == (None, 0), outcome
        else:
            assert outcome.sqlstate == "42501", outcome


@every_table
def test_copy_to(owner: Connection, world: World, table: str) -> None:
    columns = key_list(table)
    for source in (f"{table} ({columns})", f"(select {columns} from {table})"):
        try:
            with (
                owner.transaction(force_rollback=True),
                owner.cursor().copy(f"copy {source} to stdout") as copy,
            ):
                seen = {tuple(row) for row in copy.rows()}
        except psycopg.errors.InsufficientPrivilege:
            assert not Matrix().granted(table, Command.SELECT)
            continue
        assert Matrix().granted(table, Command.SELECT)
        as_text = {tuple(map(str, key)) for key in foreign_keys(world, table)}
        assert not seen & as_text
        if table == "tenancy.teams":
            assert seen, "the own rows are copied, or this would prove nothing"


@every_table
def test_copy_from(owner: Connection, table: str, insertable: dict[str, set[str]]) -> None:
    """COPY FROM knows no policies, so PostgreSQL refuses it on a table that has them."""
    columns = ", ".join(sorted(insertable.get(table, set()))) or key_list(table)
    with (
        pytest.raises(psycopg.Error) as refused,
        owner.transaction(),
        owner.cursor().copy(f"copy {table} ({columns}) from stdin") as copy,
    ):
        copy.write(b"")
    expected = "0A000" if Matrix().granted(table, Command.INSERT) else "42501"
    assert refused.value.sqlstate == expected


@every_table
@pytest.mark.parametrize("role", ["authenticated", "service_role", "anon"])
def test_truncate(client: Connection, world: World, table: str, role: str) -> None:
    with acting(client, world.a.members["owner"].claims(role=role), role):
        assert attempt(client, f"truncate {table}").sqlstate == "42501"
        assert attempt(client, f"truncate {table} cascade").sqlstate == "42501"


@every_table
def test_row_security_off(owner: Connection, table: str) -> None:
    owner.execute("set local row_security = off")
    for statement in (
        f"select 1 from {table}",
        f"update {table} set {CHANGES[table][0]}",
        f"delete from {table}",
    ):
        outcome = attempt(owner, statement)
        assert outcome.sqlstate == "42501"
        assert outcome.refused_by_grant or "would be affected by row-level" in outcome.message


@every_table
def test_reading_no_column_counts_own_rows_only(
    owner: Connection, world: World, table: str
) -> None:
    if not Matrix().granted(table, Command.SELECT):
        assert attempt(owner, f"select count(*) from {table}").refused_by_grant
        return
    (row,) = attempt(owner, f"select count(*) as n from {table}").rows
    assert row["n"] <= len(world.rows[table]) - len(foreign_keys(world, table))


# --- ways around ----------------------------------------------------------------------------------


def test_agency_does_not_change(owner: Connection, world: World) -> None:
    """A row is not given to B, nor taken from it: the trigger, or no row."""
    me = world.me(world.a, "owner")
    for table in sorted(set(TABLES) - catalogue.GLOBAL_TABLES.keys()):
        if not Matrix().granted(table, Command.UPDATE):
            assert attempt(owner, f"update {table} set agency_id = agency_id").refused_by_grant
            continue
        own = key_of(
            table,
            next(
                row
                for row in world.rows[table]
                if sees(Matrix(), table, row, me) and may(Matrix(), table, Command.UPDATE, row, me)
            ),
        )
        for row, (old, new) in (
            (own, (world.a.id, world.b.id)),
            (next(iter(foreign_keys(world, table))), (world.b.id, world.a.id)),
        ):
            outcome = attempt(
                owner,
                f"update {table} set agency_id = %s where (agency_id, id) = (%s, %s)",
                [new, *row],
            )
            if old == world.a.id:
                assert outcome.sqlstate in ("PT403", "42501"), (table, outcome)
                assert not outcome.refused_by_grant
            else:
                assert (outcome.sqlstate, outcome.count) == (None, 0), (table, outcome)


def test_every_update_of_agency_id_is_refused_past_the_policies_too(
    client: Connection, world: World, superuser: Connection
) -> None:
    """`service_role` bypasses the policies, not the trigger."""
    with acting(client, None, "service_role"):
        unchangeable = catalogue.GLOBAL_TABLES.keys() | catalogue.APPEND_ONLY | SECRETS
        for table in sorted(set(TABLES) - unchangeable):
            outcome = attempt(client, f"update {table} set agency_id = %s", [world.b.id])
            assert outcome.sqlstate == "PT403", (table, outcome)
    for table in sorted(SECRETS):
        with superuser.transaction(force_rollback=True):
            outcome = attempt(superuser, f"update {table} set agency_id = %s", [world.b.id])
        assert outcome.sqlstate == "PT403", (table, outcome)


@pytest.mark.parametrize("login", ["authenticated", "service_role"])
def test_references_stay_in_the_agency(client: Connection, world: World, login: str) -> None:
    """A foreign key to a row of B is 23503, although the checks of foreign keys see every row."""
    a, b = world.a, world.b
    viewer = a.members["viewer"].membership_id
    statements: list[tuple[str, list[Any]]] = [
        (
            "insert into tenancy.teams (agency_id, name, parent_team_id) values (%s, 'x', %s)",
            [a.id, b.teams["North"]],
        ),
        (
            "update tenancy.teams set parent_team_id = %s where agency_id = %s and id = %s",
            [b.teams["North"], a.id, a.teams["South"]],
        ),
        (
            "insert into tenancy.team_members (agency_id, team_id, membership_id)"
            " values (%s, %s, %s)",
            [a.id, b.teams["North"], viewer],
        ),
        (
            "insert into tenancy.team_members (agency_id, team_id, membership_id)"
            " values (%s, %s, %s)",
            [a.id, a.teams["South"], b.members["viewer"].membership_id],
        ),
        (
            "update tenancy.memberships set default_team_id = %s where agency_id = %s and id = %s",
            [b.teams["North"], a.id, viewer],
        ),
    ]
    with acting(client, a.members["owner"].claims(role=login), login):
        for statement, parameters in statements:
            outcome = attempt(client, statement, parameters)
            assert outcome.sqlstate == "23503", (statement, outcome)


@pytest.mark.parametrize(
    "reference",
    [
        "update tenancy.memberships set default_team_id = %s where role = 'viewer'",
        "update tenancy.invitations set team_id = %s where true",
        "update tenancy.teams set parent_team_id = %s where name = 'South'",
    ],
)
def test_optional_references_are_cleared(
    world: World, world_database: Database, reference: str
) -> None:
    """A hard delete clears what points to the row. Foreign keys act as the owner of the table."""
    a = world.a
    with (
        world_database.connect(
            "authenticator", autocommit=True, row_factory=dict_row
        ) as connection,
        acting(connection, None, "service_role"),
    ):
        team = uuid4()
        connection.execute(
            "insert into tenancy.teams (agency_id, id, name) values (%s, %s, 'Short-lived')",
            [a.id, team],
        )
        pointed = connection.execute(reference + " and agency_id = %s", [team, a.id])
        assert pointed.rowcount > 0
        # what was allowed once is not asked again in a transaction: the owner must be asked
        connection.execute("discard plans")
        outcome = attempt(
            connection,
            "delete from tenancy.teams where (agency_id, id) = (%s, %s)",
            [a.id, team],
        )
        assert outcome.count == 1, outcome


def test_unique_rules_are_no_oracle(owner: Connection, world: World, superuser: Connection) -> None:
    """What is taken in B is free in A: names, ids, addresses, members."""
    a, b = world.a, world.b
    for statement, parameters in (
        (
            "insert into tenancy.teams (agency_id, id, name) values (%s, %s, 'Only of id')",
            [a.id, b.teams["North"]],
        ),
        (
            "insert into tenancy.memberships (agency_id, id, user_id, role, display_name)"
            " values (%s, %s, %s, 'ai_agent', 'An agent of both')",
            [a.id, b.members["agent"].membership_id, b.members["agent"].user_id],
        ),
    ):
        outcome = attempt(owner, statement, list(parameters))
        assert outcome.count == 1, outcome
    for table, column in (
        ("tenancy.teams", "name"),
        ("tenancy.invitations", "email"),
        ("tenancy.memberships", "contact_id"),
        ("tenancy.memberships", "user_id"),
        ("tenancy.api_keys", "prefix"),
    ):
        values = {
            agency.id: {row[column] for row in world.rows[table] if row["agency_id"] == agency.id}
            for agency in (a, b)
        }
        assert (values[a.id] & values[b.id]) - {None}, f"{table}.{column} collides nowhere"


def test_user_code_runs_after_the_policies(superuser: Connection, world: World) -> None:
    """A cheap function with NOTICE, and 1/0, in WHERE: both see rows of A only.

    The function is made by the superuser, since clients cannot make any; it runs as they do.
    """
    notices: list[str] = []
    handler = lambda notice: notices.append(notice.message_primary or "")  # noqa: E731
    superuser.add_notice_handler(handler)
    try:
        with superuser.transaction(force_rollback=True):
            superuser.execute(
                "create function public.peek(text) returns boolean language plpgsql cost 0.0001"
                " as $$ begin raise notice 'saw %', $1; return true; end $$"
            )
            superuser.execute("grant execute on function public.peek(text) to authenticated")
            with acting(superuser, world.a.members["owner"].claims()):
                for table in TABLES:
                    if Matrix().granted(table, Command.SELECT):
                        superuser.execute(f"select 1 from {table} as t where public.peek(t::text)")
                        for key in keys_of(table, some(foreign(world, table))):
                            named, parameters = where_keys(table, [key])
                            outcome = attempt(
                                superuser,
                                f"select 1 from {table}"
                                f" where 1 / (case when {named} then 0 else 1 end) = 1",
                                parameters,
                            )
                            assert outcome.sqlstate is None, outcome
    finally:
        superuser.remove_notice_handler(handler)
    assert any(str(world.a.teams["North"]) in notice for notice in notices)
    for agency_id in (world.b.id, *world.b.teams.values(), world.stranger):
        assert not any(str(agency_id) in notice for notice in notices)


@pytest.mark.parametrize("login", ["authenticator", "gardenos_app"])
def test_clients_make_no_functions(world: World, world_database: Database, login: str) -> None:
    with world_database.connect(login, autocommit=True, row_factory=dict_row) as connection:
        for role in ("", "authenticated"):
            with connection.transaction(force_rollback=True):
                if role:
                    connection.execute("set local role authenticated")
                for statement in (
                    "create function pg_temp.f() returns int language sql as 'select 1'",
                    "create function app.f() returns int language sql as 'select 1'",
                    "create function tenancy.f() returns int language sql as 'select 1'",
                    "create function public.f() returns int language sql as 'select 1'",
                    "create function extensions.f() returns int language sql as 'select 1'",
                    "create temporary table t (i int)",
                    "create schema s",
                    "do language plpython3u $$ pass $$",
                ):
                    outcome = attempt(connection, statement)
                    assert outcome.sqlstate in ("42501", "42704"), (statement, outcome)


def test_statistics_show_no_value(client: Connection, world: World, superuser: Connection) -> None:
    """pg_stats keeps the most common values of every column; RLS tables are left out of it."""
    superuser.execute("analyze")
    query = "select schemaname from {} where schemaname not in ('pg_catalog', 'information_schema')"
    assert attempt(superuser, query.format("pg_stats")).count > 0
    for name in SUBJECTS.values():
        with acting(client, world.a.members[name].claims()):
            for view in ("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"):
                assert attempt(client, query.format(view)).count == 0
            assert attempt(client, "select 1 from pg_statistic").sqlstate == "42501"


# --- who has no agency ----------------------------------------------------------------------------


def test_pooled_connection_keeps_no_claims(client: Connection, world: World) -> None:
    with acting(client, world.a.members["owner"].claims(), keep=True):
        assert visible(client)
    for claims in (None, {"role": "authenticated"}):
        with acting(client, claims):
            assert visible(client) == {}


@pytest.mark.parametrize(
    "agency_id", [None, "", "null", 1, {}, "00000000-0000-0000-0000-000000000000", "x"]
)
def test_no_agency_is_no_match(client: Connection, world: World, agency_id: object) -> None:
    """Nothing but oneself; and no row has a null agency that null could meet."""
    member = world.a.members["owner"]
    with acting(client, {**member.claims(), "agency_id": agency_id}):
        shown = visible(client)
        assert shown.keys() == {"tenancy.users", "tenancy.user_identities"}
        assert shown["tenancy.users"] == {(member.user_id,)}
        for table in sorted(set(TABLES) - catalogue.GLOBAL_TABLES.keys()):
            if not Matrix().granted(table, Command.SELECT):
                continue
            outcome = attempt(client, f"select 1 from {table} where agency_id is null")
            assert outcome.count == 0
            assert outcome.sqlstate is None
        refused = attempt(client, "insert into tenancy.teams (name) values ('of nobody')")
        assert refused.sqlstate in ("42501", "23502")


def test_no_claims_show_nothing(client: Connection, world: World) -> None:
    for claims in (None, "", "null", "[]", "{", "{}", '{"role":"authenticated"}'):
        with acting(client, claims):
            assert visible(client) == {}


@every_table
def test_anon_reaches_nothing(client: Connection, world: World, table: str) -> None:
    for claims in ({"role": "anon"}, world.a.members["owner"].claims(role="anon")):
        with acting(client, claims, "anon"):
            for statement in (
                f"select 1 from {table}",
                f"insert into {table} default values",
                f"update {table} set {CHANGES[table][0]}",
                f"delete from {table}",
            ):
                assert attempt(client, statement).sqlstate == "42501"


def test_stranger_shows_only_oneself(client: Connection, world: World) -> None:
    for agency in (world.a, world.b):
        with acting(client, user_claims(world.stranger, agency_id=str(agency.id))):
            shown = visible(client)
            assert shown.pop("tenancy.users") == {(world.stranger,)}
            assert shown.keys() == {"tenancy.user_identities"}


@pytest.mark.parametrize("name", ["suspended", "removed"])
def test_former_member_shows_only_oneself(client: Connection, world: World, name: str) -> None:
    """Both were admins a moment ago, and their tokens still say so."""
    member = world.a.members[name]
    with acting(client, member.claims()):
        shown = visible(client)
        assert shown.pop("tenancy.users") == {(member.user_id,)}
        assert shown.keys() == {"tenancy.user_identities"}


def test_member_of_both_sees_one_at_a_time(client: Connection, world: World) -> None:
    """The nomad is a viewer of A and an admin of B: neither right reaches into the other."""
    for agency, other, invitations in ((world.a, world.b, False), (world.b, world.a, True)):
        with acting(client, agency.members["nomad"].claims()):
            shown = visible(client)
            assert shown["tenancy.agencies"] == {(agency.id,)}
            assert ("tenancy.invitations" in shown) is invitations
            for table, keys in shown.items():
                if table not in catalogue.GLOBAL_TABLES:
                    assert {key[0] for key in keys} == {agency.id}
            for table in ("tenancy.teams", "tenancy.team_members", "tenancy.memberships"):
                outcome = attempt(
                    client,
                    f"update {table} set {CHANGES[table][0]} where agency_id = %s",
                    [other.id],
                )
                assert (outcome.sqlstate, outcome.count) == (None, 0)


def test_member_of_a_cannot_claim_agency_b(client: Connection, world: World) -> None:
    for name, member in world.a.members.items():
        if name == "nomad":
            continue
        with acting(client, member.claims(agency_id=str(world.b.id), agency_role="owner")):
            assert visible(client).keys() <= {"tenancy.users", "tenancy.user_identities"}, name


def test_default_agency_is_the_proven_one(owner: Connection, world: World) -> None:
    outcome = attempt(
        owner, "insert into tenancy.teams (name) values ('Default') returning agency_id"
    )
    assert outcome.rows == [{"agency_id": world.a.id}]


def test_service_role_sees_both_agencies(client: Connection, world: World) -> None:
    """The control: the rows are there, and what hides them is row-level security."""
    with acting(client, None, "service_role"):
        for table in TABLES:
            outcome = attempt(client, f"select {key_list(table)} from {table}")
            if table in SECRETS:
                assert outcome.refused_by_grant
            else:
                assert keys_of(table, outcome.rows) == keys_of(table, world.rows[table])


def test_owner_of_the_tables_sees_nothing(superuser: Connection, world: World) -> None:
    """FORCE RLS: without claims the owner counts 0 everywhere, and changes nothing."""
    with superuser.transaction(force_rollback=True):
        superuser.execute("set local role gardenos_owner")
        for table in TABLES:
            assert attempt(superuser, f"select 1 from {table}").count == 0
            assert attempt(superuser, f"update {table} set {CHANGES[table][0]}").count == 0
            assert attempt(superuser, f"delete from {table}").count == 0
        statement, parameters = insert("tenancy.teams", {"agency_id": world.a.id, "name": "x"})
        assert attempt(superuser, statement, parameters).sqlstate == "42501"
