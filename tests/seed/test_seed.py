"""Two agencies as `make seed` makes them: complete, the same each time, and apart."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from tests.database import ROOT, Database, Databases, program_environment
from tests.seed import database as place
from tests.seed import seeding
from tests.seed.__main__ import main
from tests.seed.errors import SeedError
from tests.seed.isolation import check
from tests.seed.load import Loader
from tests.seed.plan import SMALLEST, Plan, split

PLAN = Plan.read("2", "2400", "7")
THIS_MONTH = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)

# What the database says of itself: when, in which transaction, with which salt.
STAMPED = {
    "created_at",
    "updated_at",
    "stage_entered_at",
    "closed_at",
    "entered_at",
    "left_at",
    "occurred_at",
    "txid",
    "seq",
    "undo_until",
    "embedded_at",
    "run_after",
    "suspended_at",
    "removed_at",
}
# Triggers and jobs make the ids of these.
UNNAMED = {
    "crm.deal_stage_history",
    "integration.outbox_events",
    "ai.agency_tiers",
    "ai.embedding_jobs",
}

# Triggers add a row for each row of others.
ASKED_FOR = {"integration.outbox_events": " and headers ->> 'request_id' like 'req-%%'"}


def connected(database: Database) -> psycopg.Connection[Any]:
    """A superuser in autocommit."""
    return database.connect(autocommit=True)


@pytest.fixture(scope="module")
def seeded(cluster: Databases) -> Iterator[Database]:
    """A database with both agencies; tests leave it as it is."""
    with cluster.migrated() as made:
        with connected(made) as superuser:
            seeding.seed(superuser, PLAN, month=THIS_MONTH)
        yield made


def agencies(superuser: psycopg.Connection[Any]) -> list[str]:
    """The agencies, the biggest first."""
    return [
        str(row[0]) for row in superuser.execute("select id from tenancy.agencies order by slug")
    ]


def contents(superuser: psycopg.Connection[Any]) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, without what the database stamps, in a fixed order."""
    found = {}
    names = [name for name in place.tenant_tables(superuser) if not name.startswith("audit.")]
    for name in [*names, "tenancy.agencies", "tenancy.users", "tenancy.user_identities"]:
        rows = superuser.execute(f"select to_jsonb(t) from {name} as t".encode()).fetchall()
        dropped = STAMPED | ({"id"} if name in UNNAMED else set())
        found[name] = sorted(
            ({key: value for key, value in row[0].items() if key not in dropped} for row in rows),
            key=repr,
        )
    return found


def test_every_table_of_every_agency_has_rows(seeded: Database) -> None:
    with connected(seeded) as superuser:
        assert len(agencies(superuser)) == 2
        for agency in agencies(superuser):
            assert place.empty_tables(superuser, agency) == []


def test_an_agency_has_exactly_the_rows_that_were_asked_for(seeded: Database) -> None:
    with connected(seeded) as superuser:
        tables = [one for one in place.tenant_tables(superuser) if not one.startswith("audit.")]
        for agency, rows in zip(agencies(superuser), PLAN.rows, strict=True):
            query = " + ".join(
                f"(select count(*) from {table}"
                f" where agency_id = %(agency)s{ASKED_FOR.get(table, '')})"
                for table in tables
            )
            row = superuser.execute(f"select {query}".encode(), {"agency": agency}).fetchone()
            assert row == (rows,)


def test_a_table_that_nobody_fills_is_named_and_the_agency_is_not_kept(database: Database) -> None:
    with connected(database) as superuser:
        superuser.execute("create table crm.forgotten (agency_id uuid not null)")
        with pytest.raises(SeedError, match=r"seed-7-1 has no row in crm\.forgotten"):
            seeding.seed(superuser, PLAN)
        assert agencies(superuser) == []


def test_an_agency_that_fails_halfway_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = Loader.flush

    def fail_at_files(loader: Loader) -> None:
        if loader.counts["crm.files"]:
            raise OSError("the machine is on fire")
        flush(loader)

    monkeypatch.setattr(Loader, "flush", fail_at_files)
    with connected(database) as superuser:
        with pytest.raises(OSError, match="on fire"):
            seeding.seed(superuser, PLAN)
        assert agencies(superuser) == []
        row = superuser.execute("select count(*) from tenancy.users").fetchone()
        assert row == (0,)


def test_the_same_number_makes_the_same_data(seeded: Database, database: Database) -> None:
    with connected(seeded) as superuser:
        first = contents(superuser)
    with connected(database) as superuser:
        seeding.seed(superuser, PLAN, month=THIS_MONTH)
        second = contents(superuser)
    assert first.keys() == second.keys()
    for table, rows in first.items():
        assert rows == second[table], table


def test_the_data_is_as_untidy_as_in_real_life(seeded: Database) -> None:
    facts = {
        "every visibility": "select count(distinct visibility) = 4 from crm.conversations",
        "every role": "select count(distinct role) = 7 from tenancy.memberships",
        "every record scope": "select count(distinct record_scope) = 3 from tenancy.memberships"
        " where role = 'member'",
        "a suspended member": "select bool_or(status = 'suspended') from tenancy.memberships",
        "somebody in two agencies": "select count(*) > 0 from (select from tenancy.memberships"
        " group by user_id having count(*) = 2) as t",
        "teams below teams": "select bool_or(parent_team_id is not null) from tenancy.teams",
        "right to left": "select bool_or(full_name ~ '[\\u0590-\\u06ff]') from crm.contacts",
        "accents": "select bool_or(full_name ~ '[\\u00c0-\\u017f]') from crm.contacts",
        "phones not as stored": "select bool_or(value <> value_norm) and bool_or(e164 is null)"
        " from crm.contact_points where kind = 'phone'",
        "merged duplicates": "select bool_or(merged_into_id is not null) from crm.contacts",
        "the same address, deleted and live": "select count(*) > 0 from (select"
        " from crm.contact_points where kind = 'email' group by agency_id, value_norm"
        " having count(distinct contact_id) > 1) as t",
        "deals that moved": "select bool_or(from_stage_id is not null) from crm.deal_stage_history",
        "a history that ends where the deal is": "select bool_and(h.to_stage_id = d.stage_id)"
        " from crm.deals as d left join crm.deal_stage_history as h"
        " on d.agency_id = h.agency_id and d.id = h.deal_id and h.left_at is null",
        "private rows": "select bool_or(visibility = 'private') from crm.activities",
        "deleted rows": "select bool_or(deleted_at is not null) from crm.contacts",
        "unassigned records": "select bool_or(owner_id is null and team_id is null) from crm.deals",
        "files for clients": "select bool_or(visibility = 'client') from crm.files",
        "a big agency and a small one": "select max(n) > 1.3 * min(n) from (select count(*) as n"
        " from crm.contacts group by agency_id) as t",
    }
    with connected(seeded) as superuser:
        wrong = [
            name
            for name, query in facts.items()
            if superuser.execute(query.encode()).fetchone() != (True,)
        ]
    assert wrong == []


def test_nobody_reaches_a_row_of_another_agency(
    seeded: Database, record_property: Callable[[str, object], None]
) -> None:
    with connected(seeded) as superuser, seeded.connect("authenticator", autocommit=True) as client:
        report = check(superuser, client)
    record_property("isolation", str(report))
    assert report.leaks == []
    assert report.blind == []
    assert set(report.statements.values()) == {report.members * report.tables}
    assert report.members > 25
    # what API roles read at all, somebody has read
    assert len(report.seen) > 30


@pytest.mark.parametrize(
    ("table", "command", "named"),
    [
        ("crm.contacts", "select", "foreign rows of crm.contacts"),
        ("crm.tags", "all", "update reached"),
        ("crm.record_tags", "all", "delete reached"),
        ("crm.deals", "insert", "policies let a foreign row into crm.deals"),
    ],
)
def test_the_check_notices_a_table_without_its_floor(
    database: Database,
    mutant: Callable[[str, str, str], None],
    table: str,
    command: str,
    named: str,
) -> None:
    test = "with check" if command == "insert" else "using"
    change = (
        f'drop policy "tenant floor" on {table};'
        f" create policy hole on {table} for {command} to authenticated {test} (true)"
    )
    mutant("floor", "python -m tests.seed.check", change)
    with (
        connected(database) as superuser,
        database.connect("authenticator", autocommit=True) as client,
    ):
        seeding.seed(superuser, PLAN)
        assert check(superuser, client, tables=[table]).leaks == []
        superuser.execute(change.encode())
        report = check(superuser, client, tables=[table])
    assert any(named in leak for leak in report.leaks), report.leaks[:3]


def test_the_rows_are_split_with_a_big_agency_first() -> None:
    assert sum(split(30_000, 3)) == 30_000
    big, middle, small = split(30_000, 3)
    assert big > 2 * middle > 2 * small >= 2 * SMALLEST


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--agencies", "three"], "AGENCIES must be a number from 1 to 1000, not 'three'"),
        (["--agencies", "0"], "AGENCIES must be a number from 1 to 1000, not '0'"),
        (["--rows", "-5"], "ROWS must be a number"),
        (["--agencies", "3", "--rows", "1000"], "each needs 800, so at least 2400"),
        (["--random", "x"], "SEED must be a number"),
        (["--url", "postgresql://nobody@/x?host=/nowhere"], "Cannot reach database x"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_a_second_run_says_that_the_agencies_are_there(
    seeded: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--agencies", "2", "--rows", "2400", "--url", seeded.url()]) == 2
    assert capsys.readouterr() == (
        "",
        "seed-7-1, seed-7-2: there already; take another SEED or a new database"
        " (nothing was written).\n",
    )


def test_a_login_that_cannot_write_everything_is_refused(
    seeded: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--url", seeded.url("gardenos_migrator")]) == 2
    said = capsys.readouterr().err
    assert "gardenos_migrator is not a superuser" in said
    assert said.count("\n") == 1


def test_the_program_finds_its_database_and_says_what_it_wrote(database: Database) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.seed", "--agencies", "1", "--rows", str(SMALLEST)],
        cwd=ROOT,
        env=program_environment(database.url()),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 agencies, 800 rows in ")
    assert done.stderr.startswith("seed-7-1: 800 rows")
