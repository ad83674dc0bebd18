"""Workers of the queue killed in the middle, and the server too: each text has one vector, its own.

Workers are programs of their own (`tests.clients.embedding_worker`). The trail tells how often a
vector was written.
"""

import itertools
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg.rows import dict_row

from tests.ai.queueing import Library, Model
from tests.ai.slow import KEY
from tests.audit.trail import opened
from tests.cluster.waiting import until
from tests.database import ROOT, Cluster, Database, Databases, program_environment

TEXTS = 300


class Program:
    """`tests.clients.embedding_worker` as a process; what it says goes to a file."""

    def __init__(self, database: Database, log: Path) -> None:
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
                env=program_environment(database.url("gardenos_worker")),
                stderr=said,
            )

    def end(self, number: int) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def lines(self) -> list[dict[str, Any]]:
        """What it said."""
        found: list[dict[str, Any]] = []
        for line in self._log.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                # killed in the middle of a line, or a traceback
                found.append({"what": line})
        return found


def leased(database: Database) -> bool:
    """Whether a worker is in the middle of a batch."""
    with database.connect() as connection:
        rows = connection.execute(
            "select count(*) filter (where locked_by is not null) > 0 and count(*) < %s"
            " from ai.embedding_jobs",
            [TEXTS],
        ).fetchall()
    return bool(rows[0][0])


def prepared(database: Database) -> Library:
    """An agency with many texts."""
    with opened(database) as office:
        (row,) = office.superuser.execute(
            "insert into ai.embedding_models (key, provider, model, vector_type, dims, status)"
            " values (%s, 'test', 'slow', 'vector', 1536, 'active') returning id",
            [KEY],
        ).fetchall()
        model = Model(row["id"], KEY, 1536)
        library = Library.of_new_agency(office, office.superuser, model)
        library.write(*[f"text {number}" for number in range(TEXTS)])
    return library


def test_whatever_dies_each_text_has_one_vector(cluster: Databases, tmp_path: Path) -> None:
    if not isinstance(cluster, Cluster):
        pytest.skip("somebody else's server is not crashed")
    with cluster.migrated() as database:
        texts = prepared(database)
        numbers = itertools.count(1)

        def start() -> Program:
            return Program(database, tmp_path / f"worker_{next(numbers)}.log")

        programs = [start(), start()]
        try:
            until(lambda: leased(database), 30, "no worker is in the middle of a batch")
            assert programs[0].end(signal.SIGKILL) == -signal.SIGKILL
            programs.append(start())
            until(lambda: leased(database), 30, "no worker is in the middle of a batch")
            cluster.server.crash()
            cluster.server.start()
            edits = threading.Thread(target=edit_all, args=(database, texts.agency))
            edits.start()
            until(lambda: leased(database), 30, "no worker went on after the crash")
            edits.join()
            until(lambda: not jobs_left(database, texts.agency), 60, "the queue is not empty")
            assert [program.end(signal.SIGTERM) for program in programs[1:]] == [0, 0]
        finally:
            for program in programs:
                program.process.kill()
                program.process.wait()
        with opened(database) as office:
            library = Library(office, office.superuser, texts.agency, texts.model)
            vectors = library.vectors()
            assert vectors == library.expected()
            assert len(vectors) == TEXTS
            # a vector is written for a text and for its edit, and never for the same text again
            (told,) = library.do(
                "select count(*) filter (where op = 'insert') as made,"
                " count(distinct record_id) as different, count(*) as written from audit.log"
                " where agency_id = %s and table_name = 'embeddings_vector_1536'",
                texts.agency,
            )
        assert (told["made"], told["different"]) == (TEXTS, TEXTS)
        assert told["written"] <= TEXTS + EDITED
        said = [line for program in programs for line in program.lines()]
        assert sum(line.get("written", 0) for line in said) <= told["written"]
        assert {line["what"] for line in said} <= {
            *("started", "stopped", "embedded", "released", "tried in vain", "database away")
        }


EDITED = 30


def edit_all(database: Database, agency: UUID) -> None:
    """Edit texts while they are embedded."""
    with database.connect(autocommit=True, row_factory=dict_row) as connection:
        rows = connection.execute(
            "select id from ai.chunks where agency_id = %s order by id limit %s", [agency, EDITED]
        ).fetchall()
        for row in rows:
            connection.execute(
                "update ai.chunks set content = content || ', edited' where id = %s", [row["id"]]
            )


def jobs_left(database: Database, agency: UUID) -> bool:
    """Whether anything waits; what was edited need not wait for the next edit."""
    with database.connect(autocommit=True) as connection:
        connection.execute(
            "update ai.embedding_jobs set run_after = now() where run_after > now()"
            " and agency_id = %s",
            [agency],
        )
        rows = connection.execute(
            "select exists (select from ai.embedding_jobs where agency_id = %s)", [agency]
        ).fetchall()
    return bool(rows[0][0])
