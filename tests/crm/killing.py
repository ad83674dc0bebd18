"""An import of a dirty file whose programs are killed, compared with what must come of it.

`play` runs on any server at head: CI gives it a private one, `python -m tests.failover.imports` the
real cluster. The client that adds the file's lines and the worker that writes the records are
programs of their own (`tests.clients.import_worker`) and get SIGKILL in the middle; whoever has
several nodes adds the death of the leader.

Afterwards every line is compared with `tests.crm.dirty`, every person with who must be there, and
the trail with how often somebody was made. Then the import is reverted, and each table of the
agency must hash as before it, but for the traces in TRACES.
"""

import csv
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import dict_row

from tests.audit.trail import opened
from tests.cluster.waiting import until
from tests.crm.desk import Desk
from tests.crm.dirty import FIRMS, MAPPING, UNSEEN_FIRM, Book, hidden, known
from tests.database import ROOT, Database, program_environment
from tests.policies.access import acting

# What an import that was reverted leaves behind, as a condition on the rows (r).
TRACES = {
    "integration.import_jobs": "r.id = %(job)s",
    "integration.import_rows": "r.job_id = %(job)s",
    # in the trash, where a person may look until retention empties it
    "crm.contacts": "r.deleted_at >= %(since)s",
    "crm.contact_points": "r.deleted_at >= %(since)s",
    "crm.contact_companies": "exists (select from crm.contacts as c where c.agency_id = r.agency_id"
    " and c.id = r.contact_id and c.deleted_at >= %(since)s)",
    # they tell what happened
    "audit.log": "r.at >= %(since)s",
    "integration.outbox_events": "r.occurred_at >= %(since)s",
}
# What every change raises, undoing included.
STAMPS = ("updated_at", "updated_by", "row_version")


@dataclass
class Told:
    """What happened, for whoever reads the log."""

    say: Callable[[str], None] = lambda _: None
    began: float = field(default_factory=time.monotonic)

    def __call__(self, text: str) -> None:
        """One line."""
        self.say(f"{time.monotonic() - self.began:7.1f} s  {text}")


class Program:
    """`tests.clients.import_worker` as a process."""

    def __init__(self, url: str, agency: UUID, job: UUID, file: Path | None = None) -> None:
        """Start it."""
        command = [sys.executable, "-m", "tests.clients.import_worker", url, str(agency), str(job)]
        self._process = subprocess.Popen(
            [*command, *([str(file)] if file else [])],
            cwd=ROOT,
            env=program_environment(None),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self) -> None:
        """SIGKILL, and it was at work until then."""
        assert self._process.poll() is None, f"it had ended already: {self._said()}"
        self._process.send_signal(signal.SIGKILL)
        self._said()
        assert self._process.returncode == -signal.SIGKILL

    def end(self) -> None:
        """Wait until it is done."""
        said = self._said()
        assert self._process.returncode == 0, said[-2000:]

    def _said(self) -> str:
        return self._process.communicate()[1]


class Import:
    """One play: the agency, the file and the job."""

    def __init__(self, database: Database, rows: int, seed: int, told: Told) -> None:
        """Make the agency and write the file's lines; nothing is imported yet."""
        self.database = database
        self.told = told
        self.rows = rows
        with opened(database) as office:
            desk = Desk(office, office.found(Desk.new_slug()))
            self.other = office.found(Desk.new_slug())
            Desk(office, self.other).contact(full_name="Of another agency")
            self.importer = desk.colleague()
            office.serve(
                "update tenancy.memberships set capabilities = '{import}' where id = %s",
                self.importer.membership_id,
            )
            self.book = Book(rows, seed, str(desk.owner.membership_id))
            self.agency = desk.owner.agency_id
            self._furnish(desk)
            self.job: UUID = desk.insert(
                "integration.import_jobs",
                self.importer,
                id=uuid4(),
                entity="contact",
                mapping=MAPPING,
                dedupe="update",
            )
        ((self.since,),) = self.ask("select clock_timestamp()")
        told(f"{rows} lines of seed {seed}")

    def _furnish(self, desk: Desk) -> None:
        """Companies, people the importer sees and does not see, and who was erased."""
        people = self.book.before
        for who, name in ((self.importer, known), (desk.owner, hidden)):
            with acting(desk.office.client, who.claims(), keep=True):
                desk.office.client.execute(
                    "insert into crm.contacts (id, full_name, job_title)"
                    " select n.id, n.name, %s from unnest(%s::uuid[], %s::text[]) as n (id, name)",
                    [
                        "Old" if who is self.importer else None,
                        ids := [uuid4() for _ in range(people)],
                        [f"{'Known' if name is known else 'Hidden'} {n}" for n in range(people)],
                    ],
                )
                desk.office.client.execute(
                    "insert into crm.contact_points (contact_id, kind, value, is_primary)"
                    " select n.id, 'email', n.mail, true"
                    " from unnest(%s::uuid[], %s::text[]) as n (id, mail)",
                    [ids, [name(n) for n in range(people)]],
                )
        for domain in FIRMS:
            desk.insert("crm.companies", self.importer, name=domain, domain=domain)
        desk.insert("crm.companies", name="Unseen", domain=UNSEEN_FIRM)
        trashed = desk.contact(full_name="In the trash already")
        desk.do("update crm.contacts set deleted_at = now() where id = %s", trashed)
        request = desk.serve(
            "governance.erasure_requests",
            subject_kind="contact",
            subject_id=uuid4(),
            label_masked="G… O…",
        )
        for kind, value in self.book.erased:
            text = f"{desk.owner.agency_id}|{kind}|{value}"
            desk.serve(
                "governance.suppressions",
                erasure_id=request,
                kind=kind,
                value_hash=sha256(text.encode()).digest(),
            )

    # -- what people and programs do

    def ask(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Rows, as superuser."""
        with self.database.connect() as connection:
            return connection.execute(query.encode(), values).fetchall()

    def set_status(self, status: str) -> None:
        """The importer checks or starts the import."""
        with opened(self.database) as office:
            office.do(
                self.importer,
                "update integration.import_jobs set status = %s::app.import_status where id = %s",
                status,
                self.job,
            )

    def program(self, file: Path | None = None) -> Program:
        """The client or the worker, at work."""
        return Program(self.database.url("gardenos_worker"), self.agency, self.job, file)

    def wait(self, query: str, share: float) -> int:
        """Until so large a share of the lines is counted by the query; how many it is."""

        def enough() -> int | None:
            ((count,),) = self.ask(query, job=self.job)
            return int(count) if count >= share * self.rows else None

        return until(enough, 60 + self.rows / 50, f"it does not get to {share:.0%}")

    # -- what must hold

    def imprint(self, agency: UUID) -> dict[str, tuple[int, str]]:
        """Rows and hash of each table of the agency, but for the traces of the import."""
        tables = self.ask(
            "select c.oid::regclass::text from pg_class as c join pg_attribute as a"
            " on a.attrelid = c.oid and a.attname = 'agency_id' where c.relkind in ('r', 'p')"
            " and not c.relispartition and c.relrowsecurity order by 1"
        )
        assert {table for (table,) in tables} >= {*TRACES} - {"integration.outbox_events"}
        ignored = ", ".join(f"'{stamp}'" for stamp in STAMPS)
        found = {}
        with self.database.connect() as connection:
            for (table,) in tables:
                trace = TRACES.get(table, "false")
                (row,) = connection.execute(
                    f"select count(*), coalesce(md5(string_agg(h.line, '' order by h.line)), '')"
                    f" from (select md5((to_jsonb(r) - array[{ignored}])::text) as line"
                    f" from {table} as r where r.agency_id = %(agency)s and ({trace}) is not true"
                    ") as h".encode(),
                    {"agency": agency, "job": self.job, "since": self.since},
                ).fetchall()
                found[table] = row
        return found

    def compare_lines(self) -> dict[int, UUID]:
        """Each line became what it must; answers who made whom, by line.

        Raises:
            AssertionError: some did not; the message has the first of them.
        """
        found = self.ask(
            "select row_no, status::text, error_code, error_field, error_message, contact_id,"
            " record_version from integration.import_rows where job_id = %(job)s order by row_no",
            job=self.job,
        )
        assert [row[0] for row in found] == list(range(1, self.rows + 1)), "lines lost or doubled"
        ids: dict[int, UUID] = {}
        wrong = []
        for (number, status, code, where, reason, record, _), expected, line in zip(
            found, self.book.expected, self.book.lines, strict=True
        ):
            told = (status, code, where)
            if told != (expected.status, expected.code, expected.field) or not (
                reason is None
                if expected.reason is None
                else str(reason).startswith(expected.reason)
            ):
                wrong.append(f"line {number} {line}: {told} {reason}, not {expected}")
            elif (record is None) is not (expected.person is None):
                wrong.append(f"line {number}: points to {record}, and not to {expected.person}")
            elif expected.person is not None and ids.setdefault(expected.person, record) != record:
                wrong.append(f"line {number}: made or changed {record}, not {ids[expected.person]}")
        assert not wrong, f"{len(wrong)} lines are wrong; {wrong[:3]}"
        assert len({*ids.values()}) == len(ids), "two people became one"
        return ids

    def compare_people(self, ids: Mapping[int, UUID]) -> None:
        """Those people are there, each once, with all they must have, and nobody else.

        Raises:
            AssertionError: who is missing, doubled or different.
        """
        found = {row["id"]: row for row in self._people()}
        by_address = {
            (kind, value): one
            for one, row in found.items()
            for kind, value, _ in (row["points"] or [])
        }
        wrong = []
        for number, person in self.book.people.items():
            one = ids.get(number) or by_address.get(next(iter(person.points)))
            row = found.pop(one, None) if one else None
            is_there = (
                None
                if row is None
                else (
                    row["full_name"],
                    row["job_title"],
                    {(kind, value): primary for kind, value, primary in row["points"] or []},
                    dict(row["firms"] or []),
                )
            )
            if is_there != (person.name, person.title, person.points, person.firms):
                wrong.append(f"{is_there}, not {person}")
            elif row and row["owner_id"] != self.importer.membership_id and not person.is_hidden:
                wrong.append(f"{person.name} is of {row['owner_id']}")
        assert not wrong, f"{len(wrong)} people are wrong; {wrong[:3]}"
        assert not found, f"{len(found)} people too many: {list(found.values())[:3]}"

    def _people(self) -> list[dict[str, Any]]:
        with self.database.connect(row_factory=dict_row) as connection:
            return connection.execute(
                "select c.id, c.full_name::text, c.job_title::text, c.owner_id, p.points, f.firms"
                " from crm.contacts as c"
                " left join (select contact_id, jsonb_agg(jsonb_build_array(kind, value_norm,"
                " is_primary)) as points from crm.contact_points where agency_id = %(agency)s"
                " and deleted_at is null group by 1) as p on p.contact_id = c.id"
                " left join (select l.contact_id, jsonb_agg(jsonb_build_array(k.domain,"
                " l.is_primary)) as firms from crm.contact_companies as l"
                " join crm.companies as k on k.agency_id = l.agency_id and k.id = l.company_id"
                " where l.agency_id = %(agency)s and l.ended_on is null"
                " group by 1) as f on f.contact_id = c.id"
                " where c.agency_id = %(agency)s and c.deleted_at is null",
                {"agency": self.agency},
            ).fetchall()

    def compare_trail(self) -> None:
        """The trail has each person made once, and the job counts what its lines say."""
        made = sum(expected.status == "created" for expected in self.book.expected)
        ((told, different),) = self.ask(
            "select count(*), count(distinct record_id) from audit.log where agency_id = %(agency)s"
            " and schema_name = 'crm' and table_name = 'contacts' and op = 'insert'"
            " and at >= %(since)s",
            agency=self.agency,
            since=self.since,
        )
        assert (told, different) == (made, made), f"{told} inserts of {different}, not {made}"
        (counted,) = self.ask(
            "select total_rows, created_rows, updated_rows, skipped_rows, failed_rows, status::text"
            " from integration.import_jobs where id = %(job)s",
            job=self.job,
        )
        statuses = [expected.status for expected in self.book.expected]
        kinds = ("created", "updated", "skipped", "failed")
        assert counted == (self.rows, *(statuses.count(one) for one in kinds), "done")

    def revert(self, n: int) -> int:
        """All of it, as its owner; how many lines."""
        reverted = 0
        before: int | None = None
        with opened(self.database) as office:
            while True:
                answer = office.do(
                    self.importer, "select app.revert_import(%s, %s, %s)", self.job, before, n
                )
                assert answer["kept"] == [], answer["kept"][:3]
                reverted += int(answer["reverted"])
                before = answer["next"]
                if before is None:
                    return reverted


ADDED = "select count(*) from integration.import_rows where job_id = %(job)s"
SETTLED = (
    "select created_rows + updated_rows + skipped_rows + failed_rows"
    " from integration.import_jobs where id = %(job)s"
)


def play(
    database: Database,
    directory: Path,
    rows: int,
    seed: int,
    *,
    kill_leader: Callable[[], None] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Import and revert a dirty file, with client, worker and leader killed in the middle.

    Args:
        database: at head; who logs in there writes through a failover.
        directory: for the file.
        rows: how many lines; some thousand at least, else nobody is caught in the middle.
        seed: of the lines.
        kill_leader: ends the node that leads; the worker must go on by itself.
        say: told what happens.

    Raises:
        AssertionError: something does not hold.
    """
    told = Told(say)
    this = Import(database, rows, seed, told)
    before = this.imprint(this.agency)
    theirs = this.imprint(this.other.agency_id)
    file = directory / "dirty.csv"
    with file.open("w", newline="", encoding="utf-8") as opened_file:
        writer = csv.DictWriter(opened_file, list(MAPPING))
        writer.writeheader()
        writer.writerows(this.book.lines)

    client = this.program(file)
    this.wait(ADDED, 0.2)
    client.kill()
    ((added,),) = this.ask(ADDED, job=this.job)
    told(f"client killed with {added} lines added")
    assert added < rows, "the client was not caught in the middle"
    this.program(file).end()
    told("all lines added")

    this.set_status("validating")
    this.program().end()
    told("checked")

    this.set_status("running")
    worker = this.program()
    this.wait(SETTLED, 0.25)
    worker.kill()
    ((settled,),) = this.ask(SETTLED, job=this.job)
    told(f"worker killed with {settled} lines settled")
    assert settled < 0.9 * rows, "the worker was not caught in the middle"
    worker = this.program()
    if kill_leader is not None:
        this.wait(SETTLED, 0.5)
        kill_leader()
        told("leader killed")
    worker.end()
    told("done")

    ids = this.compare_lines()
    this.compare_people(ids)
    this.compare_trail()
    assert this.imprint(this.other.agency_id) == theirs
    changed = {
        table for table, told_of in this.imprint(this.agency).items() if told_of != before[table]
    }
    assert changed == {"crm.contacts", "crm.contact_points", "crm.contact_companies"}, changed
    told("every line and every person is as expected, and no other table changed")

    statuses = [expected.status for expected in this.book.expected]
    assert this.revert(1000) == statuses.count("created") + statuses.count("updated")
    told("reverted")
    after = this.imprint(this.agency)
    assert after == before, {
        table: (before[table], after[table]) for table in after if after[table] != before[table]
    }
    assert this.imprint(this.other.agency_id) == theirs
    told("no trace is left but those that are stated")
