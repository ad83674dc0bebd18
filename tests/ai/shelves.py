"""An agency with many vectors and one with a few, and a promotion that is killed again and again.

`play` runs on any server at head: CI gives it a private one, `python -m tests.failover.tiers` the
real cluster, where the leader dies as well.
"""

import json
import multiprocessing
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from migrations.runner.connect import Address
from migrations.tiers import Move
from tests.ai.searching import DIMS, MODEL, STORAGE, Vector, literal, unit
from tests.database import Database
from tests.policies.town import AGENCIES, Stage

ALPHA, BETA = AGENCIES["alpha"].id, AGENCIES["beta"].id
BATCH = 5


@dataclass(frozen=True)
class Shelf:
    """A database where alpha has many vectors and beta a few."""

    database: Database
    vectors: dict[UUID, Vector]

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

    def prove_moved(self) -> None:
        """All of alpha is large, and its index alone answers for every vector."""
        assert self.places() == {"large": len(self.vectors)}
        assert self.state() == ("large", "ready")
        self.prove_whole()
        with self.database.connect() as connection:
            for setting, value in (
                ("enable_seqscan", "off"),
                ("enable_sort", "off"),
                ("hnsw.iterative_scan", "relaxed_order"),
                ("hnsw.max_scan_tuples", "1000000"),
            ):
                connection.execute(f"set local {setting} = '{value}'".encode())
            question = literal(next(iter(self.vectors.values())))
            query = f"select id from {self.leaf} order by embedding operator(extensions.<=>) %s"
            (plan,) = connection.execute(f"explain {query}".encode(), [question]).fetchall()[0]
            assert "embedding_idx" in plan, plan
            found = [row[0] for row in connection.execute(query.encode(), [question])]
        assert len(found) == len(set(found)) == len(self.vectors)


def fill(database: Database, count: int, *, beside: int = 5, seed: int = 1) -> Shelf:
    """Give alpha so many vectors and beta a few, in a database that holds the town."""
    numbers = np.random.default_rng(seed)
    vectors = {}
    with database.connect(autocommit=True) as connection, connection.transaction():
        connection.execute("set local session_replication_role = replica")
        connection.execute(
            "insert into ai.embedding_models (id, key, provider, model, vector_type, dims)"
            " values (%s, 'ours', 'test', 'ours', 'vector', %s)",
            [MODEL, DIMS],
        )
        connection.execute("update tenancy.agencies set embedding_model_id = %s", [MODEL])
        for agency, many in ((ALPHA, count), (BETA, beside)):
            connection.execute(
                "insert into ai.documents (agency_id, id, source_kind, title, content_sha256,"
                " visibility) values (%s, %s, 'note', 'One', sha256('x'), 'agency')",
                [agency, agency],
            )
            for number in range(many):
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
    return Shelf(database, vectors)


def promote(url: str, agency: UUID, tier: str = "large") -> None:
    """As the command does, for a process of its own."""
    Move(Address.parse(url), agency, tier, batch=BATCH).carry_through()


def play(
    shelf: Shelf,
    kills: int,
    seed: int,
    *,
    fail_over: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Kill a promotion at so many random points, and fail over under a last one, which ends.

    After each, every vector is there once, unchanged, and a search finds as many as ever.

    Raises:
        AssertionError: it is not so.
    """
    rng = random.Random(seed)
    url = shelf.database.url("gardenos_worker")
    fork = multiprocessing.get_context("fork")
    begun = time.monotonic()
    promote(url, ALPHA)
    takes = time.monotonic() - begun
    promote(url, ALPHA, "small")
    halfway = 0
    for number in range(kills):
        process = fork.Process(target=promote, args=(url, ALPHA))
        process.start()
        process.join(rng.uniform(0, takes))
        process.kill()
        process.join()
        process.close()
        places = shelf.places()
        halfway += len(places) == 2
        shelf.prove_whole()
        say(f"killed {number + 1} of {kills}: {places}, {shelf.state()}")
        if shelf.state() == ("large", "ready"):
            assert places.keys() == {"large"}
            promote(url, ALPHA, "small")
    assert halfway, "it was never killed in the middle"
    promote(url, ALPHA, "small")
    process = fork.Process(target=promote, args=(url, ALPHA))
    process.start()
    while process.is_alive() and len(shelf.places()) == 1:
        time.sleep(0.05)
    fail_over()
    process.join(300)
    assert process.exitcode == 0, "it did not go on by itself"
    shelf.prove_moved()
    say(f"after all that: {shelf.places()}, {shelf.state()}")
