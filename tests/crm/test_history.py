"""The history of a record, for everybody who can read the record and nobody else."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import Mutant
from tests.database import ROOT, Cluster
from tests.policies.town import AGENCIES, MEMBERSHIPS, USERS, Stage, Town, named, team_id

ALPHA = AGENCIES["alpha"].id
HISTORY = "select op, summary, actor_name from app.record_history(%s, %s)"
STAFF = ("ann", "adam", "mia", "max", "mel", "vic", "both")
TABLES = (
    "crm.companies",
    "crm.contacts",
    "crm.contact_points",
    "crm.deals",
    "crm.deal_line_items",
    "crm.activities",
    "crm.conversations",
    "crm.calendar_events",
    "crm.files",
    "crm.products",
)


@pytest.fixture(scope="module")
def town(cluster: Cluster) -> Iterator[Town]:
    """The town, without records."""
    with cluster.migrated() as database:
        yield Town(database)


@pytest.fixture
def stage(town: Town) -> Iterator[Stage]:
    """A transaction in which people take turns; rolled back."""
    with town.stage() as found:
        yield found


def me(user: str) -> UUID:
    """The membership of somebody in agency alpha."""
    return MEMBERSHIPS["alpha", user].id


def make(stage: Stage, table: str, **values: Any) -> UUID:
    """Insert a row of agency alpha as `service_role`; the id."""
    row = {"agency_id": ALPHA, "id": uuid4(), **values}
    marks = ", ".join(["%s"] * len(row))
    stage.service().run(f"insert into {table} ({', '.join(row)}) values ({marks})", *row.values())
    return UUID(str(row["id"]))


def contact(stage: Stage, **values: Any) -> UUID:
    """A contact with a history of two entries, the second by ann."""
    found = make(stage, "crm.contacts", full_name="Zoe", **values)
    stage.become("ann").run("update crm.contacts set full_name = 'Zoë' where id = %s", found)
    return found


def note(stage: Stage, visibility: str, body: str = "first", **values: Any) -> UUID:
    """A note."""
    return make(
        stage,
        "crm.activities",
        kind="note",
        subject="Call",
        body=body,
        visibility=visibility,
        **values,
    )


def change(stage: Stage, record: UUID, **values: Any) -> None:
    """Change a note as `service_role`."""
    sets = ", ".join(f"{name} = %s" for name in values)
    stage.service().run(f"update crm.activities set {sets} where id = %s", *values.values(), record)


def told(stage: Stage, user: str, record: UUID) -> str:
    """All that somebody is told of the history of a note."""
    stage.become(user)
    rows = stage.rows(
        "select to_jsonb(h)::text from app.record_history('crm.activities', %s) as h", record
    )
    return " ".join(rows)


# --- who ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", STAFF)
def test_who_reads_a_record_reads_its_history(stage: Stage, user: str) -> None:
    """Each in their scope: in reach, the whole history; out of reach, not a row."""
    for values in (
        {"owner_id": me("mel"), "team_id": team_id("sales")},
        {"owner_id": me("max"), "team_id": team_id("support")},
        {"owner_id": me("both")},
        {"owner_id": me("vic")},
        {},
    ):
        record = contact(stage, **values)
        reads = stage.become(user).rows("select 1 from crm.contacts where id = %s", record)
        history = stage.rows(HISTORY, "crm.contacts", record)
        as_of = stage.value(
            "select app.record_as_of('crm.contacts', %s, clock_timestamp())", record
        )
        if reads:
            assert [row[0] for row in history] == ["update", "insert"]
            assert history[0][1:] == ('update: full_name: "Zoe" -> "Zoë"', "Ann")
            assert as_of["full_name"] == "Zoë"
        else:
            assert history == []
            assert as_of is None


@pytest.mark.parametrize("user", ["cli", "bot", "loner", "removed", "paused", "disabled"])
def test_clients_agents_and_outsiders_have_no_history(stage: Stage, user: str) -> None:
    """The client and the agent can read the note itself."""
    record = note(stage, "client", contact_id=named("contact", "cli"), team_id=team_id("sales"))
    stage.service().run(
        "update tenancy.memberships set record_scope = 'all' where id = %s", me("bot")
    )
    stage.become(user)
    reads = stage.rows("select 1 from crm.activities where id = %s", record)
    assert bool(reads) is (user in ("cli", "bot"))
    assert stage.rows(HISTORY, "crm.activities", record) == []
    assert stage.value("select app.record_as_of('crm.activities', %s, now())", record) is None
    assert stage.rows("select 1 from audit.record_entries") == []


def test_an_agent_has_no_history_for_its_user(stage: Stage) -> None:
    record = contact(stage)
    stage.become("ann", act={"iss": "https://id.example", "user_id": str(USERS["bot"].id)})
    assert stage.rows("select 1 from crm.contacts where id = %s", record) == [1]
    assert stage.rows(HISTORY, "crm.contacts", record) == []


@pytest.mark.parametrize(
    ("scopes", "count"),
    [
        (["crm.contacts:select"], 0),
        (["audit.log:select"], 0),
        (["crm.contacts:select", "audit.log:select"], 2),
    ],
)
def test_a_key_needs_the_scope_of_the_record_and_of_the_trail(
    stage: Stage, scopes: list[str], count: int
) -> None:
    record = contact(stage)
    key = named("api_key", "whole")
    stage.service().run("update tenancy.api_keys set scopes = %s where id = %s", scopes, key)
    stage.become("ann", api_key_id=str(key))
    assert len(stage.rows(HISTORY, "crm.contacts", record)) == count


def test_another_agency_has_no_history(stage: Stage) -> None:
    """Not even of a record with the same id."""
    record = contact(stage)
    make(stage, "crm.contacts", agency_id=AGENCIES["beta"].id, id=record, full_name="Other")
    stage.become("bob", "beta")
    assert [row[1] for row in stage.rows(HISTORY, "crm.contacts", record)] == [
        'insert: custom = {}; do_not_contact = false; full_name = "Other"'
    ]


def test_history_goes_with_the_right_to_read(stage: Stage) -> None:
    record = contact(stage, owner_id=me("mel"))
    assert len(stage.become("mel").rows(HISTORY, "crm.contacts", record)) == 2
    stage.become("ann").run(
        "update crm.contacts set owner_id = %s where id = %s", me("max"), record
    )
    assert stage.become("mel").rows(HISTORY, "crm.contacts", record) == []


def test_what_is_gone_for_good_is_in_no_history(stage: Stage) -> None:
    record = contact(stage)
    stage.become("ann").run("delete from crm.contacts where id = %s", record)
    assert stage.rows(HISTORY, "crm.contacts", record) == []
    assert len(stage.rows("select 1 from audit.history('crm.contacts', %s)", record)) == 3


@pytest.mark.parametrize(
    "table", ["crm.messages", "tenancy.memberships", "pg_class", "", "crm.contacts;", None]
)
def test_a_table_without_a_history_for_everybody_answers_nothing(
    stage: Stage, table: str | None
) -> None:
    stage.become("ann")
    assert stage.rows(HISTORY, table, uuid4()) == []
    assert stage.value("select app.record_as_of(%s, %s, now())", table, uuid4()) is None


def test_a_record_with_the_id_of_another_has_no_history_of_that(stage: Stage) -> None:
    """Clients choose ids, so an id that was seen once can be taken when its record is gone."""
    record = contact(stage, owner_id=me("max"), job_title="secret")
    assert stage.become("mel").rows(HISTORY, "crm.contacts", record) == []
    stage.become("ann").run("delete from crm.contacts where id = %s", record)
    stage.become("mel").run(
        "insert into crm.contacts (id, full_name, owner_id) values (%s, 'Mine', %s)",
        record,
        me("mel"),
    )
    assert [row[0] for row in stage.rows(HISTORY, "crm.contacts", record)] == ["insert"]
    entries = stage.rows("select to_jsonb(e)::text from audit.record_entries as e")
    assert "secret" not in " ".join(entries)
    assert len(stage.become("ann").rows("select 1 from audit.history('crm.contacts', %s)", record))


def test_record_entries_shows_the_records_of_a_plain_select_and_no_others(stage: Stage) -> None:
    """The owner's view, read whole by each person, beside records of everybody in two agencies."""
    for agency, users in (("alpha", ("mel", "max", "both")), ("beta", ("bob", "both"))):
        its: dict[str, Any] = {"agency_id": AGENCIES[agency].id}
        for user in users:
            owned: dict[str, Any] = {"owner_id": MEMBERSHIPS[agency, user].id, **its}
            # the same id in both agencies of who works in two
            make(stage, "crm.companies", id=named("company", user), name=user, **owned)
            person = make(stage, "crm.contacts", full_name=user, **owned)
            address = f"{user}@example.org"
            make(stage, "crm.contact_points", contact_id=person, kind="email", value=address, **its)
            for visibility in ("private", "team", "agency"):
                note(stage, visibility, **owned)
    counts = set()
    for user, agency in (*((user, "alpha") for user in STAFF), ("bob", "beta"), ("both", "beta")):
        stage.become(user, agency)
        readable = {
            (AGENCIES[agency].id, table, row)
            for table in TABLES
            for row in stage.rows(f"select id from {table}")
        }
        shown = stage.rows(
            "select agency_id, schema_name || '.' || table_name, record_id"
            " from audit.record_entries"
        )
        assert set(shown) == readable, f"{user} of {agency}"
        counts.add(len(shown))
    assert len(counts) > 2, "of different people"


def test_record_entries_is_for_clients_with_a_proof_alone(town: Town) -> None:
    """No other role reads the owner's view, those that see past the policies least of all."""
    ask = "select 1 from audit.record_entries"
    with town.database.connect() as connection:
        holders = connection.execute(
            "select rolname from pg_roles where not rolsuper"
            " and has_table_privilege(oid, 'audit.record_entries', 'select')"
        ).fetchall()
    readers = {name for (name,) in holders if not name.startswith("pg_")}
    assert readers == {"authenticated", "gardenos_audit_sealer"}
    with town.stage() as stage:
        contact(stage)
        with stage.refused("42501"):
            stage.service().rows(ask)
        stage.run("set local role anon")
        with stage.refused("42501"):
            stage.rows(ask)
        for claims in ("", "[]", "{}", "null", "not json"):
            assert stage.present(claims).rows(ask) == []
    with town.stage(login="gardenos_worker") as stage, stage.refused("42501"):
        stage.rows(ask)
    with town.stage(login="gardenos_app") as stage:
        stage.become("ann")
        assert stage.rows(ask) == [], "claims without a seal"


# piece of the view -> what is there instead
FORGOTTEN = {
    "the agency": ("e.agency_id = (select app.agency_id())\n    and", ""),
    "the record": ("app.can_read(e.schema_name, e.table_name, e.record_id)", "true"),
    "the life before": ("and not e.is_of_another", ""),
}


@pytest.mark.parametrize("name", FORGOTTEN)
def test_record_entries_that_forgets_a_rule_is_noticed(
    town: Town, mutant: Mutant, name: str
) -> None:
    old, new = FORGOTTEN[name]
    mutant("view", "test_history.py", f"audit.record_entries forgets {name}")
    text = (ROOT / "sql" / "views" / "audit.record_entries.sql").read_text(encoding="utf-8")
    assert old in text
    gate = (
        test_a_record_with_the_id_of_another_has_no_history_of_that
        if name == "the life before"
        else test_record_entries_shows_the_records_of_a_plain_select_and_no_others
    )
    with town.stage(login="postgres") as stage:
        stage.connection.execute(text.replace(old, new).encode())
        with pytest.raises(AssertionError):
            gate(stage)


# --- what -----------------------------------------------------------------------------------------


def test_what_was_private_is_never_told(stage: Stage) -> None:
    record = note(stage, "private", "secret one", owner_id=me("mel"))
    change(stage, record, body="secret two")
    change(stage, record, body="open", visibility="agency")
    change(stage, record, body="open still")
    for user in ("mel", "ann", "adam"):
        text = told(stage, user, record)
        assert "open still" in text
        assert "secret" not in text


def test_what_stood_in_a_record_that_was_shared_otherwise_is_not_told(stage: Stage) -> None:
    """A note of a team is cleaned and opened to all: the old text stays with the team's time."""
    record = note(stage, "team", "for the team", owner_id=me("mel"), team_id=team_id("sales"))
    change(stage, record, body="for everybody", visibility="agency")
    change(stage, record, body="for everybody, again")
    text = told(stage, "adam", record)
    assert "for everybody, again" in text
    assert "for the team" not in text
    assert "for the team" not in str(
        stage.rows("select to_jsonb(e)::text from audit.record_entries as e")
    )


def test_private_for_a_while_hides_what_was_before(stage: Stage) -> None:
    record = note(stage, "agency", "old", owner_id=me("mel"))
    change(stage, record, body="secret", visibility="private")
    change(stage, record, body="new", visibility="agency")
    text = told(stage, "ann", record)
    assert "secret" not in text
    assert "old" not in text


def test_addresses_of_colleagues_are_not_told(stage: Stage) -> None:
    cursor = stage.become("mel").connection.execute(
        "select * from app.record_history('crm.contacts', %s)", [uuid4()]
    )
    names = {column.name for column in cursor.description or ()}
    assert names.isdisjoint({"ip", "request_id", "db_role", "salt", "values_hash"})


def test_the_view_asks_before_it_shows(stage: Stage) -> None:
    """A condition that talks is not run on entries of others (security_barrier)."""
    contact(stage, owner_id=me("max"))
    stage.become("mel")
    assert stage.rows("select 1 from audit.record_entries as e where e.op::text::int = 1") == []


# --- as of ----------------------------------------------------------------------------------------


def moments(town: Town, *statements: str) -> list[Any]:
    """Run statements of ann, each in a transaction of its own; the moments after each."""
    found = []
    for statement in statements:
        with town.stage(keep=True) as one:
            one.become("ann").run(statement)
        with town.stage() as one:
            found.append(one.become("ann").value("select clock_timestamp()"))
    return found


def test_a_record_is_shown_as_it_was(town: Town) -> None:
    record = uuid4()
    times = moments(
        town,
        "select 1",
        f"insert into crm.contacts (id, full_name) values ('{record}', 'One')",
        f"update crm.contacts set full_name = 'Two', job_title = 'Boss' where id = '{record}'",
        f"update crm.contacts set full_name = 'Three' where id = '{record}'",
    )
    with town.stage() as stage:
        stage.become("max")
        states = [
            stage.value("select app.record_as_of('crm.contacts', %s, %s)", record, moment)
            for moment in times
        ]
        owners = [
            stage.become("ann").value(
                "select audit.as_of('crm.contacts', %s, %s) - 'search'::text", record, moment
            )
            for moment in times
        ]
    assert states == owners
    assert [state and state["full_name"] for state in states] == [None, "One", "Two", "Three"]


def test_a_time_when_it_was_shared_otherwise_is_refused(town: Town) -> None:
    record = uuid4()
    times = moments(
        town,
        "insert into crm.activities (id, kind, subject, visibility)"
        f" values ('{record}', 'note', 'Inside', 'team')",
        f"update crm.activities set subject = 'Open', visibility = 'agency' where id = '{record}'",
        f"update crm.activities set subject = 'Open 2' where id = '{record}'",
    )
    with town.stage() as stage:
        stage.become("adam")
        ask = "select app.record_as_of('crm.activities', %s, %s) ->> 'subject'"
        assert [stage.value(ask, record, moment) for moment in times[1:]] == ["Open", "Open 2"]
        with stage.refused("22023"):
            stage.value(ask, record, times[0])


def test_no_moment_is_refused(stage: Stage) -> None:
    with stage.refused("22004"):
        stage.become("ann").value("select app.record_as_of('crm.contacts', %s, null)", uuid4())


# --- pages, tables, plans -------------------------------------------------------------------------


def test_a_history_comes_in_pages(stage: Stage) -> None:
    record = contact(stage)
    page = "select id from app.record_history('crm.contacts', %s, %s, 1)"
    stage.become("max")
    (newest,) = stage.rows(page, record, None)
    (oldest,) = stage.rows(page, record, newest)
    assert newest != oldest
    assert stage.rows(page, record, oldest) == []
    with stage.refused("22023"):
        stage.rows(page, record, uuid4())


@pytest.mark.parametrize("table", TABLES)
def test_can_read_is_what_the_table_answers(stage: Stage, table: str) -> None:
    """Every table on its list is asked under the policies; an unknown id is out of reach."""
    stage.become("ann")
    schema, name = table.split(".")
    ids = stage.rows(f"select id from {table} limit 3")
    assert all(stage.value("select app.can_read(%s, %s, %s)", schema, name, one) for one in ids)
    assert stage.value("select app.can_read(%s, %s, %s)", schema, name, uuid4()) is False


def test_a_history_is_found_by_its_index(stage: Stage) -> None:
    """The filter on the record reaches the trail below the window of the view."""
    record = contact(stage)
    stage.become("mel")
    plan = "\n".join(
        stage.rows(
            "explain select * from audit.record_entries where agency_id = app.agency_id()"
            " and table_name = 'contacts' and record_id = %s and schema_name = 'crm'",
            record,
        )
    )
    assert "record_id = " in plan.split("Window")[-1]
