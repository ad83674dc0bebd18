"""Texts that wait for vectors: an agency with a model, its memories and notes, and a worker."""

import itertools
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import dict_row

from tests.audit.trail import Office
from tests.clients.embedders import Embed, hashed
from tests.clients.embedding_worker import EmbeddingWorker, literal
from tests.crm.desk import Desk
from tests.policies.access import Connection, Row

_numbers = itertools.count(1)
TABLES = {1536: "ai.embeddings_vector_1536", 3072: "ai.embeddings_halfvec_3072"}


@dataclass(frozen=True)
class Model:
    """An embedding model."""

    id: UUID
    key: str
    dims: int

    @property
    def table(self) -> str:
        """Where its vectors are."""
        return TABLES[self.dims]

    def embed(self, text: str) -> str:
        """The vector of a text, as SQL reads it."""
        return literal(self.embedder([text])[0])

    @property
    def embedder(self) -> Embed:
        """What makes its vectors."""
        return hashed(self.dims, self.key)


def add_model(office: Office, status: str = "active", dims: int = 1536) -> Model:
    """A new model."""
    key = f"test/hashed-{next(_numbers)}-{uuid4().hex[:6]}@{dims}"
    (row,) = office.superuser.execute(
        "insert into ai.embedding_models (key, provider, model, vector_type, dims, status)"
        " values (%s, 'test', 'hashed', %s, %s, %s) returning id",
        [key, "vector" if dims == 1536 else "halfvec", dims, status],
    ).fetchall()
    return Model(row["id"], key, dims)


@dataclass(frozen=True)
class Library:
    """The texts of an agency, and a login of a worker."""

    office: Office
    hand: Connection
    agency: UUID
    model: Model

    @staticmethod
    def of_new_agency(office: Office, hand: Connection, model: Model) -> "Library":
        """A new agency that searches with a model."""
        agency = office.found(Desk.new_slug()).agency_id
        found = Library(office, hand, agency, model)
        found.change_to(model)
        return found

    def change_to(self, model: Model | None) -> None:
        """Search with another model."""
        self.do(
            "update tenancy.agencies set embedding_model_id = %s where id = %s",
            model and model.id,
            self.agency,
        )

    def do(self, statement: str, *parameters: Any) -> list[Row]:
        """Run and commit one statement as superuser; its rows, if it has any."""
        cursor = self.office.superuser.execute(statement.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []

    def remember(self, content: str) -> UUID:
        """A memory that the whole agency shares."""
        (row,) = self.do(
            "insert into ai.memories (agency_id, subject, kind, content, visibility)"
            " values (%s, 'agency', 'semantic', %s, 'agency') returning id",
            self.agency,
            content,
        )
        found: UUID = row["id"]
        return found

    def write(self, *contents: str) -> list[UUID]:
        """A note that is cut already; its chunks."""
        (document,) = self.do(
            "insert into ai.documents (agency_id, source_kind, title, content_sha256, status,"
            " visibility) values (%s, 'note', 'A note', sha256(''), 'ready', 'agency')"
            " returning id",
            self.agency,
        )
        rows = self.do(
            "insert into ai.chunks (agency_id, document_id, seq, content, token_count, visibility)"
            " select %s, %s, n.seq, n.content, 1, 'agency'"
            " from unnest(%s::text[]) with ordinality as n (content, seq) returning id",
            self.agency,
            document["id"],
            list(contents),
        )
        return [row["id"] for row in rows]

    def edit(self, memory: UUID, content: str) -> None:
        """Change a memory."""
        self.do("update ai.memories set content = %s where id = %s", content, memory)

    def jobs(self) -> list[Row]:
        """The queue of the agency."""
        return self.do(
            "select j.*, m.key, j.run_after - now() as pause from ai.embedding_jobs as j"
            " join ai.embedding_models as m on m.id = j.model_id where j.agency_id = %s"
            " order by j.id",
            self.agency,
        )

    def vectors(self, model: Model | None = None) -> dict[UUID, str]:
        """The vectors of a model, by text; a text with two of them fails."""
        model = model or self.model
        rows = self.do(
            f"select coalesce(chunk_id, memory_id) as text, embedding::text from {model.table}"
            " where agency_id = %s and model_id = %s",
            self.agency,
            model.id,
        )
        found = {row["text"]: row["embedding"] for row in rows}
        assert len(found) == len(rows), "a text has two vectors of one model"
        return found

    def expected(self, model: Model | None = None) -> dict[UUID, str]:
        """What the vectors of a model must be, as PostgreSQL prints them."""
        model = model or self.model
        texts = self.do(
            "select id, content::text from ai.chunks where agency_id = %(agency)s union all"
            " select id, content from ai.memories where agency_id = %(agency)s"
            " and deleted_at is null".replace("%(agency)s", "%s"),
            self.agency,
            self.agency,
        )
        kind = "vector" if model.dims == 1536 else "halfvec"
        rows = self.do(
            f"select t.id, t.v::extensions.vector::extensions.{kind}::text as v"
            " from unnest(%s::uuid[], %s::text[]) as t (id, v)",
            [text["id"] for text in texts],
            [model.embed(text["content"]) for text in texts],
        )
        return {row["id"]: row["v"] for row in rows}

    def due_now(self) -> None:
        """Let the time pass until all jobs are due."""
        self.do("update ai.embedding_jobs set run_after = now() where agency_id = %s", self.agency)

    def lease_ends(self) -> None:
        """Let the time pass until all leases are over."""
        self.do(
            "update ai.embedding_jobs set locked_until = now() - interval '1 second'"
            " where agency_id = %s and locked_until is not null",
            self.agency,
        )

    def call(self, expression: str, *parameters: Any) -> list[Row]:
        """The rows of a function, called by a worker that is bound to the agency."""
        with self.hand.transaction():
            self.hand.execute("select app.bind_worker(%s)", [self.agency])
            return self.hand.execute(
                f"select * from {expression}".encode(), parameters or None
            ).fetchall()

    def claim(self, worker: str = "first", batch: int = 32) -> list[Row]:
        """Lease texts."""
        return self.call("app.claim_embedding_jobs(%s, %s, %s)", worker, [self.model.key], batch)

    def finish(self, worker: str, *jobs: Row, vectors: list[str] | None = None) -> list[str]:
        """Hand in vectors; the outcomes."""
        rows = self.call(
            "app.finish_embedding_jobs(%s, %s, %s::bytea[], %s::text[]::extensions.vector[])",
            worker,
            [job["job_id"] for job in jobs],
            [job["content_sha256"] for job in jobs],
            vectors or [self.model.embed(job["content"]) for job in jobs],
        )
        return [row["outcome"] for row in rows]

    def worker(self, *models: Model, **options: Any) -> EmbeddingWorker:
        """A worker for these models, else for the one of the agency."""
        embedders = {model.key: model.embedder for model in models or (self.model,)}
        return EmbeddingWorker(
            lambda: self.office.database.connect("gardenos_worker", row_factory=dict_row),
            **{"embedders": embedders, "log": lambda *_: None, **options},
        )

    def work(self, *models: Model, **options: Any) -> int:
        """What a worker does in one round, in this agency only; see `worker`."""
        worker = self.worker(*models, **options)
        try:
            return worker.cut(self.agency) + worker.embed(self.agency)
        finally:
            worker.close()
