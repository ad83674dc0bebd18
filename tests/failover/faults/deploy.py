"""Deploys whose leader dies under them (F16, F21), on databases of their own.

Each database gets the same revisions, and one gate of them is closed: there its deploy stands when
the leader dies. A gate is closed by an advisory lock, so it is open on the next leader.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL
from typing import Any

from psycopg import Connection, sql

from migrations import bootstrap
from migrations.desired_state.snapshot import difference, snapshot
from migrations.runner.lock import APPLICATION_NAME
from tests.database import ROOT, program_environment, upgrade
from tests.failover.scene import Scene, fault
from tests.migrations.revisions import Revisions

MIGRATOR = "gardenos_migrator"
TEMPLATE = "chaos_deploy"
ARRIVE_SECONDS = 40
DEPLOY_SECONDS = 40
LEADER_SECONDS = 10

BEFORE, WITHIN, VALUE, BACKFILL = range(1, 5)

GATE = """
    while exists (
        select
        from pg_locks as l
        join pg_database as d on d.oid = l.database
        where d.datname = current_database()
            and l.locktype = 'advisory'
            and l.classid = 0
            and l.objid = {number}
            and l.granted
    ) loop
        perform pg_sleep(0.02);
    end loop;
"""

# Who stands at a gate, or waits for an older transaction, of one database.
BUSY = """
select exists (
    select
    from pg_stat_activity
    where application_name = 'gardenos migrate'
        and datname = current_database()
        and state = 'active'
        and query like %s
        and wait_event = any(%s)
)
"""


@fault(
    "F16",
    "the leader dies before, in and after the DDL of a revision, in ADD VALUE, in a backfill and in"
    " CREATE INDEX CONCURRENTLY: each deploy goes on by itself, and nothing is there twice",
)
def deploys_lose_their_leader(scene: Scene) -> None:
    cluster = scene.cluster
    with _Dock(scene) as dock:
        _fill(dock.revisions)
        reference = dock.database("reference")
        upgrade(reference.url, versions=dock.revisions.versions)
        leader = cluster.leader()
        closed = {
            name: dock.closed(name, gate)
            for name, gate in (
                ("before", BEFORE),
                ("within", WITHIN),
                ("after", WITHIN),
                ("value", VALUE),
                ("backfill", BACKFILL),
            )
        }
        index = dock.database("index")
        older = dock.connect(index)
        older.execute("set transaction isolation level repeatable read")
        older.execute("select")
        deploys = {name: dock.deploy(database) for name, (database, _) in closed.items()} | {
            "index": dock.deploy(index)
        }
        for database, _ in closed.values():
            database.wait_busy("%$gate$%", "PgSleep")
        index.wait_busy("create unique index concurrently%", "virtualxid", "transactionid")
        # the DDL of this one is committed, and nobody else has it
        cluster.freeze_senders(leader)
        after, gate = closed["after"]
        gate.close()
        after.wait_busy("COMMIT%", "SyncRep")
        since = scene.fault(f"postgres of {leader} is killed under six deploys")
        cluster.signal_postgres(leader, SIGKILL, everything=True)
        scene.wait_for_leader(leader, since, LEADER_SECONDS)
        for name, deploy in deploys.items():
            said = deploy.end()
            assert "next try in" in said, f"{name}: no retry: {said}"
            if name == "index":
                assert "is invalid" in said, f"the index was not left invalid: {said}"
        for database in (*(database for database, _ in closed.values()), index):
            _is_whole(dock, database, reference)


@fault(
    "F21",
    "two deploys, and the leader dies while the first holds the lock: the lock dies with it, both"
    " arrive, and nothing runs twice",
)
def deploy_lock_is_lost(scene: Scene) -> None:
    cluster = scene.cluster
    with _Dock(scene) as dock:
        revisions = dock.revisions
        revisions.add("create table crm.seen (revision text, holders bigint)")
        holders = "(select count(*) from pg_locks where locktype = 'advisory' and granted)"
        revisions.add(f"do $gate$ begin {GATE.format(number=BEFORE)} end $gate$")
        revisions.add(f"insert into crm.seen select '0004', {holders}")
        revisions.add(f"insert into crm.seen select '0005', {holders}")
        leader = cluster.leader()
        database, _ = dock.closed("race", BEFORE)
        first = dock.deploy(database)
        database.wait_busy("%$gate$%", "PgSleep")
        second = dock.deploy(database)
        database.wait_for(
            "select exists (select from pg_stat_activity where datname = current_database()"
            f" and application_name = '{APPLICATION_NAME}' and query like '%try_advisory%')"
        )
        since = scene.fault(f"postgres of {leader} is killed under the lock")
        killed = datetime.now(UTC)
        cluster.signal_postgres(leader, SIGKILL)
        scene.wait_for_leader(leader, since, LEADER_SECONDS)
        said = [first.end(), second.end()]
        seen = database.rows("select * from crm.seen order by revision")
        assert seen == [("0004", 1), ("0005", 1)], f"the revisions left {seen}"
        applied = sum(text.count("applied 0004") for text in said)
        assert applied == 1, f"0004 was applied {applied} times: {said}"
        ran = database.rows(
            "select min(applied_at) from migration.revisions where revision > '0002'"
        )
        assert ran[0][0] > killed, "a revision of the dead leader counts"
        _is_whole(dock, database, None)


def _fill(revisions: Revisions) -> None:
    """One revision for each kind of change that can be interrupted."""
    revisions.add(
        f"do $gate$ begin {GATE.format(number=BEFORE)} end $gate$",
        "create type crm.mood as enum ('well')",
        "create table crm.rows as select g as id, 0 as filled from generate_series(1, 100) as g",
        f"do $gate$ begin {GATE.format(number=WITHIN)} end $gate$",
    )
    revisions.add(
        "alter type crm.mood add value 'better'",
        f"do $gate$ begin {GATE.format(number=VALUE)} end $gate$",
    )
    revisions.add(
        f"""
        do $gate$
        declare
            first integer := 1;
        begin
            while first <= 100 loop
                update crm.rows set filled = filled + 1
                where id between first and first + 9 and filled = 0;
                commit;
                first := first + 10;
                if first > 50 then
                    {GATE.format(number=BACKFILL)}
                end if;
            end loop;
        end
        $gate$
        """,
        outside=True,
    )
    revisions.add_index("crm.rows_id_idx", "on crm.rows using btree (id)", unique=True)


def _is_whole(dock: "_Dock", database: "_Database", reference: "_Database | None") -> None:
    """I7 for this database, and the rows of a backfill once."""
    versions = database.rows("select version_num from migration.alembic_version")
    assert versions == [(f"{dock.revisions.count:04}",)], f"{database.name} is at {versions}"
    before = database.rows("select xmin::text, * from migration.revisions order by revision")
    upgrade(database.url, versions=dock.revisions.versions)
    again = database.rows("select xmin::text, * from migration.revisions order by revision")
    assert again == before, f"{database.name}: upgrading again wrote to the ledger"
    invalid = database.rows(
        "select indexrelid::regclass::text from pg_index where not (indisvalid and indisready)"
    )
    assert not invalid, f"{database.name} has invalid indexes: {invalid}"
    if reference is None:
        return
    with database.connect() as mine, reference.connect() as theirs:
        found = difference(snapshot(theirs), snapshot(mine))
    assert not found, f"{database.name} differs from an undisturbed one: {found}"
    filled = database.rows("select filled, count(*) from crm.rows group by filled")
    assert filled == [(1, 100)], f"{database.name}: the backfill left {filled}"


@dataclass(frozen=True)
class _Database:
    """A database that a deploy works on."""

    scene: Scene
    name: str

    @property
    def url(self) -> str:
        """What the deploy connects to."""
        return self.scene.cluster.url(MIGRATOR, self.name)

    def connect(self, **options: Any) -> Connection[Any]:
        """As superuser, through the write port."""
        return self.scene.cluster.connect(dbname=self.name, **options)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.connect() as connection:
            return connection.execute(query.encode()).fetchall()

    def wait_for(self, query: str, *arguments: object) -> None:
        """Wait until a query answers true."""
        deadline = time.monotonic() + ARRIVE_SECONDS
        with self.connect(autocommit=True) as connection:
            while connection.execute(query.encode(), arguments or None).fetchone() != (True,):
                assert time.monotonic() < deadline, f"{self.name}: never true: {query} {arguments}"
                time.sleep(0.05)

    def wait_busy(self, statement: str, *waits: str) -> None:
        """Wait until the deploy is at a statement, and waits for one of these."""
        self.wait_for(BUSY, statement, list(waits))


@dataclass
class _Deploy:
    """The program alembic at work."""

    process: subprocess.Popen[str]

    def end(self) -> str:
        """Wait until it has arrived; what it said.

        Raises:
            AssertionError: it has not.
        """
        try:
            said = self.process.communicate(timeout=DEPLOY_SECONDS)[1]
        except subprocess.TimeoutExpired:
            raise AssertionError("a deploy did not end") from None
        assert self.process.returncode == 0, f"exit code {self.process.returncode}: {said}"
        return said

    def kill(self) -> None:
        """End it, wherever it is."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@dataclass
class _Dock:
    """Databases, revisions and programs, all taken away afterwards."""

    scene: Scene
    stack: ExitStack = field(default_factory=ExitStack)
    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="gardenos-")))
    deploys: list[_Deploy] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    revisions: Revisions = field(init=False)

    def __enter__(self) -> "_Dock":
        """Bootstrap a database to copy."""
        self.revisions = Revisions(self.directory)
        try:
            self._create(TEMPLATE, "template0")
            bootstrap.apply(self.scene.cluster.url("postgres", TEMPLATE))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Take everything away, from a cluster that may be broken."""
        for deploy in self.deploys:
            deploy.kill()
        self.stack.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.scene.heal()
        with self.scene.superuser() as connection:
            for name in reversed(self.names):
                connection.execute(
                    sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
                )

    def database(self, name: str) -> _Database:
        """A new bootstrapped database."""
        made = _Database(self.scene, f"{TEMPLATE}_{name}")
        self._create(made.name, TEMPLATE)
        return made

    def connect(self, database: _Database, **options: Any) -> Connection[Any]:
        """A connection that is closed at the end."""
        connection = database.connect(**options)
        self.stack.callback(connection.close)
        return connection

    def closed(self, name: str, gate: int) -> tuple[_Database, Connection[Any]]:
        """A new database whose gate is closed until the connection is."""
        made = self.database(name)
        keeper = self.connect(made, autocommit=True)
        keeper.execute("select pg_advisory_lock(%s)", [gate])
        return made, keeper

    def deploy(self, database: _Database) -> _Deploy:
        """Start `alembic upgrade head`."""
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "alembic", "-c", str(self.revisions.ini)),
                *("upgrade", "head"),
            ],
            cwd=ROOT,
            env=program_environment(database.url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.deploys.append(_Deploy(process))
        return self.deploys[-1]

    def _create(self, name: str, template: str) -> None:
        self.names.append(name)
        with self.scene.superuser() as connection:
            connection.execute(
                sql.SQL("create database {} template {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
            connection.execute(
                sql.SQL("revoke temporary on database {} from public").format(sql.Identifier(name))
            )
