"""Imports: checked first, with the rights of their owner, each line once, undone without a trace.

A worker is the reference one, as its login; lines are what a file has, everything as text.
"""

import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.audit.trail import Office, Person
from tests.clients.import_worker import ImportWorker
from tests.crm.desk import Desk
from tests.policies.access import Row, acting
from tests.policies.broken import broken_function

PEOPLE = {
    "Name": "full_name",
    "Mail": "email",
    "Second mail": "email",
    "Phone": "phone",
    "Title": "job_title",
    "Firm": "company_domain",
    "Owner": "owner_id",
}
FIRMS = {"Name": "name", "Site": "domain", "Staff": "employees", "Land": "country"}
DEALS = {
    "Title": "title",
    "Sum": "amount",
    "Money": "currency",
    "Firm": "company_domain",
    "Mail": "contact_email",
    "Stage": "stage",
    "Due": "expected_close_on",
}
START = "update integration.import_jobs set status = 'running' where id = %s"
CHECK = "update integration.import_jobs set status = 'validating' where id = %s"
STOP = "update integration.import_jobs set status = 'ready' where id = %s"
REVERT = "select app.revert_import(%s)"
NOTE = "select app.note_reverted(%s, '{1}')"
PERSON = {"Name": "Zoë Müller", "Mail": "Zoe@Example.ORG", "Phone": "+49 30 123456"}


class Import:
    """One import of somebody, and the worker that carries it through."""

    def __init__(
        self,
        desk: Desk,
        lines: Sequence[Mapping[str, str]],
        *,
        mapping: Mapping[str, str] | None = None,
        entity: str = "contact",
        dedupe: str = "update",
        who: Person | None = None,
        batch: int = 100,
    ) -> None:
        """Make the draft and add its lines."""
        self.desk = desk
        self.who = who or desk.owner
        self.job = desk.insert(
            "integration.import_jobs",
            self.who,
            entity=entity,
            mapping=dict(mapping or PEOPLE),
            dedupe=dedupe,
        )
        self.worker = ImportWorker(
            lambda: desk.office.database.connect("gardenos_worker"),
            desk.owner.agency_id,
            self.job,
            batch=batch,
            patience=30,
        )
        self.worker.add_lines(lines)
        self.worker.close()

    def check(self) -> list[Row]:
        """Check all lines; those that failed."""
        self.desk.office.do(self.who, CHECK, self.job)
        self.worker.validate()
        self.worker.close()
        return self.failed()

    def start(self) -> None:
        """Check, and let it run."""
        self.check()
        self.desk.office.do(self.who, START, self.job)

    def run(self) -> list[Row]:
        """Check and run it; all lines afterwards."""
        self.start()
        self.go()
        return self.lines()

    def go(self) -> int:
        """Let the worker work; how many lines it settled."""
        settled = self.worker.run()
        self.worker.close()
        return settled

    def lines(self) -> list[Row]:
        """The lines, in their order."""
        return self.desk.office.superuser.execute(
            "select *, coalesce(contact_id, company_id, deal_id) as record_id"
            " from integration.import_rows where job_id = %s order by row_no",
            [self.job],
        ).fetchall()

    def failed(self) -> list[Row]:
        """The lines that failed."""
        return [line for line in self.lines() if line["status"] == "failed"]

    def state(self) -> Row:
        """The job as it stands."""
        return self.desk.row("integration.import_jobs", self.job)

    def revert(self, who: Person | None = None) -> dict[str, Any]:
        """Undo all of it at once."""
        found: dict[str, Any] = self.desk.office.do(who or self.who, REVERT, self.job)
        return found


@contextmanager
def as_worker(desk: Desk) -> Iterator[psycopg.Connection[Any]]:
    """A transaction of a worker in the agency, rolled back."""
    with desk.office.database.connect("gardenos_worker") as connection:
        connection.execute("select app.bind_worker(%s)", [desk.owner.agency_id])
        yield connection
        connection.rollback()


def statuses(lines: list[Row]) -> list[str]:
    return [line["status"] for line in lines]


def emails(desk: Desk) -> list[str]:
    """The live addresses of live contacts of the agency."""
    return [
        row["value"]
        for row in desk.office.superuser.execute(
            "select p.value::text from crm.contact_points as p join crm.contacts as c"
            " on c.agency_id = p.agency_id and c.id = p.contact_id"
            " where p.agency_id = %s and p.deleted_at is null and c.deleted_at is null"
            " and p.kind = 'email' order by 1",
            [desk.owner.agency_id],
        ).fetchall()
    ]


def importer(desk: Desk, scope: str = "own") -> Person:
    """A member who may import."""
    person = desk.colleague()
    desk.office.serve(
        "update tenancy.memberships set capabilities = '{import}', record_scope = %s where id = %s",
        scope,
        person.membership_id,
    )
    return person


# --- what becomes of a line


def test_a_line_becomes_a_contact_with_addresses_and_company(desk: Desk) -> None:
    firm = desk.insert("crm.companies", name="Garden", domain="garden.test")
    (line,) = Import(
        desk, [{**PERSON, "Second mail": "z@home.test", "Firm": "https://www.garden.test/x"}]
    ).run()
    assert (line["status"], line["error_code"]) == ("created", None)
    contact = desk.row("crm.contacts", line["contact_id"])
    assert contact["full_name"] == "Zoë Müller"
    assert contact["owner_id"] == contact["created_by"] == desk.owner.membership_id
    points = desk.office.superuser.execute(
        "select kind::text, value_norm, is_primary from crm.contact_points"
        " where contact_id = %s order by 1, 2",
        [line["contact_id"]],
    ).fetchall()
    assert [tuple(point.values()) for point in points] == [
        ("email", "z@home.test", False),
        ("email", "zoe@example.org", True),
        ("phone", "+4930123456", True),
    ]
    assert desk.office.superuser.execute(
        "select company_id, is_primary from crm.contact_companies where contact_id = %s",
        [line["contact_id"]],
    ).fetchall() == [{"company_id": firm, "is_primary": True}]


def test_a_line_becomes_a_company(desk: Desk) -> None:
    job = Import(
        desk,
        [{"Name": "Garden", "Site": "Garden.test", "Staff": "12", "Land": "de"}, {"Name": "Tree"}],
        entity="company",
        mapping=FIRMS,
    )
    lines = job.run()
    assert statuses(lines) == ["created", "created"]
    company = desk.row("crm.companies", lines[0]["company_id"])
    assert (company["domain"], company["employees"], company["country"]) == (
        "garden.test",
        12,
        "DE",
    )


def default_pipeline(desk: Desk) -> None:
    pipeline, _ = desk.pipeline("open")
    desk.do("update crm.pipelines set is_default = false where is_default")
    desk.do("update crm.pipelines set is_default = true where id = %s", pipeline)


def test_a_line_becomes_a_deal_of_its_company_and_contact(desk: Desk) -> None:
    default_pipeline(desk)
    firm = desk.insert("crm.companies", name="Garden", domain="garden.test")
    person = desk.contact()
    desk.email(person, "zoe@example.org")
    line = {"Title": "Roof", "Sum": "1200.50", "Money": "eur", "Firm": "garden.test"}
    found, unknown = Import(
        desk,
        [{**line, "Mail": "zoe@example.org"}, {**line, "Mail": "nobody@example.org"}],
        entity="deal",
        mapping=DEALS,
    ).run()
    deal = desk.row("crm.deals", found["deal_id"])
    assert (deal["company_id"], deal["primary_contact_id"]) == (firm, person)
    assert (str(deal["amount"]), deal["currency"]) == ("1200.5000", "EUR")
    assert (unknown["error_code"], unknown["error_field"]) == ("23503", "contact_email")


def test_custom_fields_and_lists_are_read_by_name(desk: Desk) -> None:
    desk.insert(
        "crm.custom_field_defs", entity="contact", key="size", label="S", data_type="number"
    )
    source = desk.insert("crm.lookup_values", kind="source", label="Fair")
    mapping = {"Name": "full_name", "Size": "custom.size", "From": "source"}
    good, no_number, no_source = Import(
        desk,
        [
            {"Name": "A", "Size": "42", "From": "fair"},
            {"Name": "B", "Size": "big", "From": "fair"},
            {"Name": "C", "Size": "", "From": "moon"},
        ],
        mapping=mapping,
    ).run()
    contact = desk.row("crm.contacts", good["contact_id"])
    assert (contact["custom"], contact["source_id"]) == ({"size": 42}, source)
    assert (no_number["error_code"], no_number["error_field"]) == ("22P02", "custom.size")
    assert (no_source["error_code"], no_source["error_field"]) == ("23503", "source")


# --- checked first


@pytest.mark.parametrize(
    ("entity", "mapping", "line", "code", "field"),
    [
        ("contact", PEOPLE, {"Name": "Zoë", "Mail": "zoe at home"}, "23514", "email"),
        ("contact", PEOPLE, {"Name": "Zoë", "Phone": "-"}, "23514", "phone"),
        ("contact", PEOPLE, {"Name": "x" * 201}, "23514", "full_name"),
        ("contact", PEOPLE, {"Title": "Gardener"}, "23502", "full_name"),
        ("contact", PEOPLE, {"Name": "Zoë", "Owner": "Bea"}, "22P02", "owner_id"),
        ("contact", {"Name": "salary"}, {"Name": "1"}, "22023", "salary"),
        ("contact", {"Name": "custom.none"}, {"Name": "1"}, "22023", "custom.none"),
        ("company", FIRMS, {"Name": "Garden", "Site": "no domain"}, "23514", "domain"),
        ("company", FIRMS, {"Name": "Garden", "Staff": "many"}, "22P02", "employees"),
        ("company", FIRMS, {"Name": "Garden", "Land": "Germany"}, "22001", "country"),
        ("deal", DEALS, {"Title": "Roof", "Sum": "1", "Money": "EURO"}, "22001", "currency"),
        ("deal", DEALS, {"Title": "Roof", "Sum": "-1", "Money": "EUR"}, "23514", "amount"),
        ("deal", DEALS, {"Title": "Roof", "Money": "EUR", "Stage": "moon"}, "23503", "stage"),
        (
            "deal",
            DEALS,
            {"Title": "Roof", "Money": "EUR", "Due": "1.5.2026"},
            "22007",
            "expected_close_on",
        ),
        ("deal", DEALS, {"Title": "Roof"}, "23502", "currency"),
    ],
)
def test_a_bad_value_is_named_before_anything_is_written(
    desk: Desk,
    entity: str,
    mapping: Mapping[str, str],
    line: Mapping[str, str],
    code: str,
    field: str,
) -> None:
    default_pipeline(desk)
    job = Import(desk, [line], entity=entity, mapping=mapping)
    (failed,) = job.check()
    assert (failed["error_code"], failed["error_field"]) == (code, field)
    assert failed["error_message"].startswith(field)
    assert not any(len(value) > 3 and value in failed["error_message"] for value in line.values())
    state = job.state()
    assert (state["status"], state["total_rows"], state["failed_rows"]) == ("ready", 1, 1)


def test_a_corrected_mapping_is_checked_again(desk: Desk) -> None:
    job = Import(desk, [PERSON], mapping={"Name": "nonsense"})
    assert len(job.check()) == 1
    desk.do("update integration.import_jobs set status = 'draft' where id = %s", job.job)
    desk.do(
        'update integration.import_jobs set mapping = \'{"Name": "full_name"}\' where id = %s',
        job.job,
    )
    assert job.check() == []


def test_one_bad_line_among_many_stops_nobody(desk: Desk) -> None:
    taken = desk.contact()
    desk.email(taken, "p7@example.org")
    lines = [{"Name": f"P {n}", "Mail": f"p{n}@example.org"} for n in range(60)]
    found = Import(desk, lines, dedupe="create").run()
    assert [line["row_no"] for line in found if line["status"] == "failed"] == [8]
    assert (found[7]["error_code"], found[7]["error_field"]) == ("23505", "email")
    assert statuses(found).count("created") == 59


# --- known records


def test_update_changes_what_the_line_fills_and_adds_what_is_new(desk: Desk) -> None:
    person = desk.contact(job_title="Intern")
    desk.email(person, "zoe@example.org", is_primary=True)
    line, same = Import(desk, [{**PERSON, "Title": "Boss"}, {**PERSON, "Title": "Boss"}]).run()
    assert (line["status"], line["contact_id"]) == ("updated", person)
    assert line["before"]["fields"] == {"job_title": "Intern"}
    assert desk.row("crm.contacts", person)["job_title"] == "Boss"
    assert same["status"] == "skipped"
    assert emails(desk) == ["zoe@example.org"]


def test_skip_leaves_the_known_as_they_are(desk: Desk) -> None:
    person = desk.contact()
    desk.email(person, "zoe@example.org")
    (line,) = Import(desk, [{**PERSON, "Title": "Boss"}], dedupe="skip").run()
    assert line["status"] == "skipped"
    assert desk.row("crm.contacts", person)["row_version"] == 1


def test_somebody_is_known_by_phone(desk: Desk) -> None:
    person = desk.contact()
    desk.insert(
        "crm.contact_points", contact_id=person, kind="phone", value="030", e164="+4930123456"
    )
    (line,) = Import(desk, [PERSON]).run()
    assert line["contact_id"] == person
    assert emails(desk) == ["zoe@example.org"]


def test_a_company_is_known_by_domain(desk: Desk) -> None:
    firm = desk.insert("crm.companies", name="Garden", domain="garden.test")
    (line,) = Import(
        desk, [{"Name": "Gardens", "Site": "garden.test"}], entity="company", mapping=FIRMS
    ).run()
    assert (line["status"], line["company_id"]) == ("updated", firm)
    assert desk.row("crm.companies", firm)["name"] == "Gardens"


def test_the_deleted_are_not_known(desk: Desk) -> None:
    gone = desk.contact()
    desk.email(gone, "zoe@example.org")
    desk.do("update crm.contacts set deleted_at = now() where id = %s", gone)
    (line,) = Import(desk, [PERSON]).run()
    assert line["status"] == "created"
    assert line["contact_id"] != gone


def test_addresses_of_two_people_are_refused(desk: Desk) -> None:
    desk.email(desk.contact(), "zoe@example.org")
    desk.insert(
        "crm.contact_points",
        contact_id=desk.contact(),
        kind="phone",
        value="030",
        e164="+4930123456",
    )
    (line,) = Import(desk, [PERSON]).run()
    assert (line["status"], line["error_code"]) == ("failed", "23505")


def test_the_second_line_of_a_file_finds_what_the_first_one_made(desk: Desk) -> None:
    first, second = Import(desk, [PERSON, {**PERSON, "Title": "Boss"}]).run()
    assert statuses([first, second]) == ["created", "updated"]
    assert first["contact_id"] == second["contact_id"]


def test_the_erased_stay_out(desk: Desk) -> None:
    request = desk.serve(
        "governance.erasure_requests",
        subject_kind="contact",
        subject_id=uuid4(),
        label_masked="Z… M…",
    )
    text = f"{desk.owner.agency_id}|email|zoe@example.org"
    desk.serve(
        "governance.suppressions",
        erasure_id=request,
        kind="email",
        value_hash=sha256(text.encode()).digest(),
    )
    line, other = Import(desk, [PERSON, {"Name": "Al", "Mail": "al@example.org"}]).run()
    assert (line["error_code"], line["error_field"]) == ("23514", "email")
    assert other["status"] == "created"
    assert emails(desk) == ["al@example.org"]


# --- whose rights


def test_an_import_writes_with_the_rights_of_its_owner(desk: Desk) -> None:
    bea = importer(desk, "all")
    theirs = desk.contact()
    desk.email(theirs, "zoe@example.org")
    lines = Import(
        desk,
        [
            PERSON,
            {"Name": "For Olga", "Owner": str(desk.owner.membership_id)},
            {"Name": "Mine"},
        ],
        who=bea,
    ).run()
    assert statuses(lines) == ["failed", "failed", "created"]
    assert [line["error_code"] for line in lines] == ["42501", "42501", None]
    mine = desk.row("crm.contacts", lines[2]["contact_id"])
    assert mine["created_by"] == mine["owner_id"] == bea.membership_id
    assert desk.row("crm.contacts", theirs)["row_version"] == 1


def test_who_is_out_of_reach_is_not_found_and_not_doubled(desk: Desk) -> None:
    bea = importer(desk)
    desk.email(desk.contact(), "zoe@example.org")
    (line,) = Import(desk, [PERSON], who=bea).run()
    assert (line["error_code"], line["error_field"]) == ("23505", "email")


def test_the_trail_names_the_owner_of_the_import(desk: Desk) -> None:
    (line,) = Import(desk, [PERSON]).run()
    (entry,) = desk.office.superuser.execute(
        "select actor_membership_id from audit.log where record_id = %s and op = 'insert'",
        [line["contact_id"]],
    ).fetchall()
    assert entry["actor_membership_id"] == desk.owner.membership_id


def test_only_its_owner_starts_an_import(desk: Desk) -> None:
    bea = importer(desk)
    job = Import(desk, [PERSON], who=bea)
    assert desk.refused(CHECK, job.job) == "42501"
    job.check()
    assert desk.refused(START, job.job) == "42501"
    assert (
        desk.refused(
            "update integration.import_jobs set owner_id = %s where id = %s",
            desk.owner.membership_id,
            job.job,
        )
        == "23514"
    )


def test_an_import_begins_as_a_draft(desk: Desk) -> None:
    assert (
        desk.refused(
            "insert into integration.import_jobs (entity, status) values ('contact', 'running')"
        )
        == "23514"
    )


def test_one_import_runs_in_an_agency(desk: Desk) -> None:
    Import(desk, [PERSON]).start()
    second = Import(desk, [PERSON])
    second.check()
    assert desk.refused(START, second.job) == "23505"


def test_a_worker_binds_no_import_that_does_not_run(desk: Desk) -> None:
    job = Import(desk, [PERSON])
    job.check()
    with as_worker(desk) as worker, pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.execute("select app.bind_import(%s)", [job.job])


def test_a_worker_is_nobody_without_a_running_import(desk: Desk) -> None:
    desk.contact()
    job = Import(desk, [PERSON])
    job.check()
    with as_worker(desk) as worker:
        worker.execute(
            "select set_config('request.jwt.claims', s.claims, true),"
            " set_config('gardenos.seal', s.seal, true)"
            " from app.issue_import_seal(%s, %s) as s",
            [desk.owner.agency_id, job.job],
        )
        worker.execute("set local role authenticated")
        assert worker.execute("select count(*) from crm.contacts").fetchone() == (0,)


def test_a_bound_import_sees_what_its_owner_sees_and_no_other_agency(
    desk: Desk, office: Office
) -> None:
    other = Desk(office, office.found(Desk.new_slug()))
    other.contact()
    bea = importer(desk)
    desk.contact()
    own = desk.insert("crm.contacts", bea, full_name="Mine")
    job = Import(desk, [PERSON], who=bea)
    job.start()
    with as_worker(desk) as worker:
        worker.execute("select app.bind_import(%s)", [job.job])
        assert worker.execute("select id from crm.contacts").fetchall() == [(own,)]
        worker.execute("select app.release_import(%s)", [desk.owner.agency_id])
        assert worker.execute("select count(*) from crm.contacts").fetchone() == (2,)


def test_clients_do_not_bind_or_run_imports(desk: Desk) -> None:
    job = Import(desk, [PERSON])
    job.start()
    assert desk.refused("select app.bind_import(%s)", job.job) == "42501"
    assert desk.refused("select app.run_import_batch(%s)", job.job) == "42501"
    assert desk.refused("select app.release_import(%s)", desk.owner.agency_id) == "42501"
    assert desk.refused(NOTE, job.job) == "42501"
    assert desk.refused("select app.refused_addresses('{zoe@example.org}')") == "42501"


# --- stopped, and gone on with


@pytest.mark.parametrize(
    "loss",
    [
        "update tenancy.memberships set status = 'suspended' where id = %s",
        "update tenancy.memberships set capabilities = '{}' where id = %s",
    ],
    ids=["suspended", "without the capability"],
)
def test_an_owner_who_loses_the_right_stops_the_import(desk: Desk, loss: str) -> None:
    bea = importer(desk)
    job = Import(desk, [{"Name": f"P {n}"} for n in range(30)], who=bea, batch=10)
    job.start()
    one_batch(job)
    desk.office.serve(loss, bea.membership_id)
    job.go()
    assert job.state()["status"] == "failed"
    assert statuses(job.lines()) == ["created"] * 10 + ["pending"] * 20
    assert job.lines()[10]["error_field"] == "owner_id"
    desk.office.serve(
        "update tenancy.memberships set status = 'active', capabilities = '{import}' where id = %s",
        bea.membership_id,
    )
    desk.office.do(bea, START, job.job)
    job.go()
    assert statuses(job.lines()) == ["created"] * 30
    assert {line["error_code"] for line in job.lines()} == {None}


def one_batch(job: Import) -> None:
    """Let a worker do one batch."""
    with job.desk.office.database.connect("gardenos_worker") as connection:
        connection.execute("select app.bind_worker(%s)", [job.desk.owner.agency_id])
        connection.execute("select app.run_import_batch(%s, 10)", [job.job])


def test_a_stopped_import_goes_on_where_it_was(desk: Desk) -> None:
    job = Import(desk, [{"Name": f"P {n}"} for n in range(30)])
    job.start()
    one_batch(job)
    desk.do(STOP, job.job)
    assert job.go() == 0
    assert statuses(job.lines()).count("pending") == 20
    desk.do(START, job.job)
    assert job.go() == 20
    assert job.state()["status"] == "done"


def test_a_worker_that_is_asked_to_stop_finishes_its_batch(desk: Desk) -> None:
    job = Import(desk, [{"Name": "P"}])
    job.start()
    job.worker.request_stop()
    assert job.go() == 0
    assert job.state()["status"] == "running"


@pytest.mark.parametrize("seed", [1, 2])
def test_workers_killed_at_random_moments_do_every_valid_line_once(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    lines = [{"Name": f"P {n}", "Mail": f"p{n}@example.org"} for n in range(1, 601)]
    for n in range(0, 600, 17):
        lines[n]["Mail"] = "nonsense"
    for n in range(5, 600, 31):
        lines[n] = dict(lines[n - 1])
    job = Import(desk, lines, batch=40)
    job.start()
    kills = 0
    done = threading.Event()

    def work() -> None:
        job.go()
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.wait(chance.uniform(0.01, 0.25)):
        kills += (
            len(
                desk.office.superuser.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where usename = 'gardenos_worker' and datname = current_database()"
                    " and state <> 'idle'"
                ).fetchall()
            )
            if kills < 8
            else 0
        )
    thread.join(60)
    job.worker.close()
    assert kills >= 3
    state = job.state()
    assert state["status"] == "done"
    valid = {line["Mail"] for line in lines if line["Mail"] != "nonsense"}
    assert emails(desk) == sorted(valid)
    counted = {
        name: statuses(job.lines()).count(name)
        for name in ("created", "updated", "skipped", "failed")
    }
    assert counted == {name: state[f"{name}_rows"] for name in counted}
    assert counted["created"] == len(valid)


# --- undone


# the link of a deleted contact stays for its restore; nobody sees it
LIVE_LINKS = "and contact_id in (select c.id from crm.contacts as c where c.deleted_at is null)"


def trace(desk: Desk) -> list[Any]:
    """Everything live of the agency, without what every change stamps."""
    return [
        desk.office.superuser.execute(
            "select to_jsonb(r) - '{updated_at,updated_by,row_version}'::text[] as r"
            f" from {table} as r where agency_id = %s {live} order by id".encode(),
            [desk.owner.agency_id],
        ).fetchall()
        for table, live in (
            ("crm.contacts", "and deleted_at is null"),
            ("crm.contact_points", "and deleted_at is null"),
            ("crm.contact_companies", LIVE_LINKS),
            ("crm.companies", "and deleted_at is null"),
            ("crm.deals", "and deleted_at is null"),
        )
    ]


def test_reverting_leaves_no_trace(desk: Desk) -> None:
    desk.insert("crm.companies", name="Garden", domain="garden.test")
    known = desk.contact(job_title="Intern")
    desk.email(known, "p1@example.org", is_primary=True)
    before = trace(desk)
    lines = [
        {
            "Name": f"P {n}",
            "Mail": f"p{n % 20}@example.org",
            "Title": f"T {n}",
            "Second mail": f"q{n}@example.org" if n % 3 == 0 else "",
            "Firm": "garden.test" if n % 4 == 0 else "",
        }
        for n in range(50)
    ]
    job = Import(desk, lines)
    found = job.run()
    assert {*statuses(found)} == {"created", "updated"}
    assert trace(desk) != before
    answer = desk.do("select app.revert_import(%s, null, 20)", job.job)
    assert (answer["reverted"], answer["kept"], answer["next"]) == (20, [], 31)
    answer = desk.do(REVERT, job.job)
    assert (answer["reverted"], answer["kept"], answer["next"]) == (30, [], None)
    assert trace(desk) == before
    assert {*statuses(job.lines())} == {"reverted"}
    assert job.state()["status"] == "reverted"


@pytest.mark.parametrize(("entity", "mapping"), [("company", FIRMS), ("deal", DEALS)])
def test_companies_and_deals_are_reverted_too(
    desk: Desk, entity: str, mapping: Mapping[str, str]
) -> None:
    default_pipeline(desk)
    desk.insert("crm.companies", name="Garden", domain="garden.test", employees=3)
    before = trace(desk)
    lines = [
        {"Name": "New", "Title": "Roof", "Money": "EUR", "Site": s} for s in ("garden.test", "")
    ]
    job = Import(desk, lines, entity=entity, mapping=mapping)
    assert "failed" not in statuses(job.run())
    assert job.revert()["reverted"] == 2
    assert trace(desk) == before


def test_what_somebody_changed_since_is_kept_and_listed(desk: Desk) -> None:
    known = desk.contact()
    desk.email(known, "al@example.org")
    job = Import(desk, [PERSON, {"Name": "Al", "Mail": "al@example.org"}, {"Name": "Eve"}])
    changed = [line["contact_id"] for line in job.run()[:2]]
    desk.do("update crm.contacts set job_title = 'Boss' where id = any(%s)", changed)
    answer = job.revert()
    assert answer["reverted"] == 1
    assert {(line["row_no"], line["id"]) for line in answer["kept"]} == {
        (1, str(changed[0])),
        (2, str(changed[1])),
    }
    assert [desk.row("crm.contacts", one)["deleted_at"] for one in changed] == [None, None]
    assert desk.row("crm.contacts", known)["full_name"] == "Al"


def test_reverting_ends_with_its_date(desk: Desk) -> None:
    job = Import(desk, [PERSON])
    job.run()
    desk.office.serve(
        "update integration.import_jobs set revert_until = now() - interval '1 s' where id = %s",
        job.job,
    )
    assert desk.refused(REVERT, job.job) == "23514"


def test_reverting_that_began_ends_with_its_date_too(desk: Desk) -> None:
    job = Import(desk, [PERSON, {"Name": "Al"}])
    job.run()
    desk.do("select app.revert_import(%s, null, 1)", job.job)
    desk.office.serve(
        "update integration.import_jobs set revert_until = now() - interval '1 s' where id = %s",
        job.job,
    )
    assert desk.refused(REVERT, job.job) == "23514"
    assert statuses(job.lines()) == ["created", "reverted"]


def test_a_running_import_is_stopped_before_it_is_reverted(desk: Desk) -> None:
    job = Import(desk, [PERSON])
    job.start()
    assert desk.refused(REVERT, job.job) == "23514"


def test_who_may_not_change_an_import_does_not_revert_it(desk: Desk) -> None:
    job = Import(desk, [PERSON])
    job.run()
    assert desk.refused(REVERT, job.job, who=importer(desk, "all")) == "42501"


def half_reverted(desk: Desk) -> Import:
    """An import of the owner that is reverted, but for its first line."""
    job = Import(desk, [PERSON, {"Name": "Al"}])
    job.run()
    desk.do("select app.revert_import(%s, null, 1)", job.job)
    return job


def test_nobody_notes_a_line_as_reverted_who_may_not_change_the_import(desk: Desk) -> None:
    office = desk.office
    job = half_reverted(desk)
    robot = office.hire(desk.owner)
    everybody: dict[str, Person | dict[str, Any]] = {
        "a member": desk.colleague(),
        "a member who may import": importer(desk, "all"),
        "the owner of another agency": office.found(Desk.new_slug()),
        "an agent": robot,
        "an agent for the owner": desk.owner.claims(act={"user_id": str(robot.user_id)}),
    }
    for name, who in everybody.items():
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            office.do(who, NOTE, job.job)
        assert statuses(job.lines()) == ["created", "reverted"], name
    office.do(desk.owner, NOTE, job.job)
    assert statuses(job.lines()) == ["reverted", "reverted"]


def test_a_worker_notes_no_line_as_reverted(desk: Desk, office: Office) -> None:
    job = half_reverted(desk)
    other = office.found(Desk.new_slug())
    for agency in (desk.owner.agency_id, other.agency_id):
        with office.database.connect("gardenos_worker") as worker:
            worker.execute("select app.bind_worker(%s)", [agency])
            worker.execute("set local role authenticated")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                worker.execute(NOTE, [job.job])


def test_what_was_not_reverted_or_wrote_nothing_is_not_noted(desk: Desk) -> None:
    job = Import(desk, [PERSON, {"Name": "Al", "Mail": "nonsense"}])
    job.run()
    assert desk.refused(NOTE, job.job) == "42501"
    desk.do("select app.revert_import(%s, null, 1)", job.job)
    assert desk.refused(NOTE, job.job) == "42501"
    assert desk.refused("select app.note_reverted(%s, '{1,2}')", job.job) == "42501"


def test_a_record_that_is_not_deleted_stops_none_of_the_others(desk: Desk) -> None:
    job = Import(desk, [{"Name": f"P {n}"} for n in range(120)])
    frozen = job.run()[77]["contact_id"]
    with desk.office.superuser.transaction():
        # past the triggers, so that its version stays
        desk.office.superuser.execute("set local session_replication_role = replica")
        desk.office.superuser.execute(
            "update crm.contacts set anonymised_at = now() where id = %s", [frozen]
        )
    # what a savepoint took back is counted as a change, and never recorded
    with acting(desk.office.client, desk.owner.claims(), keep=True, counted=False):
        ((answer,),) = [
            row.values() for row in desk.office.client.execute(REVERT, [job.job]).fetchall()
        ]
    assert (answer["reverted"], [line["row_no"] for line in answer["kept"]]) == (119, [78])
    assert "erased" in answer["kept"][0]["reason"]


def test_a_worker_in_the_role_of_its_imports_sees_nothing_without_one(desk: Desk) -> None:
    Import(desk, [PERSON]).run()
    with as_worker(desk) as worker:
        worker.execute("set local role authenticated")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), worker.transaction():
            worker.execute("select app.refused_addresses('{zoe@example.org}')")
        seen = [
            table
            for (table,) in worker.execute(
                "select c.oid::regclass::text from pg_class as c where c.relkind in ('r', 'p')"
                " and c.relrowsecurity and has_table_privilege(c.oid, 'select')"
            ).fetchall()
            if worker.execute(f"select 1 from {table} limit 1".encode()).fetchone()
        ]
    assert seen == []


# --- by index, in an agency that nobody analysed


def test_the_known_are_found_by_index_without_statistics(desk: Desk) -> None:
    Import(desk, [{"Name": f"P {n}", "Mail": f"p{n}@example.org"} for n in range(2000)]).run()
    job = Import(desk, [PERSON])
    job.start()
    with as_worker(desk) as worker:
        worker.execute("select app.bind_import(%s)", [job.job])
        plan = "\n".join(
            row[0]
            for row in worker.execute(
                "explain (costs off) select p.contact_id from crm.contact_points as p"
                " where p.agency_id = %s and p.value_norm = any(%s::text[])"
                " and p.deleted_at is null and not p.is_shared",
                [desk.owner.agency_id, [f"p{n}@example.org" for n in range(100)]],
            ).fetchall()
        )
    assert "contact_points_value_norm" in plan
    assert "Seq Scan on contact_points" not in plan


# --- seen red: each guard taken away, and the test that must notice


def unasked(desk: Desk) -> AbstractContextManager[None]:
    """Refused addresses are not known beforehand, as when they are taken a moment later."""
    return broken_function(
        desk.office.database, "app.refused_addresses", "return (", "return '{}'; return ("
    )


def test_the_erased_stay_out_although_nobody_asked_beforehand(desk: Desk) -> None:
    with unasked(desk):
        test_the_erased_stay_out(desk)


def test_nobody_is_doubled_although_nobody_asked_beforehand(desk: Desk) -> None:
    with unasked(desk):
        test_who_is_out_of_reach_is_not_found_and_not_doubled(desk)


MUTANTS: list[tuple[str, str, str, Callable[[Desk], None]]] = [
    (
        "app.proof",
        "and j.status in ('validating', 'running')",
        "",
        test_a_worker_is_nobody_without_a_running_import,
    ),
    (
        "app.check_suppression",
        "session_user <> 'gardenos_worker'",
        "true",
        test_the_erased_stay_out_although_nobody_asked_beforehand,
    ),
    (
        "app.refused_addresses",
        "session_user <> 'gardenos_worker' or proof.membership_id is null",
        "false",
        test_clients_do_not_bind_or_run_imports,
    ),
    (
        "app.guard_import",
        "proof.membership_id is distinct from old.owner_id",
        "false",
        test_only_its_owner_starts_an_import,
    ),
    (
        "app.guard_import",
        "current_user = 'authenticated' and new.status <> 'draft'",
        "false",
        test_an_import_begins_as_a_draft,
    ),
    (
        "app.import_contacts",
        "and p.deleted_at is null\n           and not p.is_shared",
        "",
        test_the_deleted_are_not_known,
    ),
    (
        "app.import_contacts",
        "and dedupe = 'skip'",
        "and false",
        test_skip_leaves_the_known_as_they_are,
    ),
    (
        "app.delete_imported",
        "and r.row_version = l.version",
        "",
        test_what_somebody_changed_since_is_kept_and_listed,
    ),
    (
        "app.revert_import",
        "and r.row_version = version",
        "",
        test_what_somebody_changed_since_is_kept_and_listed,
    ),
    ("app.revert_import", "+ 2 * (", "+ 0 * (", test_reverting_leaves_no_trace),
    ("app.revert_import", "+ 2 * l.undone", "+ 0", test_reverting_leaves_no_trace),
    (
        "app.revert_import",
        "now() > job.revert_until",
        "false",
        test_reverting_that_began_ends_with_its_date_too,
    ),
    (
        "app.note_reverted",
        "not app.can_import() or reach is null or ",
        "",
        test_nobody_notes_a_line_as_reverted_who_may_not_change_the_import,
    ),
    (
        "app.note_reverted",
        "reach = 'all'",
        "true",
        test_nobody_notes_a_line_as_reverted_who_may_not_change_the_import,
    ),
    (
        "app.delete_imported",
        "        if cardinality(ids) > 1 then\n            return null;\n        end if;\n",
        "        return '{}';\n",
        test_a_record_that_is_not_deleted_stops_none_of_the_others,
    ),
    (
        "app.guard_import",
        "now() > old.revert_until",
        "false",
        test_reverting_ends_with_its_date,
    ),
]


@pytest.mark.parametrize(
    ("name", "old", "new", "test"), MUTANTS, ids=[f"{one[0]}: {one[1]}"[:50] for one in MUTANTS]
)
def test_a_guard_that_is_taken_away_is_noticed(
    desk: Desk, name: str, old: str, new: str, test: Callable[[Desk], None]
) -> None:
    with (
        broken_function(desk.office.database, name, old, new),
        pytest.raises((AssertionError, psycopg.Error, pytest.fail.Exception)),
    ):
        test(desk)
