"""Programs of an import killed in the middle: every valid line once, and undone without a trace.

`make import ROWS=100000` plays the same on the real cluster, and kills the leader too.
"""

from pathlib import Path

import pytest

from tests.clients.import_worker import ImportWorker
from tests.crm.killing import Import, Told, play
from tests.database import Database
from tests.policies.broken import broken_function


def test_a_killed_client_and_a_killed_worker_lose_and_double_nothing(
    database: Database, tmp_path: Path
) -> None:
    play(database, tmp_path, rows=2000, seed=1)


def carry(database: Database, rows: int = 150) -> None:
    """The same in one process, nobody killed, compared in the same way."""
    this = Import(database, rows, 1, Told())
    before = this.imprint(this.agency)
    worker = ImportWorker(lambda: database.connect("gardenos_worker"), this.agency, this.job)
    try:
        worker.add_lines(this.book.lines)
        this.set_status("validating")
        worker.validate()
        this.set_status("running")
        worker.run()
    finally:
        worker.close()
    this.compare_people(this.compare_lines())
    this.compare_trail()
    this.revert(100)
    assert this.imprint(this.agency) == before


# a piece of a function, what it becomes, and what must be said
BROKEN = [
    (
        "app.import_contacts",
        "p.kind, p.value, p.e164, p.is_primary\n",
        "p.kind, p.value, p.e164, false\n",
        "people are wrong",
    ),
    ("app.import_contacts", "dedupe = 'create'", "true", "lines are wrong"),
    (
        "app.revert_import",
        "and line.before ->> 'link' is not null",
        "and false",
        "contact_companies",
    ),
    ("app.revert_import", "and line.before -> 'points' <> '[]'", "and false", "contact_points"),
]


def test_the_comparison_notices_what_is_broken(database: Database) -> None:
    carry(database)
    for name, old, new, said in BROKEN:
        with (
            broken_function(database, name, old, new),
            pytest.raises(AssertionError, match=said),
        ):
            carry(database)
