"""What monitoring asks: each query runs as gardenos_monitor, notices what it is for, is shown."""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import yaml  # type: ignore[import-untyped]
from psycopg.rows import dict_row

from tests.audit.collector import COLLECTOR, MONITORING, Query, queries, render
from tests.audit.entries import new_trail
from tests.database import Database, Databases, private_server
from tests.policies.access import Connection, Row, attempt

QUERIES = {query.name: query for query in queries()}
METRICS = {query.metric(value) for query in QUERIES.values() for value in query.values}
METRIC = re.compile(r"\bgardenos_[a-z_]+")
NUMBERS = {"int2", "int4", "int8", "float8", "numeric"}


@pytest.fixture(scope="module")
def quiet(cluster: Databases) -> Iterator[Database]:
    """A database in which nothing is wrong, for tests that change nothing."""
    with cluster.migrated() as made:
        yield made


@pytest.fixture
def superuser(database: Database) -> Iterator[Connection]:
    """Who breaks things."""
    with database.connect(autocommit=True, row_factory=dict_row) as connection:
        yield connection


def ask(database: Database, name: str) -> dict[str, Any]:
    """The one row of a query, as gardenos_monitor."""
    with database.connect("gardenos_monitor", row_factory=dict_row) as monitor:
        found: list[Row] = monitor.execute(QUERIES[name].statement.encode()).fetchall()
    (row,) = found
    return row


# --- the queries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_runs_as_the_monitor_and_returns_the_columns_that_it_documents(
    quiet: Database, query: Query
) -> None:
    with quiet.connect("gardenos_monitor") as monitor:
        monitor.execute("set transaction read only")
        cursor = monitor.execute(query.statement.encode())
        assert cursor.description is not None
        types = {
            column.name: psycopg.postgres.types[column.type_code].name
            for column in cursor.description
        }
        rows = cursor.fetchall()
    assert types.keys() == {*query.labels, *query.values}
    assert {types[name] for name in query.values} <= NUMBERS
    assert {types[name] for name in query.labels} <= {"text", "name"}
    assert all(value is not None for row in rows for value in row), rows


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_says_what_its_values_mean(query: Query) -> None:
    assert query.values
    for value in query.values:
        assert re.search(rf"\b{value}\b", query.text), value


def test_the_monitor_reads_no_row(quiet: Database) -> None:
    with quiet.connect("gardenos_monitor", autocommit=True, row_factory=dict_row) as monitor:
        tables = monitor.execute(
            "select c.oid::regclass::text as name from pg_class as c"
            " join pg_namespace as n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v')"
            " and n.nspname in ('app', 'tenancy', 'audit')"
        ).fetchall()
        assert len(tables) > 10
        for table in tables:
            outcome = attempt(monitor, f"select * from {table['name']}")
            assert outcome.sqlstate == "42501", table["name"]


# --- that they notice -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ("tables_without_rls", "alter table tenancy.teams disable row level security"),
        ("tables_without_rls", "alter table audit.log no force row level security"),
        ("triggers_off", "alter table tenancy.teams disable trigger audit_update"),
        ("triggers_off", "alter table tenancy.teams enable replica trigger stamp"),
        ("tables_unlogged", "create unlogged table audit.scratch (id uuid)"),
        (
            "constraints_unproved",
            "alter table tenancy.teams add constraint x check (name <> 'x') not valid",
        ),
        (
            "indexes_invalid",
            "update pg_index set indisvalid = false"
            " where indexrelid = 'tenancy.teams_pkey'::regclass",
        ),
    ],
)
def test_a_guard_that_is_gone_is_counted(
    database: Database, superuser: Connection, value: str, change: str
) -> None:
    assert ask(database, "guards")[value] == 0
    superuser.execute(change.encode())
    assert ask(database, "guards")[value] >= 1


def test_a_trigger_that_does_not_record_is_a_defect_of_the_trail(
    database: Database, superuser: Connection
) -> None:
    assert ask(database, "audit_defects")["defects"] == 0
    superuser.execute("alter table tenancy.teams disable trigger audit_update")
    assert ask(database, "audit_defects")["defects"] == 1


def test_a_month_that_is_missing_ahead_ends_what_is_ahead(
    database: Database, superuser: Connection
) -> None:
    assert ask(database, "audit_months")["months_ahead"] == 24
    now = datetime.now(UTC)
    year, month = divmod(now.year * 12 + now.month - 1 + 5, 12)
    superuser.execute(f"drop table audit.log_{year}_{month + 1:02}".encode())
    assert ask(database, "audit_months")["months_ahead"] == 4


def test_rows_without_a_seal_and_broken_trails_are_counted(
    database: Database, superuser: Connection
) -> None:
    agencies = [uuid4(), uuid4()]
    for agency in agencies:
        trail = new_trail(superuser, agency)
        for number in range(3):
            trail.add("update", {"n": number}, {"n": number + 1}, at=datetime.now(UTC))
    found = ask(database, "audit_health")
    assert (found["agencies_unsealed"], found["rows_unsealed"]) == (2, 6)
    assert 0 < found["unsealed_seconds"] < 600
    assert 0 < found["verified_seconds"] < 600
    with database.connect("gardenos_worker", autocommit=True) as worker:
        worker.execute("select audit.seal()")
        found = ask(database, "audit_health")
        assert (found["agencies_unsealed"], found["rows_unsealed"]) == (0, 0)
        assert found["unsealed_seconds"] == 0
        assert worker.execute("select audit.note_verification()").fetchall() == [(0,)]
        assert ask(database, "audit_health")["agencies_broken"] == 0
        with superuser.transaction():
            superuser.execute("set local session_replication_role = replica")
            superuser.execute("delete from audit.log where agency_id = %s", [agencies[0]])
        assert worker.execute("select audit.note_verification()").fetchall() != [(0,)]
    trail = new_trail(superuser, agencies[0])
    trail.add("insert", None, {"n": 1}, at=datetime.now(UTC))
    assert ask(database, "audit_health")["agencies_broken"] == 1
    notes = superuser.execute(
        "select last_seal, problems, first_problem from audit.verifications"
        " where agency_id = %s order by id",
        [agencies[0]],
    ).fetchall()
    assert [note["problems"] > 0 for note in notes] == [False, True]
    assert notes[1]["first_problem"].startswith("seal 1, ")


def test_who_waits_for_a_lock_is_counted_and_who_blocks(database: Database) -> None:
    with (
        database.connect() as holder,
        database.connect() as waiter,
        ThreadPoolExecutor(max_workers=1) as thread,
    ):
        holder.execute("lock table tenancy.teams in access exclusive mode")
        waiting = thread.submit(waiter.execute, "select count(*) from tenancy.teams")
        while (found := ask(database, "locks"))["sessions_waiting"] == 0:
            time.sleep(0.01)
        holder.rollback()
        waiting.result()
    assert (found["sessions_waiting"], found["sessions_blocking"]) == (1, 1)
    assert found["longest_wait_seconds"] >= 0


# --- what they are shown with ---------------------------------------------------------------------


def test_the_collector_holds_the_queries_as_they_are() -> None:
    assert COLLECTOR.read_text() == render()
    collector = yaml.safe_load(COLLECTOR.read_text())
    assert {metric["metric_name"] for metric in collector["metrics"]} == METRICS
    named = {query["query_name"] for query in collector["queries"]}
    assert {metric["query_ref"] for metric in collector["metrics"]} == named == QUERIES.keys()


def dashboard() -> dict[str, Any]:
    """The dashboard, parsed."""
    found: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
    return found


def test_the_dashboard_shows_every_value_and_no_other() -> None:
    text = json.dumps([panel.get("targets") for panel in dashboard()["panels"]])
    assert set(METRIC.findall(text)) == METRICS


def test_each_panel_names_the_files_it_shows_and_has_a_place_of_its_own() -> None:
    taken: set[tuple[int, int]] = set()
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        if panel["type"] == "row":
            continue
        asked = {metric for target in panel["targets"] for metric in METRIC.findall(target["expr"])}
        files = re.findall(r"[a-z_]+\.(?:sql|config)", panel["description"])
        assert all((MONITORING / file).exists() for file in files)
        for name, query in QUERIES.items():
            if asked & {query.metric(value) for value in query.values}:
                assert f"{name}.sql" in files, panel["title"]


def test_each_alarm_looks_at_values_that_there_are() -> None:
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    alarms = [rule for group in groups for rule in group["rules"]]
    assert len({alarm["alert"] for alarm in alarms}) == len(alarms)
    for alarm in alarms:
        assert set(METRIC.findall(alarm["expr"])) <= METRICS, alarm["alert"]
        assert METRIC.search(alarm["expr"]), alarm["alert"]
        assert alarm["labels"]["severity"] in ("warning", "critical")
        assert alarm["annotations"]["summary"].endswith(".") or "?" in str(alarm["annotations"])


# --- logs -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_logs_are_json_and_hold_no_parameter() -> None:
    settings = {
        name: str(value)
        for name, value in yaml.safe_load((MONITORING / "logging.yml").read_text()).items()
    }
    settings.pop("log_directory")
    with private_server({**settings, "log_min_duration_statement": "0"}) as server:
        with psycopg.connect(server.url(dbname="postgres"), autocommit=True) as connection:
            for name, value in settings.items():
                if name != "log_min_duration_statement":
                    shown = connection.execute(f"show {name}".encode()).fetchone()
                    assert shown == (value,), name
            connection.execute("select %s::text", ["kept secret"])
            with pytest.raises(psycopg.errors.InvalidTextRepresentation):
                connection.execute("select length(%s), 'no number'::integer", ["kept secret"])
            files = connection.execute(
                "select current_setting('data_directory') || '/' || pg_current_logfile('jsonlog')"
            ).fetchone()
        assert files is not None
        errors: list[dict[str, Any]] = []
        deadline = time.monotonic() + 20
        # the collector writes when it comes to it
        while not errors and time.monotonic() < deadline:
            lines = Path(files[0]).read_text().splitlines(keepends=True)
            events = [json.loads(line) for line in lines if line.endswith("\n")]
            errors = [event for event in events if event["error_severity"] == "ERROR"]
    assert [event["state_code"] for event in errors] == ["22P02"]
    assert any("duration:" in event["message"] for event in events)
    assert not [event for event in events if "kept secret" in json.dumps(event)]
