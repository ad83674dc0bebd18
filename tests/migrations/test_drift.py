"""What is generated from the revisions is fresh, and a live database is held against it."""

import subprocess
import sys

import pytest

from migrations.desired_state.kept import read_kept
from migrations.desired_state.record import generate
from migrations.desired_state.snapshot import difference, snapshot
from migrations.drift import find_drift, look
from migrations.runner.connect import Address
from tests.database import ROOT, Database, program_environment
from tests.migrations.test_desired_state import DRIFT, as_a_revision

# Drift of what only revisions make, where nothing is lost: it is named and repaired.
MENDED = [
    "drop index tenancy.teams_parent_team_id_idx",
    "drop index tenancy.teams_name_key",
    "create index planted on tenancy.teams (id)",
    "alter table tenancy.teams drop constraint teams_agency_id_fkey",
    "alter table tenancy.api_keys drop constraint api_keys_scopes_form",
    "alter table tenancy.teams add constraint planted check (row_version > 0)",
    "alter domain app.line drop constraint line_length",
    "alter table tenancy.teams alter name drop not null",
    "alter table tenancy.teams alter agency_id drop default",
    "alter table tenancy.agencies alter plan set default 'planted'",
    "comment on table tenancy.teams is null",
    "comment on column tenancy.teams.name is 'planted'",
    "comment on schema crm is 'planted'",
]

# The rest: a person has to look.
STRUCTURE = [
    ("alter table tenancy.teams add column planted text", "column tenancy.teams.planted: new"),
    ("alter table tenancy.teams owner to gardenos_migrator", "table tenancy.teams:"),
    ("create table crm.planted (id int)", "table crm.planted: new"),
    ("alter type app.user_kind add value 'planted'", "type app.user_kind: labels was"),
]


def revisions() -> list[str]:
    folder = ROOT / "migrations" / "versions"
    return sorted(path.name[:4] for path in folder.glob("[0-9]*.py"))


def drift(database: Database) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "migrations.drift"],
        cwd=ROOT,
        env=program_environment(database.url("gardenos_migrator")),
        capture_output=True,
        text=True,
        check=False,
    )


def test_generated_files_are_fresh(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stale: run `make record` and read the difference. On other majors only snapshots are held."""
    monkeypatch.setenv("SCRATCH_URL", database.server.url("postgres", "postgres"))
    with database.connect() as connection:
        major = connection.info.server_version // 10000
    for path, text in generate().texts.items():
        if major == 18 or path.suffix != ".sql":
            assert text.splitlines() == path.read_text(encoding="utf-8").splitlines()


def test_what_is_kept_is_what_a_database_at_head_has(database: Database) -> None:
    with database.connect() as connection:
        assert difference(read_kept(revisions()), snapshot(connection)) == []


@pytest.mark.parametrize(("damage", "told"), DRIFT, ids=[damage[:60] for damage, _ in DRIFT])
def test_drift_is_named_with_the_statement_that_repairs_it(
    database: Database, damage: str, told: str
) -> None:
    kept = read_kept(revisions())
    with database.connect() as connection:
        connection.execute(damage.encode())
        found = find_drift(snapshot(connection), kept)
        kind, _, rest = told.partition(" ")
        named = rest.rpartition(" ")[0].partition("*")[0]
        assert found
        for what, repair in found:
            assert what.startswith(f"{kind} {named}")
            assert repair is not None
            as_a_revision(connection, repair)
        assert find_drift(snapshot(connection), kept) == []
        connection.rollback()


@pytest.mark.parametrize("damage", MENDED)
def test_drift_of_structure_is_repaired_where_nothing_is_lost(
    database: Database, damage: str
) -> None:
    kept = read_kept(revisions())
    with database.connect(autocommit=True) as connection:
        connection.execute(damage.encode())
        found = find_drift(snapshot(connection), kept)
        assert found
        for _, repair in found:
            assert repair is not None
            for statement in repair.split(";\n"):
                connection.execute(statement.encode())
        assert find_drift(snapshot(connection), kept) == []


@pytest.mark.parametrize(("damage", "told"), STRUCTURE, ids=[told for _, told in STRUCTURE])
def test_drift_of_structure_is_named_for_a_person(
    database: Database, damage: str, told: str
) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute(damage.encode())
    found = look(Address.parse(database.url("gardenos_migrator")))
    assert [repair for what, repair in found if told in what] == [None]


def test_exit_codes_and_what_is_printed(database: Database, bootstrapped: Database) -> None:
    done = drift(database)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (0, "", "no drift")
    with database.connect() as connection:
        connection.execute("grant truncate on tenancy.teams to anon")
    done = drift(database)
    assert done.returncode == 1
    assert "revoke truncate on table tenancy.teams from anon cascade;" in done.stdout
    done = drift(bootstrapped)
    assert done.returncode == 16
    assert len(done.stderr.splitlines()) == 1
