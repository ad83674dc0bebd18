"""A person is forgotten: in every table, in the trail, in texts of others, and after a restore."""

import json
import subprocess
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from migrations import erasures
from migrations.runner.connect import Address
from tests.audit.trail import Office
from tests.conftest import Mutant
from tests.database import Database, program_environment
from tests.erasure.person import (
    EMAIL,
    NAME,
    PHONE,
    TRACES,
    Agency,
    found_agency,
    marked_columns,
    write_everywhere,
)
from tests.policies.broken import broken_function
from tests.policies.catalogue import tables

# Tables that the erasure itself fills, and those of the trail that no person is in.
FILLED_LATER = {
    "audit.retired",
    "audit.seals",
    "audit.verifications",
    "governance.erasure_requests",
    "governance.suppressions",
    "integration.outbox_events",
}


def dump(database: Database, *options: str) -> bytes:
    """The whole database, as pg_dump writes it."""
    program = database.server.psql.with_name("pg_dump")
    done = subprocess.run(
        [str(program), "--dbname", database.url(), *options],
        env=program_environment(None),
        capture_output=True,
        check=True,
    )
    return done.stdout


def traces(database: Database) -> list[str]:
    """The lines of a dump in which the person can be read."""
    return [
        f"{trace}: {line[:300]}"
        for line in dump(database).decode().lower().splitlines()
        for trace in TRACES
        if trace in line
    ]


def publish(agency: Agency) -> list[dict[str, str]]:
    """Note every event as published; answers what the events of removed objects said."""
    found = agency.office.superuser.execute(
        "select payload from integration.outbox_events"
        " where agency_id = %s and payload ? 'object_path'",
        [agency.id],
    ).fetchall()
    agency.work("update integration.outbox_events set published_at = now()")
    return [row["payload"] for row in found]


# --- the whole of it ------------------------------------------------------------------------------


def test_who_was_in_every_table_is_in_no_dump_any_more(office: Office, agency: Agency) -> None:
    contact = write_everywhere(agency)
    empty = [
        table
        for table in tables(office.superuser) - FILLED_LATER
        if not office.superuser.execute(f"select 1 from {table} limit 1".encode()).fetchall()
    ]
    assert empty == [], f"the person is to be in every table: {empty}"
    request = agency.approved(contact, reason=f"{NAME} wrote to us from {EMAIL}")
    missing = [one for one in marked_columns(agency) if not one["held"]]
    assert missing == [], f"and in every marked column: {missing}"
    office.seal()
    assert len(traces(office.database)) > 50
    yesterday = dump(office.database, "--format=custom")

    report = agency.work("select app.execute_erasure(%s)", request)
    assert report["hits"], "names in texts of others wait for a person"
    paths = [payload["object_path"] for payload in publish(agency)]
    assert sum("zaphod" in path for path in paths) <= 2
    assert agency.decide(request, report) == 0
    publish(agency)
    assert (left := traces(office.database)) == [], left[:20]
    row = agency.row("governance.erasure_requests", request)
    assert (row["status"], row["label_masked"]) == ("done", "Z… B…")
    assert "names" not in row["report"]
    assert office.problems() == []
    office.seal()
    assert office.problems() == []

    ledger = erasures.export(Address.parse(office.database.url("gardenos_auditor")))
    assert not any(trace in line.lower() for line in ledger for trace in TRACES)
    restored = Database(office.database.server, f"{office.database.name}_restored")
    office.superuser.execute(f"create database {restored.name}".encode())
    try:
        restore(restored, yesterday)
        assert len(traces(restored)) > 50
        for expected in (1, 1):
            done, failures = erasures.replay(
                Address.parse(restored.url("gardenos_worker")), map(json.loads, ledger)
            )
            assert (done, failures) == (expected, [])
        with restored.connect("gardenos_worker") as worker:
            worker.execute("select app.bind_worker(%s)", [agency.id])
            worker.execute("update integration.outbox_events set published_at = now()")
        assert (left := traces(restored)) == [], left[:20]
        with restored.connect("gardenos_auditor") as auditor:
            assert auditor.execute("select * from audit.verify()").fetchall() == []
    finally:
        office.superuser.execute(f"drop database {restored.name} with (force)".encode())


def restore(database: Database, content: bytes) -> None:
    """What pg_restore makes of a dump, and the epoch that the procedure of a restore adds."""
    program = database.server.psql.with_name("pg_restore")
    subprocess.run(
        [str(program), "--dbname", database.url(), "--exit-on-error"],
        input=content,
        env=program_environment(None),
        check=True,
        capture_output=True,
    )
    with database.connect() as superuser:
        superuser.execute(
            "insert into migration.epochs (epoch, system_identifier, reason)"
            " select max(e.epoch) + 1, max(e.system_identifier), 'restored' from migration.epochs e"
        )


# --- who, and when --------------------------------------------------------------------------------


def test_nobody_approves_what_they_asked_for(agency: Agency) -> None:
    contact = agency.contact()
    request = agency.request(contact)
    refused = agency.refusal(agency.owner, "select app.approve_erasure(%s)", request)
    assert refused.sqlstate == "42501"
    assert refused.message == ("Nobody approves the erasure that they asked for themselves.")
    refused = agency.refusal(agency.owner, "select app.execute_erasure(%s)", request)
    assert refused.sqlstate == "PT409"
    with pytest.raises(Exception, match="erasure_requests_second_approver"):
        agency.office.superuser.execute(
            "update governance.erasure_requests set status = 'approved', approved_by_id ="
            " requested_by_id where id = %s",
            [request],
        )
    refused = agency.refusal(agency.member, "select app.approve_erasure(%s)", request)
    assert refused.sqlstate == "42501"
    agency.do(agency.admin, "select app.approve_erasure(%s)", request)
    refused = agency.refusal(agency.member, "select app.execute_erasure(%s)", request)
    assert refused.sqlstate == "42501"
    assert agency.do(agency.owner, "select app.execute_erasure(%s)", request)["hits"] == []


def test_a_request_neither_approves_nor_executes_itself(agency: Agency) -> None:
    request = agency.request(agency.contact())
    for who, change in (
        (agency.owner, "status = 'approved'"),
        (agency.owner, "status = 'done'"),
        (agency.owner, "approved_by_id = gen_random_uuid()"),
    ):
        refused = agency.refusal(
            who, f"update governance.erasure_requests set {change} where id = %s", request
        )
        assert refused.sqlstate == "42501", change
    for change in ("status = 'approved'", "executed_at = now()", "report = '{\"a\": 1}'"):
        with pytest.raises(Exception, match=r"does not change|cannot be made"):
            agency.office.serve(
                f"update governance.erasure_requests set {change} where id = %s", request
            )
    agency.do(
        agency.owner,
        "update governance.erasure_requests set status = 'refused' where id = %s",
        request,
    )
    refused = agency.refusal(agency.admin, "select app.approve_erasure(%s)", request)
    assert refused.sqlstate == "PT409"


def test_a_hold_of_the_person(agency: Agency) -> None:
    test_nothing_is_erased_under_a_legal_hold(agency, "the person")


def test_a_longer_address_is_another(agency: Agency) -> None:
    text = f"not.{EMAIL} and {EMAIL}.example"
    test_addresses_are_found_as_people_write_them(agency, text, text)


@pytest.mark.parametrize("held", ["crm.messages"])
def test_nothing_is_erased_under_a_legal_hold(agency: Agency, held: str) -> None:
    contact = agency.contact(NAME, ("email", EMAIL))
    if held == "the person":
        earlier = agency.request(contact)
        agency.do(
            agency.owner,
            "update governance.erasure_requests set status = 'refused', legal_hold = true"
            " where id = %s",
            earlier,
        )
    else:
        agency.office.superuser.execute(
            "update governance.retention_policies set legal_hold = true"
            " where agency_id = %s and entity = %s",
            [agency.id, held],
        )
    request = agency.approved(contact)
    refused = agency.refusal(agency.owner, "select app.execute_erasure(%s)", request)
    assert refused.sqlstate == "PT409"
    assert refused.message == (f"Nothing is erased under a legal hold: {held} is held.")
    row = agency.row("crm.contacts", contact)
    assert row["full_name"] == NAME


def test_another_agency_is_not_reached(office: Office, agency: Agency) -> None:
    other = found_agency(office)
    for one in (agency, other):
        one.add("crm.activities", kind="note", subject=f"Call {EMAIL}")
    theirs = other.contact(NAME, ("email", EMAIL))
    request, _ = agency.erase(agency.contact(NAME, ("email", EMAIL)))
    row = other.row("crm.contacts", theirs)
    assert row["full_name"] == NAME
    (note,) = other.ids["crm.activities"]
    row = other.row("crm.activities", note)
    assert row["subject"] == f"Call {EMAIL}"
    refused = agency.refusal(other.owner, "select app.execute_erasure(%s)", request)
    assert refused.sqlstate == "22023"


# --- what comes of it -----------------------------------------------------------------------------


def test_done_twice_is_done_once(agency: Agency) -> None:
    contact = agency.contact(NAME, ("email", EMAIL))
    request, report = agency.erase(contact)
    total = agency.office.total()
    assert agency.work("select app.execute_erasure(%s)", request) == report
    assert agency.office.total() == total


def test_killed_on_the_way_nothing_has_happened_and_it_is_done_again(agency: Agency) -> None:
    contact = agency.contact(NAME, ("email", EMAIL))
    request = agency.approved(contact)
    with agency.office.database.connect("gardenos_worker") as worker:
        worker.execute("select app.bind_worker(%s)", [agency.id])
        worker.execute("select app.execute_erasure(%s)", [request])
        agency.office.superuser.execute(
            "select pg_terminate_backend(%s, 5000)", [worker.info.backend_pid]
        )
        with pytest.raises(Exception, match="terminating connection"):
            worker.execute("select 1")
    row = agency.row("crm.contacts", contact)
    assert row["full_name"] == NAME
    agency.work("select app.execute_erasure(%s)", request)
    row = agency.row("crm.contacts", contact)
    assert row["full_name"] == "erased"


def test_a_machine_does_not_bring_the_address_back(agency: Agency) -> None:
    agency.erase(agency.contact(NAME, ("email", EMAIL)))
    robot = agency.office.hire(agency.owner)
    new = agency.contact("New", owner_id=robot.membership_id)
    refused = agency.refusal(
        robot,
        "insert into crm.contact_points (contact_id, kind, value) values (%s, 'email', %s)",
        new,
        EMAIL,
    )
    assert refused.sqlstate == "23514"
    with pytest.raises(Exception, match="was erased at the wish of its owner"):
        agency.add("crm.contact_points", contact_id=new, kind="email", value=f" {EMAIL.upper()}")
    assert agency.do(
        agency.owner,
        "select app.upsert_contact(%s)",
        json.dumps({"full_name": "Z", "email": EMAIL}),
    )


def test_a_mention_is_left_when_it_is_somebody_else(agency: Agency) -> None:
    note = agency.add("crm.activities", kind="note", subject=f"The band {NAME.upper()}, loud")
    request, report = agency.erase(agency.contact())
    assert [hit["ids"] for hit in report["hits"] if hit["column"] == "subject"] == [[str(note)]]
    request_row = agency.row("governance.erasure_requests", request)
    assert request_row["status"] == "running"
    refused = agency.refusal(
        agency.owner,
        "select app.confirm_erasure_hits(%s, %s)",
        request,
        json.dumps([{"table": "crm.deals", "column": "title", "id": str(note), "erase": True}]),
    )
    assert refused.sqlstate == "22023"
    assert agency.decide(request, report, erase=False) == 0
    row = agency.row("crm.activities", note)
    assert NAME.upper() in row["subject"]
    request_row = agency.row("governance.erasure_requests", request)
    assert request_row["status"] == "done"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Write to {EMAIL.upper()}.", "Write to erased."),
        ("call 0044 20 7946 0018 now", "call erased now"),
        ("call (020) 7946-0018 now", "call (erased now"),
        ("order 1442079460018", "order 1442079460018"),
    ],
)
def test_addresses_are_found_as_people_write_them(agency: Agency, text: str, expected: str) -> None:
    note = agency.add("crm.activities", kind="note", subject=text)
    agency.erase(agency.contact(NAME, ("email", EMAIL), ("phone", PHONE)))
    row = agency.row("crm.activities", note)
    assert row["subject"] == expected


def test_an_address_that_others_share_stays_theirs(agency: Agency) -> None:
    """One that says so, and one that somebody else has too."""
    add, mine, theirs = agency.add, agency.contact(), agency.contact("Trillian")
    other_phone = PHONE.replace("18", "19")
    add("crm.contact_points", contact_id=mine, kind="phone", value=PHONE, is_shared=True)
    add("crm.contact_points", contact_id=mine, kind="phone", value=other_phone)
    kept = add(
        "crm.contact_points", contact_id=theirs, kind="phone", value=other_phone, is_shared=True
    )
    notes = [
        add("crm.activities", kind="note", subject=f"Desk {phone}")
        for phone in (PHONE, other_phone)
    ]
    agency.erase(mine)
    assert [agency.row("crm.activities", note)["subject"] for note in notes] == [
        f"Desk {PHONE}",
        f"Desk {other_phone}",
    ]
    assert [
        one for one in agency.ids["crm.contact_points"] if agency.row("crm.contact_points", one)
    ] == [kept]


def test_a_former_member_is_forgotten_and_a_present_one_is_not(agency: Agency) -> None:
    member = agency.member
    request = agency.approved(member.membership_id, "member")
    refused = agency.refusal(agency.owner, "select app.execute_erasure(%s)", request)
    assert refused.sqlstate == "PT409"
    agency.do(agency.owner, "select app.remove_member(%s)", member.membership_id)
    agency.do(agency.owner, "select app.execute_erasure(%s)", request)
    row = agency.row("tenancy.memberships", member.membership_id)
    assert row["display_name"] == "erased"
    (user,) = agency.office.superuser.execute(
        "select status::text, full_name from tenancy.users where id = %s", [member.user_id]
    ).fetchall()
    assert user == {"status": "erased", "full_name": None}
    assert not any(row["new_values"] for row in agency.office.rows(member.user_id, "users"))


def test_the_command_says_what_is_wrong(
    agency: Agency, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ledger"
    for wrong in ("not json", "[]", "{}", '{"agency_id": 7}', '{"agency_id": "seven"}'):
        file.write_text(wrong)
        assert erasures.main(["replay", str(file)]) == 2
        assert capsys.readouterr().err.startswith(f"{file} is no ledger: ")
    assert erasures.main(["nothing"]) == 2
    entry = {"agency_id": str(UUID(int=7)), "id": str(UUID(int=8))}
    address = Address.parse(agency.office.database.url("gardenos_worker"))
    assert erasures.replay(address, [entry]) == (0, [])
    entry["agency_id"] = str(agency.id)
    done_, failures = erasures.replay(address, [entry])
    assert (done_, len(failures)) == (0, 1)


# --- guards that are broken on purpose ------------------------------------------------------------

MUTANTS = {
    "whoever asked may approve": (
        "app.approve_erasure",
        "asked.requested_by_id = proof.membership_id",
        "false",
        test_nobody_approves_what_they_asked_for,
    ),
    "any member may approve": (
        "app.approve_erasure",
        "'owner', 'admin'",
        "'owner', 'admin', 'member'",
        test_nobody_approves_what_they_asked_for,
    ),
    "what nobody approved is carried out": (
        "app.execute_erasure",
        "asked.status <> 'approved'",
        "false",
        test_nobody_approves_what_they_asked_for,
    ),
    "a hold is not asked": (
        "app.execute_erasure",
        "held is not null",
        "false",
        test_a_hold_of_the_person,
    ),
    "a request approves itself": (
        "app.guard_erasure",
        "new.status <> 'refused' or",
        "",
        test_a_request_neither_approves_nor_executes_itself,
    ),
    "a report is written by hand": (
        "app.guard_erasure",
        "old.executed_at, old.report",
        "old.executed_at, new.report",
        test_a_request_neither_approves_nor_executes_itself,
    ),
    "nothing is suppressed": (
        "app.erase_contact",
        "request is not null",
        "false",
        test_a_machine_does_not_bring_the_address_back,
    ),
    "a shared address is taken for the person's": (
        "app.erase_contact",
        "and not p.is_shared",
        "",
        test_an_address_that_others_share_stays_theirs,
    ),
    "an address of somebody else is taken for the person's": (
        "app.erase_contact",
        "o.contact_id <> all(people)",
        "false",
        test_an_address_that_others_share_stays_theirs,
    ),
    "a part of an address is an address": (
        "app.address_pattern",
        "(?<![[:alnum:].%_+-])",
        "",
        test_a_longer_address_is_another,
    ),
    "the trail of a login is left": (
        "app.erase_logins",
        "'tenancy.users' as table_name",
        "'tenancy.none' as table_name",
        test_a_former_member_is_forgotten_and_a_present_one_is_not,
    ),
    "done twice is done twice": (
        "app.execute_erasure",
        "asked.status in ('running', 'done')",
        "false",
        test_done_twice_is_done_once,
    ),
    "a mention is replaced, whoever it is": (
        "app.confirm_erasure_hits",
        "hit.erase::boolean",
        "true",
        test_a_mention_is_left_when_it_is_somebody_else,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_erasure_is_noticed(agency: Agency, mutant: Mutant, name: str) -> None:
    function, text, instead, notice = MUTANTS[name]
    mutant("erasure", notice.__name__, f"{name}: {function}")
    with (
        broken_function(agency.office.database, function, text, instead),
        pytest.raises((AssertionError, psycopg.Error, pytest.fail.Exception)),
    ):
        notice(agency)
