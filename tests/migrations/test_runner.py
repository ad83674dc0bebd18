"""The runner through what a cluster does: races, locks in the way, lost sessions, restarts."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from migrations.desired_state.snapshot import difference, snapshot
from migrations.runner import retry
from migrations.runner.errors import GaveUp, LockDeadline, ProofFailed, RevisionFailed
from migrations.runner.lock import APPLICATION_NAME
from migrations.runner.settings import LOCK_KEY, SESSION
from tests.database import (
    Cluster,
    Database,
    alembic,
    downgrade,
    private_server,
    program_environment,
    upgrade,
)
from tests.migrations.revisions import Revisions

LOG = "gardenos.migrate"

PATIENCE_SECONDS = 30.0

# A statement that goes on until the test lets it: while somebody holds the advisory lock GATE_KEY.
GATE_KEY = 42
GATE = f"""
do $gate$
begin
    while exists (
        select from pg_locks where locktype = 'advisory' and objid = {GATE_KEY} and granted
    ) loop
        perform pg_sleep(0.02);
    end loop;
end
$gate$
"""

# How many sessions hold the deploy lock, as a revision sees it.
HOLDERS = "(select count(*) from pg_locks where locktype = 'advisory' and granted)"


@pytest.fixture
def url(bootstrapped: Database) -> str:
    """What a deploy connects to."""
    return bootstrapped.url("gardenos_migrator")


@pytest.fixture(autouse=True)
def _progress(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger=LOG)


@contextmanager
def meanwhile(action: Callable[[], None]) -> Iterator[None]:
    """Do something beside the block; what goes wrong there goes wrong here."""
    problems: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as problem:  # noqa: BLE001
            problems.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if problems:
        raise problems[0]


def wait_for(database: Database, query: str) -> None:
    """Wait until a query answers true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with database.connect(autocommit=True) as connection:
        while True:
            row = connection.execute(query.encode()).fetchone()
            if row is not None and row[0]:
                return
            assert time.monotonic() < deadline, f"never true: {query}"
            time.sleep(0.02)


def wait_for_statement(database: Database, part: str) -> None:
    """Wait until a revision is busy with a statement."""
    wait_for(
        database,
        "select exists (select from pg_stat_activity where application_name = 'gardenos migrate'"
        f" and state = 'active' and query like '%{part}%' and pid <> pg_backend_pid())",
    )


@contextmanager
def at_the_gate(database: Database, action: Callable[[], None]) -> Iterator[None]:
    """Do something while a revision of the block is at GATE, then let it go on."""
    with database.connect(autocommit=True) as keeper:
        keeper.execute("select pg_advisory_lock(%s)", [GATE_KEY])

        def act() -> None:
            try:
                wait_for_statement(database, "$gate$")
                action()
            finally:
                keeper.close()

        with meanwhile(act):
            yield


def end(database: Database, application_name: str) -> None:
    """End the sessions of an application, as an administrator or a failover does."""
    with database.connect(autocommit=True) as connection:
        done = connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = %s and datname = %s",
            [application_name, database.name],
        ).fetchall()
    assert done == [(True,)]


def version(database: Database) -> str | None:
    with database.connect() as connection:
        row = connection.execute("select version_num from migration.alembic_version").fetchone()
    return None if row is None else str(row[0])


def values(database: Database, table: str) -> list[object]:
    with database.connect() as connection:
        return [row[0] for row in connection.execute(f"select * from {table}".encode())]


def start(revisions: Revisions, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "alembic", "-c", str(revisions.ini), "upgrade", "head"]
    return subprocess.Popen(
        command,
        env=program_environment(url),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(*processes: subprocess.Popen[str]) -> list[str]:
    """Wait for deploys; what each of them said on stderr."""
    try:
        return [process.communicate(timeout=60)[1] for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.communicate()


def test_three_at_once(bootstrapped: Database, url: str, revisions: Revisions) -> None:
    revisions.add("create table crm.seen (holders bigint)")
    revisions.add("select pg_sleep(1)", f"insert into crm.seen select {HOLDERS}")
    revisions.add(f"insert into crm.seen select {HOLDERS}")
    running = [start(revisions, url) for _ in range(3)]
    said = finish(*running)
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert sorted(text.count("applied") for text in said) == [0, 0, 4]
    assert all(text.splitlines()[-1] == "at 0004" for text in said)
    assert values(bootstrapped, "crm.seen") == [1, 1]


def test_a_second_run_changes_nothing(database: Database) -> None:
    url = database.url("gardenos_migrator")
    with database.connect() as connection:
        before = snapshot(connection)
        rows = connection.execute("select xmin::text, * from migration.revisions").fetchall()
    done = alembic("upgrade", "head", url=url)
    assert done.returncode == 0, done.stderr
    assert "applied" not in done.stderr
    with database.connect() as connection:
        assert difference(before, snapshot(connection)) == []
        assert (
            rows == connection.execute("select xmin::text, * from migration.revisions").fetchall()
        )


def test_session_is_pinned(bootstrapped: Database, url: str, revisions: Revisions) -> None:
    with bootstrapped.connect(autocommit=True) as connection:
        for setting in ("statement_timeout = '300ms'", "TimeZone = 'Asia/Tokyo'"):
            connection.execute(f"alter database {bootstrapped.name} set {setting}".encode())
    revisions.add(
        "create table crm.seen as select name, setting, unit from pg_settings",
        "select pg_sleep(0.5)",
        "insert into crm.seen values ('user', current_user, session_user)",
    )
    upgrade(url, versions=revisions.versions)
    with bootstrapped.connect() as connection:
        connection.execute("set statement_timeout = 0")
        seen = {
            str(name): f"{setting}{unit if unit in ('ms', 's') else ''}"
            for name, setting, unit in connection.execute("select * from crm.seen")
        }
    wanted = {"1s": "1000ms", "2s": "2000ms", "60s": "60000ms", "0": "0ms"}
    for name, value in SESSION.items():
        assert seen[name] == wanted.get(value, value), name
    assert seen["user"] == "gardenos_owner"


def test_lock_lost_between_revisions(
    bootstrapped: Database, url: str, revisions: Revisions, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody else gets the lock: the run waits for it, and goes on from where it was."""
    revisions.add("create table crm.seen (holders bigint)", GATE)
    revisions.add(f"insert into crm.seen select {HOLDERS}")
    thief = bootstrapped.connect("gardenos_migrator", autocommit=True)
    stolen = threading.Event()

    def steal() -> None:
        end(bootstrapped, APPLICATION_NAME)
        thief.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
        stolen.set()

    def give_back() -> None:
        with thief:
            assert stolen.wait(PATIENCE_SECONDS)
            wait_for(
                bootstrapped,
                "select exists (select from pg_stat_activity where application_name"
                f" = '{APPLICATION_NAME}' and datname = current_database()"
                " and query like '%try_advisory%')"
                " and (select version_num = '0002' from migration.alembic_version)",
            )
            time.sleep(1)
            assert version(bootstrapped) == "0002"

    with at_the_gate(bootstrapped, steal), meanwhile(give_back):
        upgrade(url, versions=revisions.versions)
    assert "the deploy lock was lost" in caplog.text
    assert "waiting for the deploy lock" in caplog.text
    assert version(bootstrapped) == "0003"
    assert values(bootstrapped, "crm.seen") == [1]


def test_a_deploy_that_waits_for_the_lock_waits_on_when_its_session_is_ended(
    bootstrapped: Database, url: str, revisions: Revisions, caplog: pytest.LogCaptureFixture
) -> None:
    """As in a failover: the server it waited at is gone, and nothing of it was refused."""
    revisions.add("create table crm.seen (holders bigint)")
    with bootstrapped.connect("gardenos_migrator", autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(%s)", [LOCK_KEY])

        def interrupt() -> None:
            wait_for(
                bootstrapped,
                "select exists (select from pg_stat_activity where query like '%try_advisory%'"
                f" and application_name = '{APPLICATION_NAME}' and datname = current_database())",
            )
            end(bootstrapped, APPLICATION_NAME)
            holder.close()

        with meanwhile(interrupt):
            upgrade(url, versions=revisions.versions)
    assert "[57P01]; next try in" in caplog.text
    assert version(bootstrapped) == "0002"


def test_two_deploys_in_one_revision_after_a_lost_lock(
    bootstrapped: Database, url: str, revisions: Revisions
) -> None:
    """The second runs into what the first has just committed; that is no error of the revision."""
    revisions.add("create table crm.seen (number integer)", GATE)
    revisions.add("insert into crm.seen values (3)")
    other: list[subprocess.Popen[str]] = []

    def take_over() -> None:
        other.append(start(revisions, url))
        wait_for(
            bootstrapped,
            "select count(*) = 2 from pg_stat_activity where application_name"
            f" = '{APPLICATION_NAME}' and datname = current_database()",
        )
        with bootstrapped.connect(autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(a.pid) from pg_locks as l"
                " join pg_stat_activity as a on a.pid = l.pid"
                " where l.locktype = 'advisory' and l.granted and a.application_name = %s"
                " and a.datname = current_database()",
                [APPLICATION_NAME],
            )
        # The other one has the lock now, and waits for what the first has not committed.
        wait_for(
            bootstrapped,
            "select exists (select from pg_stat_activity where wait_event_type = 'Lock'"
            " and application_name = 'gardenos migrate' and datname = current_database())",
        )

    with at_the_gate(bootstrapped, take_over):
        upgrade(url, versions=revisions.versions)
    (error,) = finish(*other)
    assert other[0].returncode == 0, error
    assert values(bootstrapped, "crm.seen") == [3]
    assert version(bootstrapped) == "0003"


def test_a_table_in_use_is_tried_again(
    bootstrapped: Database, url: str, revisions: Revisions, caplog: pytest.LogCaptureFixture
) -> None:
    """lock_timeout gives up after two seconds, so that queries of the table queue no longer."""
    revisions.add("create table crm.busy (id integer)")
    upgrade(url, versions=revisions.versions)
    revisions.add("alter table crm.busy add column more text")
    with bootstrapped.connect() as reader:
        reader.execute("select from crm.busy")

        def leave() -> None:
            wait_for_statement(bootstrapped, "alter table")
            time.sleep(2.2)
            assert version(bootstrapped) == "0002"
            reader.rollback()

        with meanwhile(leave):
            upgrade(url, versions=revisions.versions)
    assert "[55P03]; next try in" in caplog.text
    assert version(bootstrapped) == "0003"


def test_plus_two_means_two_after_a_retry_too(
    bootstrapped: Database, url: str, revisions: Revisions
) -> None:
    revisions.add("create table crm.busy (id integer)", down=("drop table crm.busy",))
    upgrade(url, versions=revisions.versions)
    revisions.add("select 3")
    revisions.add("alter table crm.busy add column more text")
    revisions.add("select 5")
    revisions.add("select 6")
    with bootstrapped.connect() as reader:
        reader.execute("select from crm.busy")

        def leave() -> None:
            wait_for_statement(bootstrapped, "alter table")
            wait_for(
                bootstrapped, "select max(version_num) = '0003' from migration.alembic_version"
            )
            time.sleep(2.2)
            reader.rollback()

        with meanwhile(leave):
            upgrade(url, "+2", versions=revisions.versions)
    assert version(bootstrapped) == "0004"


def test_minus_one_means_one_when_its_session_is_ended(
    bootstrapped: Database, url: str, revisions: Revisions, caplog: pytest.LogCaptureFixture
) -> None:
    revisions.add("select 2")
    revisions.add("create table crm.seen (id integer)", down=(GATE,))
    upgrade(url, versions=revisions.versions)

    with at_the_gate(bootstrapped, lambda: end(bootstrapped, "gardenos migrate")):
        downgrade(url, "-1", versions=revisions.versions)
    assert "next try in" in caplog.text
    assert version(bootstrapped) == "0002"


def test_gives_up_after_its_tries(
    bootstrapped: Database, url: str, revisions: Revisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "TRIES", 2)
    revisions.add("create table crm.busy (id integer)")
    upgrade(url, versions=revisions.versions)
    revisions.add("alter table crm.busy add column more text")
    with bootstrapped.connect() as reader:
        reader.execute("select from crm.busy")
        with pytest.raises(GaveUp, match=r"after 2 tries.*55P03"):
            upgrade(url, versions=revisions.versions)
    assert version(bootstrapped) == "0002"


def test_session_ended_in_a_revision(
    bootstrapped: Database, url: str, revisions: Revisions, caplog: pytest.LogCaptureFixture
) -> None:
    revisions.add("create table crm.seen (id integer)")
    revisions.add("insert into crm.seen values (1)", GATE)
    revisions.add("insert into crm.seen values (2)")

    with at_the_gate(bootstrapped, lambda: end(bootstrapped, "gardenos migrate")):
        upgrade(url, versions=revisions.versions)
    assert "[57P01]; next try in" in caplog.text
    assert values(bootstrapped, "crm.seen") == [1, 2]
    assert version(bootstrapped) == "0004"


def test_server_crashes_in_a_revision(revisions: Revisions) -> None:
    revisions.add("create table crm.seen (id integer)")
    revisions.add("insert into crm.seen values (1)", GATE)
    with private_server() as server, Cluster(server).bootstrapped() as database:

        def crash() -> None:
            server.crash()
            time.sleep(2)
            server.start()

        with at_the_gate(database, crash):
            upgrade(database.url("gardenos_migrator"), versions=revisions.versions)
        assert values(database, "crm.seen") == [1]
        assert version(database) == "0003"


def test_an_error_stops_at_once_and_leaves_what_was_committed(
    bootstrapped: Database, url: str, revisions: Revisions
) -> None:
    revisions.add("create table crm.seen (id integer)")
    revisions.add("insert into crm.seen values (1)", "select 1 / 0")
    with pytest.raises(RevisionFailed, match="22012"):
        upgrade(url, versions=revisions.versions)
    assert version(bootstrapped) == "0002"
    assert values(bootstrapped, "crm.seen") == []
    done = alembic("upgrade", "head", url=url, ini=revisions.ini)
    assert done.returncode == 1
    assert "division by zero" in done.stderr
    assert "Traceback" not in done.stderr


def test_cancelled_means_stop(bootstrapped: Database, url: str, revisions: Revisions) -> None:
    revisions.add(GATE)

    def cancel() -> None:
        with bootstrapped.connect(autocommit=True) as connection:
            connection.execute(
                "select pg_cancel_backend(pid) from pg_stat_activity"
                " where application_name = 'gardenos migrate'"
            )

    with at_the_gate(bootstrapped, cancel), pytest.raises(RevisionFailed, match="57014"):
        upgrade(url, versions=revisions.versions)
    assert version(bootstrapped) == "0001"


def test_concurrent_index_while_another_deploy_waits(
    bootstrapped: Database, url: str, revisions: Revisions
) -> None:
    """A deploy that waits holds no snapshot, for which CREATE INDEX CONCURRENTLY would wait."""
    revisions.add("create table crm.rows as select g as id from generate_series(1, 10) as g")
    revisions.add("select pg_sleep(1)")
    revisions.add("create index concurrently rows_id on crm.rows (id)", outside=True)
    running = [start(revisions, url) for _ in range(2)]
    said = finish(*running)
    assert [process.returncode for process in running] == [0, 0], said
    with bootstrapped.connect() as connection:
        row = connection.execute(
            "select indisvalid from pg_index where indexrelid = 'crm.rows_id'::regclass"
        ).fetchone()
    assert row == (True,)


def test_an_invalid_index_is_no_success(
    bootstrapped: Database, url: str, revisions: Revisions
) -> None:
    revisions.add("create table crm.twice as select 1 as id from generate_series(1, 2)")
    revisions.add(
        "create unique index concurrently twice_id on crm.twice (id)",
        down=("select 1",),
        outside=True,
    )
    with pytest.raises(RevisionFailed, match="23505"):
        upgrade(url, versions=revisions.versions)
    with pytest.raises(ProofFailed, match=r"crm\.twice_id"):
        upgrade(url, "0002", versions=revisions.versions)


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        ("update migration.revisions set sha256 = repeat('0', 64)", "another text"),
        ("delete from migration.revisions", "left no row"),
        (
            "insert into migration.revisions (revision, sha256) values ('9999', repeat('0', 64))",
            "9999, which is not applied",
        ),
        ("insert into migration.alembic_version values ('0001')", "several versions"),
    ],
)
def test_a_record_that_disagrees_is_no_success(database: Database, tamper: str, words: str) -> None:
    with database.connect() as connection:
        connection.execute(tamper.encode())
    done = alembic("upgrade", "head", url=database.url("gardenos_migrator"))
    assert done.returncode in (19, 20), done.stderr
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_sql_arrives_as_it_was_written(
    cluster: Cluster, bootstrapped: Database, url: str, revisions: Revisions
) -> None:
    """Colons, percent signs, backslashes: SQLAlchemy, psycopg and psql give each a meaning."""
    body = (
        "select ':name', '1'::text::varchar, '50%', '%s %(x)s %%', E'a\\\\:b\\n', '\\:x', "
        "(array[1, 2, 3])[2:3], :HOST"
    )
    revisions.add(
        "create table crm.texts (t text)",
        f"insert into crm.texts values ($tag$ {body} $tag$)",
        "insert into crm.texts values (':name'), ('%'), ('100%%'), (E'\\\\:x')",
        "insert into crm.texts select ((array[1, 2, 3])[2:3])::text;"
        " insert into crm.texts values ('{\"a\":1}'::jsonb::text);",
        """
        do $$
        declare
            n integer := 3;
        begin
            insert into crm.texts select format('%s:%I', n, 'x'::text) where n % 2 = 1;
        end
        $$
        """,
    )
    upgrade(url, versions=revisions.versions)
    online = values(bootstrapped, "crm.texts")
    assert online[0] == f" {body} "
    assert online[1:] == [":name", "%", "100%%", "\\:x", "{2,3}", '{"a": 1}', "3:x"]
    printed = alembic("upgrade", "head", "--sql", url=None, ini=revisions.ini)
    assert printed.returncode == 0, printed.stderr
    with cluster.bootstrapped() as other:
        done = other.psql(printed.stdout, role="gardenos_migrator")
        assert done.returncode == 0, done.stderr
        assert values(other, "crm.texts") == online


def test_offline_text_waits_for_no_other_deploy(bootstrapped: Database) -> None:
    printed = alembic("upgrade", "head", "--sql", url=None)
    with bootstrapped.connect("gardenos_migrator") as holder:
        holder.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
        done = bootstrapped.psql(printed.stdout, role="gardenos_migrator")
    assert done.returncode == 3
    assert "another deploy holds the lock" in done.stderr


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (psycopg.errors.LockNotAvailable(), retry.Action.RETRY),
        (psycopg.errors.DeadlockDetected(), retry.Action.RETRY),
        (psycopg.errors.SerializationFailure(), retry.Action.RETRY),
        (psycopg.errors.AdminShutdown(), retry.Action.RECONNECT),
        (psycopg.errors.CrashShutdown(), retry.Action.RECONNECT),
        (psycopg.errors.CannotConnectNow(), retry.Action.RECONNECT),
        (psycopg.errors.ConnectionFailure(), retry.Action.RECONNECT),
        (psycopg.errors.ReadOnlySqlTransaction(), retry.Action.RECONNECT),
        (psycopg.OperationalError("the connection is closed"), retry.Action.RECONNECT),
        (psycopg.errors.QueryCanceled(), retry.Action.STOP),
        (psycopg.errors.UndefinedTable(), retry.Action.STOP),
        (psycopg.errors.InsufficientPrivilege(), retry.Action.STOP),
        (LockDeadline(), retry.Action.STOP),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.value,
)
def test_which_errors_may_be_tried_again(error: Exception, action: retry.Action) -> None:
    assert retry.classify(error) is action


def test_delays_grow_and_end() -> None:
    patience = retry.Patience()
    delays = []
    while (delay := patience.next_delay()) is not None:
        delays.append(delay)
    assert len(delays) == retry.TRIES - 1
    for number, delay in enumerate(delays):
        middle = min(30.0, 2.0**number)
        assert 0.5 * middle <= delay <= 1.5 * middle
    patience.reset()
    assert patience.next_delay() is not None
