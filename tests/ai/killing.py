"""Workers of the queue killed in the middle, and the server too: each text has one vector, its own.

`play` runs on any server at head: CI crashes a private one, `python -m tests.failover.texts` kills
the leader of the real cluster. Workers are programs of their own.
Texts are edited at the very moment that a worker embeds them. Afterwards the vectors are compared
with the texts, and the trail tells how often one was made.
"""

import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from tests.ai.queueing import Library, Model
from tests.ai.slow import KEY
from tests.audit.trail import opened
from tests.clients.idempotent import is_passing
from tests.cluster.waiting import until
from tests.database import ROOT, Database, program_environment

SAID = {"started", "stopped", "embedded", "released", "tried in vain", "database away"}
SECONDS = 120


class Program:
    """`tests.clients.embedding_worker` as a process; what it says goes to a file."""

    def __init__(self, url: str, log: Path) -> None:
        """Start it."""
        self._log = log
        with log.open("w") as said:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.clients.embedding_worker"),
                    *("--model", KEY, "tests.ai.slow:embedder"),
                    *("--batch", "20", "--lease", "5", "--pause", "0.1"),
                ],
                cwd=ROOT,
                env=program_environment(url),
                stderr=said,
            )

    def end(self, number: int) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def lines(self) -> list[dict[str, Any]]:
        """What it said; a line that is no JSON is told as it is."""
        found: list[dict[str, Any]] = []
        for line in self._log.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                found.append({"what": line})
        return found


@dataclass
class Queue:
    """One play: an agency with many texts."""

    database: Database
    texts: int
    edits: int
    agency: UUID = field(init=False)
    model: Model = field(init=False)

    def __post_init__(self) -> None:
        """Write the texts; nothing is embedded yet."""
        with opened(self.database) as office:
            (row,) = office.superuser.execute(
                "insert into ai.embedding_models (key, provider, model, vector_type, dims, status)"
                " values (%s, 'test', 'slow', 'vector', 1536, 'active') returning id",
                [KEY],
            ).fetchall()
            self.model = Model(row["id"], KEY, 1536)
            library = Library.of_new_agency(office, office.superuser, self.model)
            library.write(*[f"text {number}" for number in range(self.texts)])
        self.agency = library.agency

    def ask(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows, as superuser; committed, after a failover if need be."""

        def answer() -> tuple[list[dict[str, Any]]] | None:
            try:
                with self.database.connect(autocommit=True, row_factory=dict_row) as connection:
                    cursor = connection.execute(query.encode(), parameters or None)
                    return (cursor.fetchall() if cursor.description else [],)
            except psycopg.Error as error:
                if is_passing(error):
                    return None
                raise

        (rows,) = until(answer, SECONDS, f"no answer: {query}")
        return rows

    def is_leased(self) -> bool:
        """Whether a worker is in the middle of a batch, and not the last one."""
        (row,) = self.ask(
            "select count(*) filter (where locked_by is not null) > 0 and count(*) between 20 and"
            " %s as yes from ai.embedding_jobs where agency_id = %s",
            self.texts - 1,
            self.agency,
        )
        return bool(row["yes"])

    def is_empty(self) -> bool:
        """Whether nothing waits; what was edited need not wait for the next edit."""
        self.ask(
            "update ai.embedding_jobs set run_after = now() where run_after > now()"
            " and agency_id = %s",
            self.agency,
        )
        (row,) = self.ask(
            "select count(*) as n from ai.embedding_jobs where agency_id = %s", self.agency
        )
        return not row["n"]

    def edit(self) -> None:
        """Edit texts, each while a worker embeds it."""
        for _ in range(self.edits):
            until(self._edit_one, SECONDS, "no text is embedded")

    def _edit_one(self) -> bool:
        return bool(
            self.ask(
                "update ai.chunks as c set content = content || ', edited' from ("
                " select j.chunk_id from ai.embedding_jobs as j join ai.chunks as t"
                " on t.agency_id = j.agency_id and t.id = j.chunk_id where j.agency_id = %s"
                " and j.locked_by is not null and t.content not like '%%edited' limit 1"
                ") as leased where c.agency_id = %s and c.id = leased.chunk_id returning c.id",
                self.agency,
                self.agency,
            )
        )

    def compare(self) -> int:
        """Each text has the vector of its words, made once; how often one was written.

        Raises:
            AssertionError: what is wrong.
        """
        with opened(self.database) as office:
            library = Library(office, office.superuser, self.agency, self.model)
            vectors, expected = library.vectors(), library.expected()
            wrong = [text for text in expected if vectors.get(text) != expected[text]]
            assert not wrong, f"{len(wrong)} of {self.texts} vectors are missing or of other words"
            assert len(vectors) == self.texts
            (told,) = library.do(
                "select count(*) filter (where op = 'insert') as made,"
                " count(distinct record_id) as different, count(*) as written from audit.log"
                " where agency_id = %s and table_name = 'embeddings_vector_1536'",
                self.agency,
            )
        assert (told["made"], told["different"]) == (self.texts, self.texts)
        # once for a text, and once more for an edit that came after its vector
        assert told["written"] <= self.texts + self.edits
        written: int = told["written"]
        return written


def play(
    database: Database,
    directory: Path,
    crash: Callable[[], None],
    *,
    texts: int = 300,
    edits: int = 30,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Embed many texts with two workers; one is killed, then the server.

    Args:
        database: at head; who logs in there writes through a failover.
        directory: for what workers say.
        crash: ends the server, or its leader, and answers when it can be asked again.
        texts: how many.
        edits: how many of them are changed meanwhile.
        say: told what happens.

    Raises:
        AssertionError: something does not hold.
    """
    queue = Queue(database, texts, edits)
    url = database.url("gardenos_worker")
    numbers = itertools.count(1)

    def start() -> Program:
        return Program(url, directory / f"worker_{next(numbers)}.log")

    programs = [start(), start()]
    try:
        until(queue.is_leased, SECONDS, "no worker is in the middle of a batch")
        assert programs[0].end(signal.SIGKILL) == -signal.SIGKILL
        say("worker killed")
        programs.append(start())
        until(queue.is_leased, SECONDS, "no worker is in the middle of a batch")
        crash()
        say("server crashed")
        queue.edit()
        say("texts edited")
        until(queue.is_empty, SECONDS, "the queue is not empty")
        assert [program.end(signal.SIGTERM) for program in programs[1:]] == [0, 0]
    finally:
        for program in programs:
            program.process.kill()
            program.process.wait()
    written = queue.compare()
    said = [line for program in programs for line in program.lines()]
    assert sum(line.get("written", 0) for line in said) <= written
    assert {line["what"] for line in said} <= SAID, [x for x in said if x["what"] not in SAID][:3]
    say(f"{texts} texts have their vectors; {written} were written for them and {edits} edits")
