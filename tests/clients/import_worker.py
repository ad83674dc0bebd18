"""A worker that imports: reference code for a team.

It needs one connection as gardenos_worker and nothing else: what is done and what is not stands in
the database. So it may be killed at any moment, and another one, or the same, goes on.

* Each batch is a transaction, bound to the agency. A batch whose COMMIT was not acknowledged is not
  guessed at: the next call finds the lines pending or settled. Each call locks the job, so it is
  acknowledged by a standby even where it finds nothing to write (see `tests.clients.idempotent`).
* `request_stop` ends it after the batch in hand; SIGTERM and SIGINT do that in the program.
* A lost connection, a failover, a deadlock: wait, connect again, go on. Anything else is a fault of
  the program and is raised.

The program carries an import as far as it can go: with a file it adds its lines to a draft; then it
checks them when the import is `validating`, and writes the records when it is `running`.

    python -m tests.clients.import_worker "$WORKER_URL" <agency> <job> [file.csv]
"""

import argparse
import csv
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from tests.clients.idempotent import Client, Try

log = logging.getLogger("import_worker")


class NotDraft(Exception):
    """Lines are added to a draft only."""


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
            connect: logs in as gardenos_worker, outside of autocommit; called again when the
                connection is lost.
            agency: whose import it is.
            job: the import.
            batch: lines in one transaction; its locks are held for as long as these take.
            patience: seconds without any success before the last error is raised.
        """
        self._client = Client(connect)
        self._agency = agency
        self._job = job
        self._batch = batch
        self._patience = patience
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

        Raises:
            NotDraft: the import has left the draft, or there is none.
        """
        count = 0
        pending: list[tuple[int, str]] = []
        for number, line in enumerate(lines, first):
            if self._stopping:
                break
            pending.append((number, json.dumps(line)))
            count += 1
            if len(pending) == self._batch:
                self._add(pending)
                pending = []
        if pending:
            self._add(pending)
        return count

    def _add(self, lines: list[tuple[int, str]]) -> None:
        added = self._call(
            "with job as ("
            " select j.agency_id, j.id from integration.import_jobs as j"
            " where j.agency_id = %s and j.id = %s and j.status = 'draft' for no key update"
            "), added as ("
            " insert into integration.import_rows (agency_id, job_id, row_no, raw)"
            " select j.agency_id, j.id, l.no, l.raw::jsonb"
            " from job as j cross join unnest(%s::int[], %s::text[]) as l (no, raw)"
            " on conflict (agency_id, job_id, row_no) do nothing"
            ") select exists (select from job)",
            self._agency,
            self._job,
            [number for number, _ in lines],
            [raw for _, raw in lines],
        )
        if not added:
            raise NotDraft(f"import {self._job} is no draft of this agency")

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
        self._client.close()

    def _call(self, statement: str, *parameters: Any) -> Any:
        """One statement in a transaction bound to the agency, until it is known to be committed."""

        def work(connection: psycopg.Connection[Any]) -> Any:
            connection.execute("select app.bind_worker(%s)", [self._agency])
            cursor = connection.execute(statement.encode(), parameters)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

        return self._client.once(work, patience=self._patience, watch=self._watch)

    def _watch(self, attempt: Try) -> None:
        if attempt.error is not None:
            said = str(attempt.error).partition("\n")[0]
            log.warning("import %s: %s (%s)", self._job, said, attempt.fate)


def main(url: str, agency: UUID, job: UUID, file: Path | None = None) -> None:
    """Carry one import as far as it can go, until a signal comes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    worker = ImportWorker(
        lambda: psycopg.connect(url, connect_timeout=5, tcp_user_timeout=10_000), agency, job
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.request_stop())
    try:
        if file is not None:
            with file.open(newline="", encoding="utf-8") as opened:
                worker.add_lines(csv.DictReader(opened))
        worker.validate()
        worker.run()
    finally:
        worker.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m tests.clients.import_worker", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("url", help="of a database, with gardenos_worker as login")
    parser.add_argument("agency", type=UUID)
    parser.add_argument("job", type=UUID)
    parser.add_argument("file", type=Path, nargs="?", help="whose lines are added first")
    try:
        main(**vars(parser.parse_args()))
    except (NotDraft, OSError, psycopg.Error) as error:
        sys.exit(str(error))
