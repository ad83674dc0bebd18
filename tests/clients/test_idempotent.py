"""The reference client writes once: through lost answers, standbys, and waits cut short."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from migrations.embedded import Server
from tests.clients.idempotent import Client, Fate, GaveUp, NotReplicated, Try, abandon
from tests.database import private_server

Connect = Callable[[], Connection[Any]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with private_server() as made:
        with psycopg.connect(made.url("postgres", "postgres")) as connection:
            connection.execute("create table kept (key uuid primary key, times int default 1)")
        yield made


@pytest.fixture
def connect(server: Server) -> Connect:
    return lambda: psycopg.connect(server.url("postgres", "postgres"))


def configure(connect: Connect, statement: str) -> None:
    with closing(connect()) as connection:
        connection.autocommit = True
        connection.execute(statement.encode())
        connection.execute("select pg_reload_conf()")
    time.sleep(0.2)


@contextmanager
def nobody_acknowledges(connect: Connect) -> Iterator[None]:
    """Every COMMIT waits for a standby that never comes."""
    configure(connect, "alter system set synchronous_standby_names = 'nobody'")
    try:
        yield
    finally:
        configure(connect, "alter system reset synchronous_standby_names")


def wait_for_wait(connect: Connect, event: str) -> int:
    """The pid of the session that waits for this, as soon as there is one."""
    deadline = time.monotonic() + 5
    with closing(connect()) as connection:
        connection.autocommit = True
        while time.monotonic() < deadline:
            row = connection.execute(
                "select pid from pg_stat_activity where wait_event = %s", (event,)
            ).fetchone()
            if row is not None:
                return int(row[0])
            time.sleep(0.02)
    raise AssertionError(f"nobody waits for {event}")


class Writer:
    """One write in a thread of its own."""

    def __init__(self, connect: Connect, work: Callable[[Connection[Any]], int]) -> None:
        """Begin."""
        self.tries: dict[int, Try] = {}
        self.connections: list[Connection[Any]] = []
        self._connect = connect
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with closing(Client(self._open)) as client:
            client.once(self._work, watch=self._watch)

    def _open(self) -> Connection[Any]:
        self.connections.append(self._connect())
        return self.connections[-1]

    def _watch(self, attempt: Try) -> None:
        self.tries[attempt.number] = attempt

    def is_done(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def fates(self) -> list[Fate | None]:
        return [attempt.fate for attempt in self.tries.values()]


def keep(key: UUID) -> Callable[[Connection[Any]], int]:
    """Work as the module asks for: insert, or lock what is there; answer how many were inserted."""

    def work(connection: Connection[Any]) -> int:
        query = "insert into kept (key) values (%s) on conflict do nothing"
        inserted = connection.execute(query, (key,)).rowcount
        if not inserted:
            connection.execute("select from kept where key = %s for update", (key,))
        return inserted

    return work


def careless(key: UUID) -> Callable[[Connection[Any]], int]:
    """The same without the lock."""

    def work(connection: Connection[Any]) -> int:
        query = "insert into kept (key) values (%s) on conflict do nothing"
        return connection.execute(query, (key,)).rowcount

    return work


def times(connect: Connect, key: UUID) -> int:
    with closing(connect()) as connection:
        row = connection.execute("select count(*) from kept where key = %s", (key,)).fetchone()
    assert row is not None
    return int(row[0])


def test_a_write_that_is_answered_is_acked(connect: Connect) -> None:
    key = uuid4()
    seen: list[Fate | None] = []
    with closing(Client(connect)) as client:
        assert client.once(keep(key), watch=lambda attempt: seen.append(attempt.fate)) == 1
        assert client.once(keep(key)) == 0
    assert seen == [None, None, Fate.ACKED]
    assert times(connect, key) == 1


def test_a_write_whose_answer_was_lost_is_retried_until_it_is_known(connect: Connect) -> None:
    key = uuid4()
    with nobody_acknowledges(connect):
        writer = Writer(connect, keep(key))
        wait_for_wait(connect, "SyncRep")
        abandon(writer.connections[0])
        # the server did not notice: the retry waits for the locks of the first try
        assert not writer.is_done(1)
        assert writer.fates == [Fate.UNKNOWN, None]
    assert writer.is_done(10)
    assert writer.fates == [Fate.UNKNOWN, Fate.ACKED]
    assert times(connect, key) == 1


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_wait_for_the_standby_that_is_cut_short_is_no_success(how: str, connect: Connect) -> None:
    key = uuid4()
    with nobody_acknowledges(connect):
        writer = Writer(connect, keep(key))
        pid = wait_for_wait(connect, "SyncRep")
        with closing(connect()) as connection:
            connection.execute(f"select {how}(%s)".encode(), (pid,))
        # visible to everybody, on one node: the retry is not acked by what it sees
        assert not writer.is_done(1)
        assert times(connect, key) == 1
        assert writer.fates == [Fate.UNKNOWN, None]
        if how == "pg_cancel_backend":
            assert isinstance(writer.tries[1].error, NotReplicated)
    assert writer.is_done(10)
    assert writer.fates == [Fate.UNKNOWN, Fate.ACKED]
    assert times(connect, key) == 1


def test_a_retry_without_a_lock_is_acked_by_a_single_node(connect: Connect) -> None:
    with nobody_acknowledges(connect):
        writer = Writer(connect, careless(uuid4()))
        pid = wait_for_wait(connect, "SyncRep")
        with closing(connect()) as connection:
            connection.execute("select pg_cancel_backend(%s)", (pid,))
        assert writer.is_done(5)
    assert writer.fates == [Fate.UNKNOWN, Fate.ACKED]


def test_a_connection_that_is_lost_before_commit_wrote_nothing(connect: Connect) -> None:
    key = uuid4()
    seen: list[Try] = []

    def work(connection: Connection[Any]) -> int:
        inserted = keep(key)(connection)
        if seen[-1].number == 1:
            connection.execute("select pg_terminate_backend(pg_backend_pid())")
        return inserted

    with closing(Client(connect)) as client:
        assert client.once(work, watch=seen.append) == 1
    assert {attempt.number: attempt.fate for attempt in seen} == {1: Fate.REFUSED, 2: Fate.ACKED}


def test_a_constraint_is_told_at_once_and_not_retried(connect: Connect) -> None:
    seen: list[Try] = []
    with closing(Client(connect)) as client, pytest.raises(psycopg.errors.NotNullViolation):
        client.once(
            lambda connection: connection.execute("insert into kept values (null)"),
            watch=seen.append,
        )
    assert {attempt.number for attempt in seen} == {1}


def test_a_constraint_that_commit_finds_broken_is_a_refusal(connect: Connect) -> None:
    with closing(connect()) as connection:
        connection.execute(
            "create table if not exists late (id int unique deferrable initially deferred)"
        )
        connection.commit()
    seen: list[Try] = []
    with closing(Client(connect)) as client, pytest.raises(psycopg.errors.UniqueViolation):
        client.once(
            lambda connection: connection.execute("insert into late values (1), (1)"),
            watch=seen.append,
        )
    assert seen[-1].commit_sent is not None
    assert seen[-1].fate is Fate.REFUSED


def test_a_client_that_reaches_nobody_gives_up(server: Server) -> None:
    client = Client(lambda: psycopg.connect(server.url("postgres", "no_such_place") + "&port=1"))
    with pytest.raises(GaveUp) as caught:
        client.once(keep(uuid4()), patience=0.5)
    assert caught.value.fate is Fate.REFUSED
