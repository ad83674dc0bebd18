"""A worker that imports: reference code for a team.

It needs one connection as gardenos_worker and nothing else: what is done and what is not stands in
the database. So it may be killed at any moment, and another one, or the same, goes on.

* Each batch is a transaction, bound to the agency. A batch whose COMMIT was not acknowledged is not
  guessed at: the next call finds the lines pending or settled.
* `request_stop` ends it after the batch in hand; SIGTERM and SIGINT do that in the program.
* A lost connection, a failover, a deadlock: wait, connect again, go on. Anything else is a fault of
  the program and is raised.

    python -m tests.clients.import_worker "$WORKER_URL" <agency> <job>
"""

import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

import psycopg

log = logging.getLogger("import_worker")

# What passes: the node went away, or somebody else held a lock for too long.
PASSING = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.SerializationFailure,
    psycopg.errors.ReadOnlySqlTransaction,
)


class ImportWorker:
    """Carries one import through: lines in, checked, run."""

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        agency: UUID,
        job: UUID,
        *,
        batch: int = 500,
        patience: float = 120.0,
    ) -> None:
        """Describe the work; nothing is connected to yet.

        Args:
            connect: logs in as gardenos_worker; called again when the connection is lost.
            agency: whose import it is.
            job: the import.
            batch: lines in one transaction; its locks are held for as long as these take.
            patience: seconds without any success before the last error is raised.
        """
        self._connect = connect
        self._agency = agency
        self._job = job
        self._batch = batch
        self._patience = patience
        self._connection: psycopg.Connection[Any] | None = None
        self._stopping = False

    def request_stop(self) -> None:
        """Stop after the batch in hand; the import goes on with the next worker."""
        self._stopping = True

    def add_lines(self, lines: Iterable[Mapping[str, Any]], first: int = 1) -> int:
        """Put the lines of a file into the import; adding them again does no harm.

        Args:
            lines: column to value, as the file has them.
            first: the number of the first line.

        Returns:
            how many lines there were.
        """
        count = 0
        pending: list[tuple[int, str]] = []
        for number, line in enumerate(lines, first):
            pending.append((number, json.dumps(line)))
            count += 1
            if len(pending) == self._batch:
                self._add(pending)
                pending = []
        if pending:
            self._add(pending)
        return count

    def _add(self, lines: list[tuple[int, str]]) -> None:
        self._call(
            "insert into integration.import_rows (agency_id, job_id, row_no, raw)"
            " select %s, %s, l.no, l.raw::jsonb from unnest(%s::int[], %s::text[]) as l (no, raw)"
            " on conflict (agency_id, job_id, row_no) do nothing",
            self._agency,
            self._job,
            [number for number, _ in lines],
            [raw for _, raw in lines],
        )

    def validate(self) -> None:
        """Check every line; afterwards the import is ready, unless somebody stopped it."""
        after = 0
        while not self._stopping:
            answer = self._call(
                "select app.validate_import_batch(%s, %s, %s)", self._job, after, self._batch
            )
            if answer is None:
                log.info("import %s: checked", self._job)
                return
            after = answer
            log.info("import %s: checked up to line %d", self._job, after)

    def run(self) -> int:
        """Write the records of a running import.

        Returns:
            how many lines this worker knows to have settled; a batch whose acknowledgement was lost
            is not among them, although it may be done.
        """
        began = time.monotonic()
        settled = 0
        analysed = 0
        while not self._stopping:
            answer = self._call("select app.run_import_batch(%s, %s)", self._job, self._batch)
            if not answer:
                log.info("import %s: nothing more to do", self._job)
                break
            settled += answer
            if settled >= 2 * analysed:
                # autovacuum comes a minute later, and until then a new agency is slow
                self._call("select app.analyze_imports()")
                analysed = settled
            log.info(
                "import %s: %d lines, %.0f a second",
                self._job,
                settled,
                settled / (time.monotonic() - began),
            )
        return settled

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(self, statement: str, *parameters: Any) -> Any:
        """One statement in a transaction bound to the agency, until it is known to be committed."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                with self._connection.transaction():
                    self._connection.execute("select app.bind_worker(%s)", [self._agency])
                    cursor = self._connection.execute(statement.encode(), parameters)
                    row = cursor.fetchone() if cursor.description else None
                return row[0] if row else None
            except PASSING as error:
                if time.monotonic() > deadline:
                    raise
                log.warning("import %s: %s; trying again", self._job, str(error).partition("\n")[0])
                self.close()
                time.sleep(0.2)


def main(url: str, agency: UUID, job: UUID) -> None:
    """Check or run one import, whichever it waits for, until it ends or a signal comes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    worker = ImportWorker(lambda: psycopg.connect(url, autocommit=True), agency, job)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.request_stop())
    try:
        worker.validate()
        worker.run()
    finally:
        worker.close()


if __name__ == "__main__":
    main(sys.argv[1], UUID(sys.argv[2]), UUID(sys.argv[3]))
