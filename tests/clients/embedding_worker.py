"""Embeds texts: how a worker of `ai.embedding_jobs` is written, with any embedder.

One round: ask which agencies have texts to cut or to embed, and for each of them cut its documents
and lease texts, embed them with no transaction open, and write the vectors. Each transaction is
bound to one agency. What this process had leased when it was killed comes back when the lease ends.
A vector and the end of its job are one transaction, so a text has one vector whatever dies, and one
of the text as it stands: an edit meanwhile makes the answer stale. Run as many as you like.

SIGTERM ends it after the batch in hand; what it had leased beyond that is given back.

    DATABASE_URL=postgresql://gardenos_worker@primary:5000/gardenos \\
        python -m tests.clients.embedding_worker \\
        --model 'sentence-transformers/all-MiniLM-L6-v2@1536' tests.ai.minilm:MiniLM
"""

import argparse
import importlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row

from tests.clients.documents import ReadFile, cut
from tests.clients.embedders import Embed, Unavailable
from tests.clients.idempotent import Client, GaveUp, Try

T = TypeVar("T")
Row = dict[str, Any]
Connection = psycopg.Connection[Any]
Log = Callable[[str, Mapping[str, object]], None]

# Somebody who edits a text holds it for milliseconds; longer, and the lease ends by itself.
BUSY_TRIES, BUSY_PAUSE = 10, 0.1
SECONDS_WITHOUT_EMBEDDER = 30


def log_line(what: str, facts: Mapping[str, object]) -> None:
    """One line of JSON on stderr: what happened, when, and its facts. No text, no vector."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "what": what, **facts}
    print(json.dumps(line, default=str), file=sys.stderr, flush=True)


def name_of_process() -> str:
    """A name that no other worker has: leases are told apart by it."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


@dataclass
class EmbeddingWorker:
    """One worker with one connection. For one thread.

    Attributes:
        connect: logs in as gardenos_worker, outside of autocommit, with rows as dictionaries.
        embedders: by key of the model; texts of other models are left to other workers.
        read_file: the text of a file, given its row of `crm.files`; without it files are left.
        batch: texts of one call of an embedder.
        lease: how long texts are kept from others; longer than an embedder takes for a batch.
        patience: seconds to go on trying while the database cannot be reached.
    """

    connect: Callable[[], Connection]
    embedders: Mapping[str, Embed]
    read_file: ReadFile | None = None
    batch: int = 32
    lease: timedelta = timedelta(minutes=5)
    patience: float = 120.0
    log: Log = log_line
    stopping: threading.Event = field(default_factory=threading.Event)
    name: str = field(default_factory=name_of_process)

    def __post_init__(self) -> None:
        """Prepare; nothing is connected to yet."""
        self._client = Client(self.connect)
        self._began = time.monotonic()
        self._written = 0

    def round(self) -> int:
        """Do what there is to do once; how many documents were cut and texts were tried."""
        agencies = self._once(
            None, lambda c: c.execute("select id from app.agencies_with_work('texts') as a (id)")
        )
        done = 0
        for agency in agencies:
            done += self.cut(agency["id"])
            done += self.embed(agency["id"])
        return done

    def cut(self, agency: UUID) -> int:
        """Cut the documents of an agency that wait; how many."""
        count = 0
        while not self.stopping.is_set():
            chunks = cut(self._client, agency, self.read_file)
            if chunks is None:
                break
            count += 1
            self.log("cut", {"agency": agency, "chunks": chunks})
        return count

    def embed(self, agency: UUID) -> int:
        """Embed what is due in an agency, batch by batch; how many texts were tried."""
        count = 0
        while not self.stopping.is_set():
            leased = self._claim(agency)
            if not leased:
                break
            count += len(leased)
            if not self._embed(agency, leased):
                break
        return count

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def _claim(self, agency: UUID) -> list[Row]:
        tries = 0

        def work(connection: Connection) -> Any:
            nonlocal tries
            tries += 1
            if tries > 1:
                # the try before may have been committed; this worker holds nothing else here
                connection.execute("select app.release_embedding_jobs(%s)", [self.name])
            return connection.execute(
                "select * from app.claim_embedding_jobs(%s, %s, %s, %s)",
                [self.name, list(self.embedders), self.batch, self.lease],
            )

        return self._once(agency, work)

    def _embed(self, agency: UUID, leased: Sequence[Row]) -> bool:
        """Embed leased texts, model by model; False when it has to stop."""
        for key, jobs in groupby(leased, key=lambda job: str(job["model_key"])):
            if self.stopping.is_set() or not self._embed_with(key, agency, list(jobs)):
                released = self._release(agency)
                self.log("released", {"agency": agency, "texts": released})
                return False
        return True

    def _embed_with(self, key: str, agency: UUID, jobs: list[Row]) -> bool:
        """Embed texts with one model; False when whoever embeds cannot be reached."""
        began = time.monotonic()
        try:
            vectors = self.embedders[key]([job["content"] for job in jobs])
            if len(vectors) != len(jobs):
                raise ValueError(f"{len(vectors)} vectors came back for {len(jobs)} texts")
            outcomes = self._finish(agency, jobs, vectors)
        except (Unavailable, ConnectionError, TimeoutError) as problem:
            self.log("no embedder", {"model": key, "error": str(problem)})
            return False
        except Exception as problem:
            # a vector that is refused, or whatever the embedder raises: one text may be why
            if isinstance(problem, GaveUp | psycopg.Error) and not isinstance(
                problem, psycopg.DataError
            ):
                raise
            if len(jobs) == 1:
                self._fail(agency, jobs[0], problem)
                return True
            return all(self._embed_with(key, agency, [job]) for job in jobs)
        self._written += outcomes.count("written")
        self.log(
            "embedded",
            {
                "agency": agency,
                "model": key,
                **{one: outcomes.count(one) for one in sorted({*outcomes})},
                "ms": int((time.monotonic() - began) * 1000),
                "total": self._written,
                "a_second": round(self._written / (time.monotonic() - self._began), 1),
            },
        )
        return True

    def _finish(
        self, agency: UUID, jobs: list[Row], vectors: Sequence[Sequence[float]]
    ) -> list[str]:
        """Write vectors; what became of each. Texts that somebody has are tried again."""
        outcomes: dict[UUID, str] = {}
        waiting = {job["job_id"]: (job, vector) for job, vector in zip(jobs, vectors, strict=True)}
        for _ in range(BUSY_TRIES):
            ids = list(waiting)
            parameters = [
                self.name,
                ids,
                [waiting[one][0]["content_sha256"] for one in ids],
                [literal(waiting[one][1]) for one in ids],
            ]
            found = self._once(agency, partial(_finish, parameters))
            outcomes.update({row["job_id"]: row["outcome"] for row in found})
            waiting = {one: waiting[one] for one in ids if outcomes[one] == "busy"}
            if not waiting:
                break
            time.sleep(BUSY_PAUSE)
        return list(outcomes.values())

    def _fail(self, agency: UUID, job: Row, problem: Exception) -> None:
        # the message of a database error has values of the row; its first line has none
        error = f"{type(problem).__name__}: {str(problem).partition(chr(10))[0]}"
        (row,) = self._once(
            agency,
            lambda c: c.execute(
                "select app.fail_embedding_job(%s, %s, %s) as fate",
                [self.name, job["job_id"], error],
            ),
        )
        self.log(
            str(row["fate"] or "lost"),
            {"agency": agency, "job": job["job_id"], "attempt": job["attempt"], "error": error},
        )

    def _release(self, agency: UUID) -> int:
        pause = timedelta(seconds=0 if self.stopping.is_set() else SECONDS_WITHOUT_EMBEDDER)
        (row,) = self._once(
            agency,
            lambda c: c.execute(
                "select app.release_embedding_jobs(%s, %s) as n", [self.name, pause]
            ),
        )
        return int(row["n"])

    def _once(
        self, agency: UUID | None, work: Callable[[Connection], psycopg.Cursor[Any]]
    ) -> list[Row]:
        """The rows of one transaction, bound to the agency, whose fate is known."""

        def bound(connection: Connection) -> list[Row]:
            if agency is not None:
                connection.execute("select app.bind_worker(%s)", [agency])
            rows: list[Row] = work(connection).fetchall()
            return rows

        return self._client.once(bound, patience=self.patience, watch=self._watch)

    def _watch(self, attempt: Try) -> None:
        if attempt.error is not None:
            said = str(attempt.error).partition("\n")[0]
            self.log("tried in vain", {"error": said, "fate": attempt.fate})


def _finish(parameters: Sequence[Any], connection: Connection) -> psycopg.Cursor[Any]:
    return connection.execute(
        "select job_id, outcome from app.finish_embedding_jobs(%s, %s, %s::bytea[],"
        " %s::text[]::extensions.vector[])",
        parameters,
    )


def literal(vector: Sequence[float]) -> str:
    """A vector as pgvector reads it."""
    return f"[{','.join(map(repr, vector))}]"


def embedder(place: str) -> Embed:
    """The embedder that `package.module:name` makes, called without arguments."""
    module, _, name = place.partition(":")
    made: Embed = getattr(importlib.import_module(module), name)()
    return made


def work(url: str, worker: EmbeddingWorker, pause: float) -> None:
    """Work until SIGTERM or SIGINT; a database that is away is waited for.

    Args:
        url: a libpq URL of gardenos_worker.
        worker: whose `stopping` is set by the signals.
        pause: seconds between two rounds that found nothing.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stopping.set())
    log_line("started", {"worker": worker.name, "models": list(worker.embedders)})
    try:
        while not worker.stopping.is_set():
            try:
                if not worker.round():
                    worker.stopping.wait(pause)
            except GaveUp as problem:
                log_line("database away", {"error": str(problem)})
                worker.stopping.wait(pause)
    finally:
        worker.close()
    log_line("stopped", {"worker": worker.name})


def main() -> int:
    """Read the arguments and work."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--model",
        nargs=2,
        action="append",
        required=True,
        metavar=("KEY", "PLACE"),
        help="of ai.embedding_models, and package.module:name that makes its embedder",
    )
    parser.add_argument("--batch", type=int, default=32, help="texts of one call")
    parser.add_argument("--lease", type=float, default=300.0, help="seconds of a lease")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between empty rounds")
    given = parser.parse_args()
    url = os.environ.get("DATABASE_URL")
    if not url:
        parser.error("DATABASE_URL is unset: give the address of the primary, as gardenos_worker")
    worker = EmbeddingWorker(
        lambda: psycopg.connect(
            url, row_factory=dict_row, connect_timeout=5, tcp_user_timeout=10_000
        ),
        {key: embedder(place) for key, place in given.model},
        batch=given.batch,
        lease=timedelta(seconds=given.lease),
    )
    work(url, worker, given.pause)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
