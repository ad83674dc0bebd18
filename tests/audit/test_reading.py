"""Reading the trail: who may, what it tells of a record, and that length does not slow it down."""

import json
import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.rows import dict_row

from tests.audit.entries import NOON, Trail, forget, new_trail
from tests.bench import audit_reading
from tests.database import Database, Databases
from tests.policies.access import Connection, Row, acting, attempt
from tests.policies.world import World, build

READERS = ("owner", "admin")
OTHERS = ("manager", "member", "viewer", "client", "agent", "suspended", "removed")
ANY = UUID("01900000-0000-7000-8000-000000000001")
QUESTIONS = {
    "history": f"select * from audit.history('tenancy.teams', '{ANY}')",
    "activity": "select * from audit.activity()",
    "as_of": f"select audit.as_of('tenancy.teams', '{ANY}', now())",
}
NOTHING_IS_KNOWN = "PT404"


@pytest.fixture(scope="module")
def town(cluster: Databases) -> Iterator[Database]:
    """A database for this file."""
    with cluster.migrated() as made:
        yield made


@pytest.fixture(scope="module")
def world(town: Database) -> World:
    """Two agencies with every role."""
    return build(lambda role: town.connect(role, autocommit=True, row_factory=dict_row))


@pytest.fixture(scope="module")
def client(town: Database, world: World) -> Iterator[Connection]:
    """The login of PostgREST."""
    with town.connect("authenticator", autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture(scope="module")
def superuser(town: Database, world: World) -> Iterator[Connection]:
    """Who writes what no trigger would."""
    with town.connect(autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture
def trail(superuser: Connection, world: World) -> Trail:
    """The trail of a new record of agency a."""
    return new_trail(superuser, world.a.id)


@pytest.fixture
def ask(client: Connection, world: World) -> Any:
    """Ask as the owner of agency a, in a transaction that may not write."""

    def answer(statement: str, *parameters: Any) -> list[Row]:
        with acting(client, world.a.members["owner"].claims()):
            client.execute("set transaction read only")
            return client.execute(statement.encode(), parameters).fetchall()

    return answer


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("name", OTHERS)
def test_only_owners_and_admins_read_and_the_others_are_told_so(
    client: Connection, world: World, name: str, question: str
) -> None:
    with acting(client, world.a.members[name].claims()):
        outcome = attempt(client, QUESTIONS[question])
    assert outcome.sqlstate == "42501"
    assert outcome.message == (
        "You may not read this audit trail: only owners and admins of the agency may."
    )


@pytest.mark.parametrize("name", READERS)
def test_owners_and_admins_read(
    client: Connection, superuser: Connection, world: World, name: str
) -> None:
    entry = new_trail(superuser, world.a.id)
    entry.add("insert", None, {"name": "North"})
    with acting(client, world.a.members[name].claims()):
        found = client.execute(
            "select * from audit.history('tenancy.teams', %s)", [entry.record]
        ).fetchall()
    assert len(found) == 1


def test_somebody_without_claims_is_refused(client: Connection) -> None:
    with acting(client, None):
        outcomes = [attempt(client, question) for question in QUESTIONS.values()]
    assert {outcome.sqlstate for outcome in outcomes} == {"42501"}


def test_anonymous_callers_cannot_even_call(client: Connection) -> None:
    with acting(client, None, "anon"):
        outcomes = [attempt(client, question) for question in QUESTIONS.values()]
    assert {outcome.sqlstate for outcome in outcomes} == {"42501"}


def test_an_owner_does_not_read_another_agency_by_naming_it(
    client: Connection, world: World
) -> None:
    with acting(client, world.a.members["owner"].claims()):
        outcome = attempt(client, "select * from audit.activity(agency => %s)", [world.b.id])
        own = attempt(client, "select * from audit.activity(agency => %s)", [world.a.id])
    assert outcome.sqlstate == "42501"
    assert own.sqlstate is None


def test_an_owner_of_another_agency_finds_nothing_of_a_record_with_the_same_id(
    client: Connection, superuser: Connection, world: World, trail: Trail
) -> None:
    trail.add("insert", None, {"name": "of a"})
    Trail(superuser, world.b.id, trail.record).add("insert", None, {"name": "of b"})
    for agency, name in ((world.a, "of a"), (world.b, "of b")):
        with acting(client, agency.members["owner"].claims()):
            found = client.execute(
                "select changes from audit.history('tenancy.teams', %s)", [trail.record]
            ).fetchall()
        assert [row["changes"][0]["to"] for row in found] == [name]


@pytest.mark.parametrize("role", ["gardenos_auditor", "service_role"])
def test_who_belongs_to_no_agency_names_one(
    town: Database, world: World, trail: Trail, role: str
) -> None:
    trail.add("insert", None, {"name": "North"})
    login = "authenticator" if role == "service_role" else role
    with town.connect(login, autocommit=True, row_factory=dict_row) as connection:
        connection.execute(f"set role {role}".encode())
        assert attempt(connection, "select * from audit.activity()").sqlstate == "22004"
        for agency, rows in ((world.a.id, 1), (world.b.id, 0)):
            found = attempt(
                connection,
                "select * from audit.history('tenancy.teams', %s, agency => %s)",
                [trail.record, agency],
            )
            assert len(found.rows) == rows, found.message


def test_an_api_key_needs_the_scope(client: Connection, world: World) -> None:
    member = world.a.members["owner"]
    answers = {}
    for role, kind in world.a.keys:
        if role == member.role and kind in ("everything", "narrowed"):
            with acting(client, member.claims(api_key_id=str(world.a.keys[role, kind]))):
                answers[kind] = attempt(client, QUESTIONS["activity"]).sqlstate
    assert answers["everything"] is None


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "tenancy.teems",
        "teams",
        "tenancy.teams; drop table tenancy.teams",
        'tenancy."teams"',
        "TENANCY.TEAMS",
        "",
        None,
        "pg_catalog.pg_class",
        "audit.log",
        "tenancy.teams.name",
    ],
)
def test_a_table_without_a_trail_is_named_and_not_an_empty_history(
    client: Connection, world: World, name: str | None
) -> None:
    with acting(client, world.a.members["owner"].claims()):
        for question in (
            "select * from audit.history(%s, gen_random_uuid())",
            "select audit.as_of(%s, gen_random_uuid(), now())",
        ):
            outcome = attempt(client, question, [name])
            assert outcome.sqlstate == "42P01"
            assert outcome.message.startswith("There is no audited table ")


@pytest.mark.parametrize("size", [0, -1, 1001, None])
def test_a_page_size_out_of_range_is_refused(
    client: Connection, world: World, size: int | None
) -> None:
    with acting(client, world.a.members["owner"].claims()):
        outcome = attempt(client, "select * from audit.activity(page_size => %s)", [size])
    assert outcome.sqlstate == "22023"
    assert outcome.message.startswith("page_size must be between 1 and 1000")


def test_a_cursor_of_another_record_is_refused(
    client: Connection, superuser: Connection, world: World, trail: Trail
) -> None:
    trail.add("insert", None, {"name": "North"})
    foreign = new_trail(superuser, world.a.id).add("insert", None, {"name": "South"})
    with acting(client, world.a.members["owner"].claims()):
        outcome = attempt(
            client, "select * from audit.history('tenancy.teams', %s, %s)", [trail.record, foreign]
        )
    assert outcome.sqlstate == "22023"


# --- history --------------------------------------------------------------------------------------


def test_a_history_says_when_who_for_whom_and_what_became_of_what(
    ask: Any, world: World, trail: Trail
) -> None:
    agent, owner = world.a.members["agent"], world.a.members["owner"]
    trail.add(
        "update",
        {"name": "North", "description": None, "row_version": 1},
        {"name": "South", "description": "cold", "row_version": 2},
        actor_kind="agent",
        actor_user_id=agent.user_id,
        actor_membership_id=agent.membership_id,
        on_behalf_of_id=owner.user_id,
        agency_role="owner",
        request_id="request 1",
        ip="192.0.2.7",
    )
    (row,) = ask("select * from audit.history('tenancy.teams', %s)", trail.record)
    assert row["at"] == NOON
    assert (row["actor_kind"], row["actor_user_id"], row["actor_name"]) == (
        "agent",
        agent.user_id,
        "agent",
    )
    assert row["on_behalf_of_id"] == owner.user_id
    assert row["on_behalf_of_name"] == "owner"
    assert row["changes"] == [
        {"column": "description", "from": None, "to": "cold"},
        {"column": "name", "from": "North", "to": "South"},
        {"column": "row_version", "from": 1, "to": 2},
    ]
    assert row["summary"] == 'update: description: null -> "cold"; name: "North" -> "South"'
    assert (row["request_id"], str(row["ip"])) == ("request 1", "192.0.2.7")
    assert row["is_redacted"] is False


def test_a_history_tells_a_whole_life_newest_first(ask: Any, trail: Trail) -> None:
    trail.add("insert", None, {"name": "North", "description": None})
    trail.add("update", {"name": "North"}, {"name": "South"})
    trail.add("delete", {"name": "South", "description": None}, None)
    found = ask("select op, summary from audit.history('tenancy.teams', %s)", trail.record)
    assert [row["summary"] for row in found] == [
        'delete: name = "South"',
        'update: name: "North" -> "South"',
        'insert: name = "North"',
    ]


def test_a_history_goes_by_epoch_timeline_and_seq_not_by_clocks(ask: Any, trail: Trail) -> None:
    hour = timedelta(hours=1)
    trail.add("update", {"name": "d"}, {"name": "e"}, epoch=2, timeline=1, at=NOON - 3 * hour)
    trail.add("insert", None, {"name": "a"}, at=NOON)
    trail.add("update", {"name": "a"}, {"name": "b"}, at=NOON - hour)
    trail.add("update", {"name": "b"}, {"name": "d"}, timeline=2, at=NOON - 2 * hour)
    found = ask("select changes from audit.history('tenancy.teams', %s)", trail.record)
    assert [row["changes"][0]["to"] for row in found] == ["e", "d", "b", "a"]


def test_a_history_says_that_values_were_erased_or_never_kept(ask: Any, trail: Trail) -> None:
    trail.add("insert", None, None)
    trail.add("redact")
    trail.add("update", None, None, has_values=False)
    found = ask("select * from audit.history('tenancy.teams', %s)", trail.record)
    assert [(row["summary"], row["is_redacted"], row["changes"]) for row in found] == [
        ("update (no values are recorded)", False, None),
        ("values of this record were erased from the trail", False, None),
        ("insert (its values were erased)", True, None),
    ]


def test_the_pages_of_a_history_are_the_history(ask: Any, trail: Trail) -> None:
    ids = [trail.add("update", {"name": n}, {"name": n + 1}) for n in range(23)]
    seen: list[UUID] = []
    while page := ask(
        "select id from audit.history('tenancy.teams', %s, %s, 5)",
        trail.record,
        seen[-1] if seen else None,
    ):
        assert len(page) <= 5
        seen += [row["id"] for row in page]
    assert seen == ids[::-1]


# --- a record as it was ---------------------------------------------------------------------------


def as_of(ask: Any, trail: Trail, moment: datetime) -> Any:
    ((answer),) = ask("select audit.as_of(%s, %s, %s) as row", trail.table, trail.record, moment)
    return answer["row"]


def test_a_record_is_rebuilt_at_every_moment_of_many_random_lives(
    ask: Any, superuser: Connection, world: World
) -> None:
    for seed in range(12):
        dice = random.Random(seed)
        trail = new_trail(superuser, world.a.id)
        state: dict[str, Any] | None = None
        states: list[tuple[datetime, dict[str, Any] | None]] = []
        for step in range(dice.randint(3, 12)):
            at = NOON + timedelta(minutes=step)
            if state is None:
                state = {"name": f"n{step}", "size": step, "tags": [step], "note": None}
                trail.add("insert", None, state, at=at)
            elif dice.random() < 0.2:
                trail.add("delete", state, None, at=at)
                state = None
            else:
                columns = dice.sample(sorted(state), dice.randint(1, 3))
                changed = {name: dice.choice([step, None, {"deep": step}]) for name in columns}
                trail.add("update", {name: state[name] for name in columns}, changed, at=at)
                state = state | changed
            states.append((at, state))
        if state is not None:
            # there is no such table row: the trail must end with what takes it away
            trail.add("delete", state, None, at=NOON + timedelta(hours=1))
        assert as_of(ask, trail, NOON - timedelta(minutes=1)) is None, seed
        for at, expected in states:
            for moment in (at, at + timedelta(seconds=59)):
                assert as_of(ask, trail, moment) == expected, (seed, at)


def test_what_the_triggers_write_rebuilds_what_the_table_held(
    client: Connection, ask: Any, world: World
) -> None:
    claims = world.a.members["owner"].claims()

    def change(statement: str, *parameters: Any) -> Row:
        with acting(client, claims, keep=True):
            row = client.execute(
                f"with changed as ({statement} returning *) select clock_timestamp() as at,"
                " to_jsonb(c) as row from changed as c".encode(),
                parameters,
            ).fetchone()
        assert row is not None
        return row

    made = change("insert into tenancy.teams (name) values ('First')")
    team = UUID(made["row"]["id"])
    states = [made]
    for column, value in (("name", "Second"), ("description", "cold"), ("name", "Third")):
        states.append(change(f"update tenancy.teams set {column} = %s where id = %s", value, team))
    for state in states:
        ((answer),) = ask("select audit.as_of('tenancy.teams', %s, %s) as row", team, state["at"])
        assert answer["row"] == state["row"]
    before = made["at"] - timedelta(minutes=1)
    ((answer),) = ask("select audit.as_of('tenancy.teams', %s, %s) as row", team, before)
    assert answer["row"] is None


def test_a_live_record_older_than_the_trail_is_rebuilt_from_today(
    ask: Any, superuser: Connection, world: World
) -> None:
    team = world.a.teams["South"]
    trail = Trail(superuser, world.a.id, team)
    forget(trail)
    now = ask("select now() as now")[0]["now"]
    live = as_of(ask, trail, now)
    assert live["name"] == "South"
    later = now + timedelta(seconds=1)
    trail.add("update", {"name": "Deep South"}, {"name": "South"}, at=later)
    assert as_of(ask, trail, now) == {**live, "name": "Deep South"}
    assert as_of(ask, trail, later) == live
    assert as_of(ask, trail, datetime.fromisoformat("2001-01-01T00:00:00+00:00")) is None


def test_a_rebuilt_record_becomes_a_row_of_its_table(ask: Any, world: World) -> None:
    team = world.a.teams["North"]
    ((row),) = ask(
        "select t.* from audit.as_of('tenancy.teams', %s, now()) as a (row)"
        " cross join lateral jsonb_populate_record(null::tenancy.teams, a.row) as t",
        team,
    )
    assert (row["id"], row["name"]) == (team, "North")
    assert isinstance(row["created_at"], datetime)


def test_a_column_whose_value_was_erased_is_absent_not_invented(ask: Any, trail: Trail) -> None:
    minute = timedelta(minutes=1)
    trail.add("insert", None, None, at=NOON)
    trail.add("update", None, None, at=NOON + minute, changed=["name"])
    trail.add("redact", at=NOON + 2 * minute)
    trail.add("update", {"size": 1}, {"size": 2}, at=NOON + 3 * minute)
    trail.add("delete", {"name": "erased", "size": 2}, None, at=NOON + 4 * minute)
    assert as_of(ask, trail, NOON) == {"size": 1}
    assert as_of(ask, trail, NOON + minute) == {"name": "erased", "size": 1}
    assert as_of(ask, trail, NOON + 4 * minute) is None


def test_a_record_without_kept_values_is_refused(
    client: Connection, world: World, trail: Trail
) -> None:
    trail.add("insert", None, None, has_values=False)
    trail.add("update", None, None, has_values=False, at=NOON + timedelta(minutes=1))
    with acting(client, world.a.members["owner"].claims()):
        outcome = attempt(
            client, "select audit.as_of('tenancy.teams', %s, %s)", [trail.record, NOON]
        )
    assert outcome.sqlstate == "22023"
    assert outcome.message == (
        "The trail of this record of tenancy.teams keeps no values, so it cannot be rebuilt."
    )


def test_an_unknown_record_is_not_taken_for_one_that_did_not_exist(
    client: Connection, world: World
) -> None:
    with acting(client, world.a.members["owner"].claims()):
        outcome = attempt(client, "select audit.as_of('tenancy.teams', %s, now())", [uuid4()])
    assert outcome.sqlstate == NOTHING_IS_KNOWN


def test_columns_whose_changes_nobody_records_are_absent(ask: Any, trail: Trail) -> None:
    trail.add("insert", None, {"name": "key", "last_used_at": None})
    trail.add(
        "delete",
        {"name": "key", "last_used_at": "2026-01-01"},
        None,
        at=NOON + timedelta(minutes=1),
    )
    assert as_of(ask, trail, NOON) == {"name": "key"}


# --- activity -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy(superuser: Connection, world: World) -> list[Row]:
    """Two hundred entries of agency a, in an hour of their own."""
    dice = random.Random(5)
    people = [world.a.members[name].user_id for name in ("owner", "admin", "manager")]
    entries = []
    for number in range(200):
        entry = Trail(
            superuser,
            world.a.id,
            uuid4(),
            dice.choice(["tenancy.teams", "tenancy.memberships"]),
        )
        at = NOON - timedelta(hours=5) + timedelta(seconds=number * 18)
        row = {
            "op": dice.choice(["insert", "update", "delete"]),
            "at": at,
            "actor_user_id": dice.choice(people),
            "table_name": entry.table,
            "record_id": entry.record,
        }
        row["id"] = entry.add(
            str(row["op"]), {"name": 1}, {"name": 2}, at=at, actor_user_id=row["actor_user_id"]
        )
        entries.append(row)
    return entries


FROM, TO = NOON - timedelta(hours=5), NOON - timedelta(hours=4)


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"actor": "admin"},
        {"in_table": "tenancy.teams"},
        {"of_op": "delete"},
        {"actor": "owner", "in_table": "tenancy.memberships", "of_op": "update"},
        {"since": FROM + timedelta(minutes=10), "until": FROM + timedelta(minutes=20)},
    ],
    ids=str,
)
def test_filters_and_pages_answer_what_a_list_of_all_entries_answers(
    ask: Any, world: World, busy: list[Row], chosen: dict[str, Any]
) -> None:
    chosen = {"since": FROM, "until": TO, **chosen}
    if "actor" in chosen:
        chosen["actor"] = world.a.members[chosen["actor"]].user_id
    expected = [
        row["id"]
        for row in reversed(busy)
        if chosen["since"] <= row["at"] < chosen["until"]
        and chosen.get("actor", row["actor_user_id"]) == row["actor_user_id"]
        and chosen.get("in_table", row["table_name"]) == row["table_name"]
        and chosen.get("of_op", row["op"]) == row["op"]
    ]
    assert expected
    arguments = ", ".join(f"{name} => %s" for name in chosen)
    seen: list[UUID] = []
    while page := ask(
        f"select * from audit.activity({arguments}, before => %s, page_size => 7)",
        *chosen.values(),
        seen[-1] if seen else None,
    ):
        seen += [row["id"] for row in page]
    assert seen == expected


def test_a_page_names_who_did_what_to_which_record(ask: Any, world: World, busy: list[Row]) -> None:
    last = busy[-1]
    ((row),) = ask(
        "select * from audit.activity(since => %s, until => %s, page_size => 1)", FROM, TO
    )
    assert row["id"] == last["id"]
    assert row["table_name"] == last["table_name"]
    assert row["record_id"] == last["record_id"]
    assert row["actor_name"] in ("owner", "admin", "manager")


def test_rows_written_between_two_pages_move_nothing(
    ask: Any, superuser: Connection, world: World
) -> None:
    start = NOON - timedelta(hours=10)
    trail = new_trail(superuser, world.a.id)
    ids = [
        trail.add("update", {"n": n}, {"n": n + 1}, at=start + timedelta(minutes=n))
        for n in range(6)
    ]
    question = (
        "select id from audit.activity(since => %s, until => %s, before => %s, page_size => 3)"
    )
    until = start + timedelta(hours=1)
    first = [row["id"] for row in ask(question, start, until, None)]
    trail.add("update", {"n": 6}, {"n": 7}, at=start + timedelta(minutes=30))
    second = [row["id"] for row in ask(question, start, until, first[-1])]
    assert first + second == ids[::-1]


# --- plans at scale -------------------------------------------------------------------------------

# Blocks of 8 kB that an answer may read of the trail: some for each month, and a page of rows.
BLOCKS = 300


@pytest.fixture(scope="module")
def long_trail(cluster: Databases) -> Iterator[Database]:
    """A hundred thousand entries of two years, a fifth of them in one agency."""
    with cluster.migrated() as made:
        audit_reading.prepare(made)
        audit_reading.add_rows(made, 1, 100_000)
        yield made


@pytest.fixture(scope="module")
def facts(long_trail: Database) -> dict[str, Any]:
    """Ids that the questions ask for."""
    return audit_reading.facts(long_trail)


def plans(database: Database, question: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The plans of all statements that an owner's question runs, functions included."""
    notices: list[str] = []
    with database.connect() as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        connection.execute("load 'auto_explain'")
        for setting, value in (
            ("log_min_duration", "0"),
            ("log_nested_statements", "on"),
            ("log_analyze", "on"),
            ("log_buffers", "on"),
            ("log_timing", "off"),
            ("log_format", "json"),
            ("log_level", "notice"),
        ):
            connection.execute(f"set local auto_explain.{setting} = '{value}'".encode())
        audit_reading.enter(connection)
        notices.clear()
        connection.execute(question.encode(), values).fetchall()
    found = [json.loads(notice[notice.index("{") :])["Plan"] for notice in notices if "{" in notice]
    return [node for plan in found for node in nodes(plan)]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The node and all below it."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


@pytest.mark.slow
@pytest.mark.parametrize("name", audit_reading.QUESTIONS)
def test_no_question_reads_a_month_from_end_to_end(
    long_trail: Database, facts: dict[str, Any], name: str
) -> None:
    found = plans(long_trail, audit_reading.QUESTIONS[name], facts)
    of_log = [node for node in found if node.get("Relation Name", "").startswith("log_20")]
    assert of_log, "the plans of the functions are missing"
    blocks = {
        (node["Relation Name"], node["Node Type"]): node["Shared Hit Blocks"]
        + node["Shared Read Blocks"]
        for node in of_log
    }
    # an empty month, and the first days of one, are read as they are
    assert not {place for place, read in blocks.items() if place[1] == "Seq Scan" and read > 4}
    assert sum(blocks.values()) < BLOCKS, blocks


@pytest.mark.slow
def test_time_and_cursor_leave_other_months_out_of_the_plan(
    long_trail: Database, facts: dict[str, Any]
) -> None:
    found = plans(long_trail, audit_reading.QUESTIONS["activity: one day a year ago"], facts)
    months = {
        node["Relation Name"]
        for node in found
        if node.get("Relation Name", "").startswith("log_20")
    }
    assert len(months) in (1, 2)
