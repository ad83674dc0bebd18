"""Moving an agency to an index of its own, and back, while everybody goes on working."""

import json
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest

from migrations.desired_state.snapshot import difference, snapshot
from migrations.runner.connect import Address
from migrations.runner.errors import RevisionFailed
from migrations.tiers import Move, main
from tests.ai.searching import DIMS, MODEL, STORAGE, literal, move_agency, unit
from tests.database import Cluster, Database
from tests.policies.town import AGENCIES, Stage, Town

ALPHA, BETA = AGENCIES["alpha"].id, AGENCIES["beta"].id
VECTORS = 120
BATCH = 5
KILLS = 20


@dataclass(frozen=True)
class Shelf:
    """A database where alpha has many vectors and beta a few."""

    database: Database
    vectors: dict[UUID, "np.ndarray[Any, np.dtype[np.float32]]"]

    @property
    def leaf(self) -> str:
        """Where alpha is when it is large."""
        return f"ai.embeddings_{STORAGE}_large_{ALPHA.hex}"

    def rows(self, statement: str, *arguments: object) -> list[Any]:
        """Rows as a superuser sees them."""
        with self.database.connect(autocommit=True) as connection:
            return connection.execute(statement.encode(), arguments).fetchall()

    def places(self) -> dict[str, int]:
        """How many vectors of alpha are in which tier; each is there once, unchanged."""
        found = self.rows(
            "select id, tier, embedding::text from ai.embeddings_vector_1536 where agency_id = %s",
            ALPHA,
        )
        assert len(found) == len(self.vectors) == len({row[0] for row in found})
        for key, _, text in found:
            assert np.allclose(json.loads(text), self.vectors[key], atol=1e-5)
        tiers = [tier for _, tier, _ in found]
        return {tier: tiers.count(tier) for tier in sorted(set(tiers))}

    def state(self, agency: UUID = ALPHA) -> tuple[str, str]:
        """Tier and state of an agency."""
        ((tier, state),) = self.rows(
            "select tier, state from ai.agency_tiers where agency_id = %s and storage = %s",
            agency,
            STORAGE,
        )
        return tier, state

    def search(self, user: str = "ann", agency: str = "alpha", k: int = 100) -> list[UUID]:
        """What a search finds."""
        with (
            self.database.connect("authenticator", autocommit=True) as connection,
            connection.transaction(),
        ):
            return (
                Stage(connection)
                .become(user, agency)
                .rows("select id from ai.search(null, %s::real[], %s)", [1.0] * DIMS, k)
            )

    def prove_whole(self) -> None:
        """A search finds as many as ever, and no index is broken."""
        found = self.search()
        assert len(found) == len(set(found)) == 100
        broken = self.rows("select indexrelid::regclass from pg_index where not indisvalid")
        assert broken == []


@pytest.fixture(scope="module")
def shelf(cluster: Cluster) -> Iterator[Shelf]:
    """Alpha with many vectors, beta with a few, both small."""
    numbers = np.random.default_rng(1)
    vectors = {}
    with cluster.migrated() as database:
        Town(database)
        with database.connect(autocommit=True) as connection, connection.transaction():
            connection.execute("set local session_replication_role = replica")
            connection.execute(
                "insert into ai.embedding_models (id, key, provider, model, vector_type, dims)"
                " values (%s, 'ours', 'test', 'ours', 'vector', %s)",
                [MODEL, DIMS],
            )
            connection.execute("update tenancy.agencies set embedding_model_id = %s", [MODEL])
            for agency, count in ((ALPHA, VECTORS), (BETA, 5)):
                connection.execute(
                    "insert into ai.documents (agency_id, id, source_kind, title, content_sha256,"
                    " visibility) values (%s, %s, 'note', 'One', sha256('x'), 'agency')",
                    [agency, agency],
                )
                for number in range(count):
                    key, vector = UUID(int=number + 1), unit(numbers.normal(size=DIMS))
                    connection.execute(
                        "insert into ai.chunks (agency_id, id, document_id, seq, content,"
                        " token_count, content_sha256, visibility)"
                        " values (%s, %s, %s, %s, 'A rose', 2, sha256('x'), 'agency')",
                        [agency, key, agency, number],
                    )
                    connection.execute(
                        "insert into ai.embeddings_vector_1536 (agency_id, id, chunk_id, model_id,"
                        " tier, content_sha256, embedding, visibility)"
                        " values (%s, %s, %s, %s, 'small', sha256('x'), %s, 'agency')",
                        [agency, key, key, MODEL, literal(vector)],
                    )
                    if agency == ALPHA:
                        vectors[key] = vector
        yield Shelf(database, vectors)


@pytest.fixture(autouse=True)
def small(shelf: Shelf) -> Iterator[None]:
    """Alpha is small again after each test."""
    yield
    move_agency(shelf.database, ALPHA, "small")


def promote(url: str, agency: UUID, tier: str = "large") -> None:
    """As the command does, for a process of its own."""
    Move(Address.parse(url), agency, tier, batch=BATCH).carry_through()


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
    """Killed at twenty random points; after each, every vector is there once and found."""
    rng = random.Random(20)
    url = shelf.database.url("gardenos_worker")
    fork = multiprocessing.get_context("fork")
    begun = time.monotonic()
    promote(url, ALPHA)
    takes = time.monotonic() - begun
    promote(url, ALPHA, "small")
    halfway = 0
    for _ in range(KILLS):
        process = fork.Process(target=promote, args=(url, ALPHA))
        process.start()
        process.join(rng.uniform(0, takes))
        process.kill()
        process.join()
        process.close()
        places = shelf.places()
        halfway += len(places) == 2
        shelf.prove_whole()
        if shelf.state() == ("large", "ready"):
            assert places == {"large": VECTORS}
            promote(url, ALPHA, "small")
    assert halfway, "it was never killed in the middle"
    promote(url, ALPHA)
    assert shelf.places() == {"large": VECTORS}
    assert shelf.state() == ("large", "ready")
    shelf.prove_whole()


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


def test_nobody_else_waits_for_a_promotion(shelf: Shelf) -> None:
    """Beta reads, searches and writes all the while, and never waits for a lock for long."""
    done = threading.Event()
    slowest, turns, errors = 0.0, 0, []

    def work() -> None:
        nonlocal slowest, turns
        try:
            with shelf.database.connect("gardenos_worker", autocommit=True) as worker:
                while not done.is_set():
                    begun = time.monotonic()
                    with worker.transaction():
                        worker.execute("select app.bind_worker(%s)", [BETA])
                        worker.execute("set local lock_timeout = '100ms'")
                        worker.execute("update ai.chunks set token_count = token_count")
                        worker.execute("update ai.embeddings_vector_1536 set embedded_at = now()")
                    slowest = max(slowest, time.monotonic() - begun)
                    assert len(shelf.search("bob", "beta", 5)) == 5
                    turns += 1
        except psycopg.Error as error:
            errors.append(error)

    neighbour = threading.Thread(target=work)
    neighbour.start()
    try:
        move_agency(shelf.database, ALPHA, "large", batch=BATCH)
        move_agency(shelf.database, ALPHA, "small", batch=BATCH)
    finally:
        done.set()
        neighbour.join()
    assert errors == []
    assert turns > 3


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
