"""Moving an agency to an index of its own, and back, while everybody goes on working."""

import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import psycopg
import pytest

from migrations.desired_state.snapshot import difference, snapshot
from migrations.runner.connect import Address
from migrations.runner.errors import RevisionFailed
from migrations.tiers import Move, main
from tests.ai.searching import STORAGE, move_agency
from tests.ai.shelves import ALPHA, BATCH, BETA, Shelf, fill, play
from tests.conftest import Mutant
from tests.database import Cluster
from tests.policies.broken import broken_function
from tests.policies.town import AGENCIES, Stage, Town

VECTORS = 120
KILLS = 20


@pytest.fixture(scope="module")
def shelf(cluster: Cluster) -> Iterator[Shelf]:
    """Alpha with many vectors, beta with a few, both small."""
    with cluster.migrated() as database:
        Town(database)
        yield fill(database, VECTORS)


@pytest.fixture(autouse=True)
def small(shelf: Shelf) -> Iterator[None]:
    """Alpha is small again after each test."""
    yield
    move_agency(shelf.database, ALPHA, "small")


# --- the move -------------------------------------------------------------------------------------


def test_an_agency_moves_to_an_index_of_its_own_and_back(shelf: Shelf) -> None:
    before = shelf.search()
    with shelf.database.connect() as connection:
        kept = snapshot(connection)
    move_agency(shelf.database, ALPHA, "large")
    assert shelf.places() == {"large": VECTORS}
    assert shelf.state() == ("large", "ready")
    assert set(shelf.search()) <= set(shelf.vectors)
    # no drift, and nobody reaches the partition directly
    with shelf.database.connect() as connection:
        assert difference(kept, snapshot(connection)) == []
    directly = f"select id from {shelf.leaf}"
    with shelf.database.connect() as connection:
        with Stage(connection).become("ann").refused("42501"):
            connection.execute(directly.encode())
        connection.execute("reset role")
        # granted by mistake: row-level security shows nothing
        connection.execute(f"grant select on {shelf.leaf} to authenticated".encode())
        assert Stage(connection).become("ann").rows(directly) == []
        connection.rollback()
    move_agency(shelf.database, ALPHA, "small")
    assert shelf.places() == {"small": VECTORS}
    assert shelf.state() == ("small", "ready")
    assert shelf.search() == before


def test_a_partition_that_is_not_as_it_must_be_is_drift(shelf: Shelf) -> None:
    move_agency(shelf.database, ALPHA, "large", batches=0)
    ((name,),) = shelf.rows(
        "select i.indexrelid::regclass::text from pg_index as i"
        " where i.indrelid = %s::regclass and pg_get_indexdef(i.indexrelid) like '%%hnsw%%'",
        shelf.leaf,
    )
    for damage, told in {
        f"alter table {shelf.leaf} no force row level security": "force_row_security is False",
        f"alter table {shelf.leaf} disable row level security": "row_security is False",
        f"alter table {shelf.leaf} add check (tier = 'large')": "other constraints",
        f"grant select on {shelf.leaf} to authenticated": "granted to authenticated: select",
        f"create policy p on {shelf.leaf} using (true)": "a policy of its own",
        f"create index on {shelf.leaf} (embedded_at)": "an index of its own",
        f"drop index {name}": "no HNSW index",
    }.items():
        with shelf.database.connect() as connection:
            kept = snapshot(connection)
            connection.execute(damage.encode())
            found = difference(kept, snapshot(connection))
            assert any(told in line for line in found), (damage, found)
            connection.rollback()


@pytest.mark.slow
def test_a_promotion_that_is_killed_loses_no_vector_and_goes_on(shelf: Shelf) -> None:
    """Killed at twenty random points; `make promotion` does it on the cluster, with a failover."""
    play(shelf, KILLS, seed=20)


def test_a_promotion_outlives_its_sessions(shelf: Shelf) -> None:
    """As at a failover: the sessions end again and again, and it goes on by itself."""
    move = Move(Address.parse(shelf.database.url("gardenos_worker")), ALPHA, "large", batch=BATCH)
    thread = threading.Thread(target=move.carry_through)
    thread.start()
    ended = 0
    while thread.is_alive() and ended < 3:
        ended += len(
            shelf.rows(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'gardenos tiers' and datname = current_database()"
            )
        )
        time.sleep(0.3)
    thread.join(120)
    assert not thread.is_alive()
    assert ended
    assert shelf.places() == {"large": VECTORS}
    shelf.prove_whole()


# --- everybody else -------------------------------------------------------------------------------


def disturb(shelf: Shelf, act: Callable[[], None]) -> tuple[int, list[psycopg.Error]]:
    """How often beta wrote and searched while alpha acts, and what it was refused."""
    done = threading.Event()
    turns, errors = 0, []

    def work() -> None:
        nonlocal turns
        try:
            with shelf.database.connect("gardenos_worker", autocommit=True) as worker:
                while not done.is_set():
                    with worker.transaction():
                        worker.execute("select app.bind_worker(%s)", [BETA])
                        worker.execute("set local lock_timeout = '100ms'")
                        worker.execute("update ai.chunks set token_count = token_count")
                        worker.execute("update ai.embeddings_vector_1536 set embedded_at = now()")
                    assert len(shelf.search("bob", "beta", 5)) == 5
                    turns += 1
        except psycopg.Error as error:
            errors.append(error)

    neighbour = threading.Thread(target=work)
    neighbour.start()
    try:
        act()
    finally:
        done.set()
        neighbour.join()
    return turns, errors


def attach_another(shelf: Shelf, agency: UUID) -> None:
    """A partition of the other table, where nobody has one yet."""
    address = Address.parse(shelf.database.url("gardenos_worker"))
    Move(address, agency, "large", "halfvec_3072").carry_through()


def test_nobody_else_waits_for_a_promotion(shelf: Shelf) -> None:
    """Beta reads, searches and writes all the while, and never waits for a lock for long."""

    def act() -> None:
        move_agency(shelf.database, ALPHA, "large", batch=BATCH)
        move_agency(shelf.database, ALPHA, "small", batch=BATCH)
        attach_another(shelf, ALPHA)

    turns, errors = disturb(shelf, act)
    assert errors == []
    assert turns > 3


def test_an_attach_that_keeps_its_lock_is_found_out(shelf: Shelf, mutant: Mutant) -> None:
    mutant("promotion", "test_promotion.py", "make_tier_partition: sleeps with its lock")
    asleep = "perform pg_sleep(1); return true;"
    with broken_function(shelf.database, "app.make_tier_partition", "return true;", asleep):
        _, errors = disturb(shelf, lambda: attach_another(shelf, BETA))
    assert [error.sqlstate for error in errors] == ["55P03"]


def test_a_move_that_is_not_told_of_is_found_out(shelf: Shelf, mutant: Mutant) -> None:
    mutant("promotion", "test_promotion.py", "change_tier: state = 'moving' -> 'ready'")
    with broken_function(shelf.database, "app.change_tier", "state = 'moving'", "state = 'ready'"):
        move_agency(shelf.database, ALPHA, "large", batches=0)
    with pytest.raises(AssertionError):
        shelf.prove_whole()


def test_a_move_that_ends_too_early_is_found_out(shelf: Shelf, mutant: Mutant) -> None:
    mutant("promotion", "test_promotion.py", "move_embeddings: nobody looks what is left")
    move_agency(shelf.database, ALPHA, "large", batches=0)
    with (
        broken_function(
            shelf.database, "app.move_embeddings", "if not is_left then", "if true then"
        ),
        shelf.database.connect("gardenos_worker") as writer,
    ):
        writer.execute("select app.bind_worker(%s)", [ALPHA])
        writer.execute("select 1 from ai.embeddings_vector_1536 limit 1 for update")
        move_agency(shelf.database, ALPHA, "large")
    with pytest.raises(AssertionError):
        shelf.prove_moved()


def test_attaching_gives_way_to_who_writes(shelf: Shelf) -> None:
    """While a neighbour's transaction has written a chunk, the lock is asked for in vain."""
    with shelf.database.connect("gardenos_worker") as neighbour:
        neighbour.execute("select app.bind_worker(%s)", [BETA])
        neighbour.execute("update ai.chunks set token_count = token_count")
        with shelf.database.connect("gardenos_worker") as mover:
            mover.execute("select app.bind_worker(%s)", [AGENCIES["closing"].id])
            mover.execute("set local lock_timeout = '1ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                mover.execute(f"select app.make_tier_partition('{STORAGE}')")
        # whoever comes meanwhile reads, and writes
        with shelf.database.connect("gardenos_worker") as other:
            other.execute("select app.bind_worker(%s)", [ALPHA])
            other.execute("set local lock_timeout = '1ms'")
            other.execute("update ai.chunks set token_count = token_count")
        neighbour.rollback()


def test_a_vector_that_is_being_written_is_moved_later(shelf: Shelf) -> None:
    move_agency(shelf.database, ALPHA, "large", batches=0)
    with (
        shelf.database.connect("gardenos_worker") as writer,
        shelf.database.connect("gardenos_worker", autocommit=True) as mover,
    ):
        writer.execute("select app.bind_worker(%s)", [ALPHA])
        writer.execute("select 1 from ai.embeddings_vector_1536 limit 1 for update")
        told = []
        for _ in range(4):
            with mover.transaction():
                mover.execute("select app.bind_worker(%s)", [ALPHA])
                told += mover.execute(
                    "select m.moved, m.state from app.move_embeddings(%s, 1000) as m", [STORAGE]
                ).fetchall()
            if len(told) == 2:
                shelf.prove_whole()
                writer.rollback()
    assert told == [(VECTORS - 1, "moving"), (0, "moving"), (1, "moving"), (0, "ready")]


def test_a_writer_that_meets_a_moved_vector_is_told_to_try_again(shelf: Shelf) -> None:
    statement = "update ai.embeddings_vector_1536 set embedded_at = now() where id = %s"
    move_agency(shelf.database, ALPHA, "large", batches=0)
    with (
        shelf.database.connect("gardenos_worker") as mover,
        shelf.database.connect("gardenos_worker") as writer,
    ):
        for session in (mover, writer):
            session.execute("select app.bind_worker(%s)", [ALPHA])
        mover.execute(f"select app.move_embeddings('{STORAGE}', 1000)")
        told: list[str | None] = []

        def write() -> None:
            try:
                writer.execute(statement.encode(), [next(iter(shelf.vectors))])
            except psycopg.Error as error:
                told.append(error.sqlstate)

        thread = threading.Thread(target=write)
        thread.start()
        time.sleep(0.3)
        mover.commit()
        thread.join()
        assert told == ["40001"]


# --- refusals -------------------------------------------------------------------------------------


def test_a_move_that_cannot_be_is_refused(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", shelf.database.url("gardenos_worker"))
    assert main(["demote", str(ALPHA)]) == 0
    assert "are small, 0 moved" in capsys.readouterr().err
    for agency in (UUID(int=7), AGENCIES["halted"].id):
        assert main(["promote", str(agency)]) == 1, agency
        assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(RevisionFailed, match="There is no storage"):
        Move(
            Address.parse(shelf.database.url("gardenos_worker")), ALPHA, "large", "vector_7"
        ).carry_through()
    monkeypatch.setenv("DATABASE_URL", shelf.database.url("authenticator"))
    assert main(["promote", str(ALPHA)]) == 1
    with shelf.database.connect("gardenos_worker", autocommit=True) as worker:
        for statement, state in (
            (f"select app.change_tier('{STORAGE}', 'huge')", "22023"),
            (f"select app.change_tier('{STORAGE}', 'large')", "55000"),
            ("select app.change_tier('vector_7', 'small')", "22023"),
            ("select app.move_embeddings('vector_7')", "22023"),
            ("select app.make_tier_partition('vector_1536', 'taxi')", "22023"),
        ):
            with worker.transaction(force_rollback=True):
                worker.execute("select app.bind_worker(%s)", [BETA])
                with Stage(worker).refused(state):
                    worker.execute(statement.encode())
