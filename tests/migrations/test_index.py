"""Indexes that are built concurrently: interrupted, found again, refused."""

import re
import threading

import pytest

from migrations.runner.errors import RevisionFailed
from tests.database import Cluster, Database, alembic, downgrade, upgrade
from tests.migrations.revisions import Revisions
from tests.migrations.test_runner import end, meanwhile, version, wait_for

ON = "on crm.rows using btree (id)"

# The build has made its entry in the catalogue and waits for older transactions.
BUILDING = """
select exists (
    select
    from pg_stat_activity as a
    where a.application_name = 'gardenos migrate'
        and a.datname = current_database()
        and a.query like 'create index concurrently%'
        and a.wait_event_type = 'Lock'
)
"""


@pytest.fixture
def url(bootstrapped: Database) -> str:
    """What a deploy connects to."""
    return bootstrapped.url("gardenos_migrator")


@pytest.fixture
def rows(revisions: Revisions) -> Revisions:
    """Revisions that begin with a table to index."""
    revisions.add("create table crm.rows as select g as id from generate_series(1, 10) as g")
    return revisions


def state(database: Database) -> bool | None:
    """Whether the index is valid; None without one."""
    with database.connect() as connection:
        row = connection.execute(
            "select indisvalid from pg_index where indexrelid = to_regclass('crm.rows_id')"
        ).fetchone()
    return None if row is None else bool(row[0])


def test_an_index_is_built_and_dropped(bootstrapped: Database, url: str, rows: Revisions) -> None:
    rows.add_index("crm.rows_id", ON)
    rows.add("create table crm.seen as select current_setting('lock_timeout')")
    upgrade(url, versions=rows.versions)
    assert state(bootstrapped) is True
    with bootstrapped.connect() as connection:
        assert connection.execute("select * from crm.seen").fetchall() == [("2s",)]
    downgrade(url, "0002", versions=rows.versions)
    assert state(bootstrapped) is None


def test_a_build_whose_session_ends_is_found_invalid_and_done_again(
    bootstrapped: Database, url: str, rows: Revisions, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="gardenos.migrate")
    rows.add_index("crm.rows_id", ON)
    upgrade(url, "0002", versions=rows.versions)
    ended = threading.Event()
    with bootstrapped.connect() as writer:
        writer.execute("insert into crm.rows values (11)")

        def interrupt() -> None:
            wait_for(bootstrapped, BUILDING)
            end(bootstrapped, "gardenos migrate")
            assert state(bootstrapped) is False
            writer.rollback()
            ended.set()

        with meanwhile(interrupt):
            upgrade(url, versions=rows.versions)
    assert ended.is_set()
    assert "crm.rows_id is invalid" in caplog.text
    assert state(bootstrapped) is True
    assert version(bootstrapped) == "0003"


def test_the_next_run_repairs_an_invalid_index(
    bootstrapped: Database, url: str, rows: Revisions
) -> None:
    rows.add("insert into crm.rows values (1)")
    rows.add_index("crm.rows_id", ON, unique=True)
    with pytest.raises(RevisionFailed, match="23505"):
        upgrade(url, versions=rows.versions)
    assert state(bootstrapped) is False
    with bootstrapped.connect() as connection:
        connection.execute("delete from crm.rows where id = 1")
    upgrade(url, versions=rows.versions)
    assert state(bootstrapped) is True


def test_a_build_that_was_committed_before_its_version_is_done(
    bootstrapped: Database, url: str, rows: Revisions
) -> None:
    rows.add_index("crm.rows_id", ON)
    upgrade(url, "0002", versions=rows.versions)
    with bootstrapped.connect() as connection:
        connection.execute("create index rows_id on crm.rows (id)")
        row = connection.execute("select 'crm.rows_id'::regclass::oid").fetchone()
    upgrade(url, versions=rows.versions)
    with bootstrapped.connect() as connection:
        assert connection.execute("select 'crm.rows_id'::regclass::oid").fetchone() == row


def test_another_index_of_that_name_is_refused(
    bootstrapped: Database, url: str, rows: Revisions
) -> None:
    rows.add_index("crm.rows_id", ON)
    upgrade(url, "0002", versions=rows.versions)
    with bootstrapped.connect() as connection:
        connection.execute("create index rows_id on crm.rows (id desc)")
    with pytest.raises(RevisionFailed, match=r"id DESC.*the revision wants"):
        upgrade(url, versions=rows.versions)
    assert version(bootstrapped) == "0002"


def test_a_downgrade_that_was_interrupted_finds_nothing_to_drop(
    bootstrapped: Database, url: str, rows: Revisions
) -> None:
    rows.add_index("crm.rows_id", ON)
    upgrade(url, versions=rows.versions)
    with bootstrapped.connect() as connection:
        connection.execute("drop index crm.rows_id")
    downgrade(url, "0002", versions=rows.versions)
    assert version(bootstrapped) == "0002"


def test_offline_text_builds_it_outside_a_transaction(cluster: Cluster, rows: Revisions) -> None:
    rows.add_index("crm.rows_id", ON)
    printed = alembic("upgrade", "head", "--sql", url=None, ini=rows.ini)
    assert printed.returncode == 0, printed.stderr
    assert re.search(
        r"COMMIT;\s+set lock_timeout = '0';\s+create index concurrently rows_id on crm\.rows",
        printed.stdout,
    )
    with cluster.bootstrapped() as database:
        done = database.psql(printed.stdout, role="gardenos_migrator")
        assert done.returncode == 0, done.stderr
        assert state(database) is True
