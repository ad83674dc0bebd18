"""Each revision goes up, down and up again to the same catalogue; its text is the recorded one."""

import re
from pathlib import Path

import pytest
from alembic.script import Script, ScriptDirectory

from migrations.desired_state.snapshot import Snapshot, difference, snapshot
from migrations.runner.checksum import VERSIONS, differences, read_manifest
from migrations.runner.settings import SCHEMAS
from tests.database import Cluster, Database, alembic, alembic_config, downgrade, upgrade

SCRIPTS = ScriptDirectory.from_config(alembic_config("unused"))


def history() -> list[Script]:
    """The revisions, oldest first."""
    return list(reversed(list(SCRIPTS.walk_revisions())))


def look(database: Database) -> Snapshot:
    with database.connect() as connection:
        found = snapshot(connection)
    # alembic makes it before the first revision, and a downgrade to base leaves it.
    for kind in found.values():
        for name in [name for name in kind if name.startswith("migration.alembic_version")]:
            del kind[name]
    return {kind: objects for kind, objects in found.items() if objects}


def test_manifest_is_the_files() -> None:
    assert differences(VERSIONS) == []


def test_history_is_a_line_of_numbers() -> None:
    numbers = [script.revision for script in history()]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    assert len(SCRIPTS.get_heads()) == 1


@pytest.mark.parametrize("script", history(), ids=lambda script: Path(script.path).stem)
def test_header_says_what_a_reviewer_asks(script: Script) -> None:
    assert re.fullmatch(r"\d{4}(_[a-z0-9]+){2,}\.py", Path(script.path).name)
    labels = re.findall(r"^(Reason|Locks|Duration|Way back): +\S", script.longdoc, re.MULTILINE)
    assert labels == ["Reason", "Locks", "Duration", "Way back"]
    text = Path(script.path).read_text()
    assert "op.get_bind" not in text
    assert "\t" not in text
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)


def test_stairway(bootstrapped: Database) -> None:
    """Up, down and up again, one revision at a time: what down leaves is what up found."""
    url = bootstrapped.url("gardenos_migrator")
    below = look(bootstrapped)
    for script in history():
        upgrade(url, script.revision)
        above = look(bootstrapped)
        downgrade(url, "-1")
        assert difference(below, look(bootstrapped)) == [], f"{script.revision} leaves something"
        upgrade(url, "+1")
        assert difference(above, look(bootstrapped)) == [], (
            f"{script.revision} differs a second time"
        )
        below = above


def test_down_to_nothing_and_up_again(database: Database) -> None:
    url = database.url("gardenos_migrator")
    with database.connect() as connection:
        before = snapshot(connection)
    assert before["table"].keys() >= {"migration.revisions", "migration.epochs"}
    downgrade(url, "base")
    assert "table" not in look(database)
    upgrade(url)
    with database.connect() as connection:
        assert difference(before, snapshot(connection)) == []


def test_rows_prove_which_text_was_applied(database: Database) -> None:
    with database.connect() as connection:
        rows = connection.execute(
            "select revision, sha256, applied_by from migration.revisions order by revision"
        ).fetchall()
    manifest = read_manifest(VERSIONS)
    assert rows == [
        (script.revision, manifest[Path(script.path).name], "gardenos_migrator")
        for script in history()
    ]


def test_first_epoch_knows_its_cluster(database: Database) -> None:
    with database.connect() as connection:
        row = connection.execute(
            "select e.epoch, e.reason, e.system_identifier = c.system_identifier"
            " from migration.epochs as e, pg_control_system() as c"
        ).fetchall()
    assert row == [(1, "created", True)]


def test_offline_text_makes_the_same_catalogue(cluster: Cluster, database: Database) -> None:
    printed = alembic("upgrade", "base:head", "--sql", url="postgresql://nobody@nowhere.invalid/x")
    assert printed.returncode == 0, printed.stderr
    with database.connect() as connection:
        online = snapshot(connection)
        hashes = connection.execute("select revision, sha256 from migration.revisions").fetchall()
    with cluster.bootstrapped() as other:
        done = other.psql(printed.stdout, role="gardenos_migrator")
        assert done.returncode == 0, done.stderr
        with other.connect() as connection:
            assert difference(online, snapshot(connection)) == []
            rows = connection.execute("select revision, sha256 from migration.revisions").fetchall()
            assert sorted(rows) == sorted(hashes)
        # The runner finds nothing to do, and its proof holds.
        upgrade(other.url("gardenos_migrator"))

        again = other.psql(printed.stdout, role="gardenos_migrator")
        assert "the database is not empty" in again.stderr

        down = alembic("downgrade", "head:base", "--sql", url=None)
        assert down.returncode == 0, down.stderr
        done = other.psql(down.stdout, role="gardenos_migrator")
        assert done.returncode == 0, done.stderr
        assert "table" not in look(other)

        # After a downgrade alembic's version table is still there, empty.
        done = other.psql(printed.stdout, role="gardenos_migrator")
        assert done.returncode == 0, done.stderr
        with other.connect() as connection:
            assert difference(online, snapshot(connection)) == []


def test_offline_text_refuses_where_the_runner_would(cluster: Cluster) -> None:
    head = SCRIPTS.get_current_head()
    down = alembic("downgrade", f"{head}:-1", "--sql", url=None)
    assert down.returncode == 0, down.stderr
    with cluster.bootstrapped() as other:
        printed = alembic("upgrade", "head", "--sql", url=None).stdout
        refused = other.psql(printed, role="gardenos_app")
        assert 'permission denied to set role "gardenos_owner"' in refused.stderr
        assert "table" not in look(other)
        upgrade(other.url("gardenos_migrator"), "+1")
        refused = other.psql(down.stdout, role="gardenos_migrator")
        assert refused.returncode == 3
        assert f"the database is not at {head}" in refused.stderr or head == "0001"


def test_snapshot_reads_the_schemas_the_runner_knows(database: Database) -> None:
    with database.connect() as connection:
        assert snapshot(connection)["schema"].keys() == set(SCHEMAS)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ("alter table {t} disable row level security", "row_security"),
        ("alter table {t} no force row level security", "force_row_security"),
        ("alter table {t} set (fillfactor = 50)", "options"),
        ("alter table {t} owner to postgres", "owner"),
        ("alter table {t} replica identity full", "replica_identity"),
        ('alter table {t} add column extra text collate "C"', "new"),
        ("alter table {t} disable trigger all", "enabled"),
        ("alter table {t} alter column row_version set default 2", "default"),
        ("alter table {t} alter column row_version drop not null", "not_null"),
        ("alter table {t} alter column row_version set statistics 10", "statistics"),
        ("alter table {t} alter column row_version set (n_distinct = 5)", "options"),
        ("grant select on {t} to anon", "acl"),
        ("grant select (row_version) on {t} to anon", "acl"),
        ("grant select on {t} to authenticated with grant option", "acl"),
        ("comment on table {t} is 'another'", "comment"),
        ("comment on column {t}.row_version is 'another'", "comment"),
        ("alter schema tenancy owner to postgres", "owner"),
        ("grant usage on schema audit to anon", "acl"),
        ("alter default privileges for role gardenos_owner grant select on tables to anon", "new"),
        ("create index on {t} (row_version)", "new"),
        ("create policy other on {t} to anon using (true)", "new"),
        ("alter function app.claims() security definer", "security_definer"),
        ("alter function app.claims() volatile", "volatility"),
        ("alter function app.claims() set work_mem = '1MB'", "settings"),
        ("grant execute on function app.claims() to public", "acl"),
        ("create view crm.v with (security_invoker) as select 1 as one", "new"),
        ("create sequence crm.s", "new"),
        ("create type app.pair as (a integer, b text)", "new"),
        ("create domain app.odd as integer check (value % 2 = 1)", "new"),
        ("alter type app.agency_role add value 'janitor'", "labels"),
        ("create statistics tenancy.s on created_at, row_version from {t}", "new"),
        ("create rule r as on delete to {t} do instead nothing", "new"),
    ],
)
def test_snapshot_sees(database: Database, change: str, seen: str) -> None:
    with database.connect(autocommit=True) as connection:
        before = snapshot(connection)
        connection.execute(change.format(t="tenancy.agencies").encode())
        lines = difference(before, snapshot(connection))
    assert any(f" {seen}" in line for line in lines), lines
