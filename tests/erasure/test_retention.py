"""Retention: what is due goes, what is held stays, and a job that is blind fails."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.conftest import Mutant
from tests.erasure.person import EMAIL, NAME, Agency
from tests.policies.access import Row

LONG_AGO = datetime.now(UTC) - timedelta(days=40)


def put_into_trash(agency: Agency, table: str, record: UUID, at: datetime = LONG_AGO) -> None:
    """Delete a record as if it had been done at that time."""
    with agency.office.superuser.transaction():
        agency.office.superuser.execute("set local session_replication_role = replica")
        agency.office.superuser.execute(
            f"update {table} set deleted_at = %s where agency_id = %s and id = %s".encode(),
            [at, agency.id, record],
        )


def run(agency: Agency, max_rows: int = 10000) -> dict[str, Row]:
    """Run retention as the worker; table to its line, where there is something to say."""
    with (
        agency.office.database.connect("gardenos_worker", row_factory=dict_row) as worker,
        worker.transaction(),
    ):
        worker.execute("select app.bind_worker(%s)", [agency.id])
        lines = worker.execute("select * from app.run_retention(%s)", [max_rows]).fetchall()
    return {line["entity"]: line for line in lines if line["due"] or line["removed"]}


def write_old(agency: Agency) -> dict[str, UUID]:
    """A record of each table, deleted forty days ago, and a young one beside it."""
    add: Any = agency.add
    pipeline = add("crm.pipelines", name="P")
    stage = add("crm.pipeline_stages", pipeline_id=pipeline, name="New", position=1)
    old: dict[str, UUID] = {}
    for _ in range(2):
        contact = agency.contact(NAME)
        conversation = add("crm.conversations", channel="email", subject="S")
        made = {
            "crm.companies": add("crm.companies", name="C"),
            "crm.contacts": agency.contact(NAME),
            "crm.contact_points": add(
                "crm.contact_points", contact_id=contact, kind="url", value=f"x.test/{contact}"
            ),
            "crm.deals": add(
                "crm.deals", title="D", pipeline_id=pipeline, stage_id=stage, currency="EUR"
            ),
            "crm.activities": add("crm.activities", kind="note", subject="N", contact_id=contact),
            "crm.conversations": add("crm.conversations", channel="email", contact_id=contact),
            "crm.messages": add(
                "crm.messages", conversation_id=conversation, direction="internal", status="sent"
            ),
            "crm.calendar_events": add(
                "crm.calendar_events", title="E", starts_at="now", ends_at="now"
            ),
            "crm.files": add(
                "crm.files",
                provider="minio",
                bucket="b",
                object_path=f"{agency.id}/{contact}",
                file_name="f",
                mime="m",
                byte_size=1,
                contact_id=contact,
            ),
            "ai.memories": add(
                "ai.memories",
                subject="agency",
                kind="semantic",
                content="Fact",
                visibility="agency",
            ),
        }
        old = old or made
    for table, record in old.items():
        put_into_trash(agency, table, record)
    return old


def test_what_is_due_goes_and_what_is_not_stays(agency: Agency) -> None:
    old = write_old(agency)
    lines = run(agency)
    assert {
        table: (line["due"], line["removed"]) for table, line in lines.items()
    } == dict.fromkeys(old, (1, 1))
    for table, record in old.items():
        row = agency.row(table, record)
        if table == "crm.contacts":
            assert row["full_name"] == "erased"
        else:
            assert not row, table
        left = [agency.row(table, one) for one in agency.ids[table] if one != record]
        assert all(left), table
    assert not any(row["new_values"] for row in agency.office.rows(old["crm.contacts"], "contacts"))
    noted = agency.office.superuser.execute(
        "select entity, last_run_rows from governance.retention_policies"
        " where agency_id = %s and last_run_rows > 0",
        [agency.id],
    ).fetchall()
    assert {row["entity"] for row in noted} == old.keys()
    assert run(agency) == {}
    assert agency.office.problems() == []


def test_imports_and_deliveries_go_after_their_end(agency: Agency) -> None:
    job = agency.add(
        "integration.import_jobs",
        entity="contact",
        owner_id=agency.owner.membership_id,
        finished_at=LONG_AGO - timedelta(days=90),
        status="done",
    )
    line = agency.add("integration.import_rows", job_id=job, row_no=1, raw={"mail": EMAIL})
    hook = agency.add("integration.webhook_endpoints", name="H", url="https://hook.test/")
    for status in ("delivered", "pending"):
        agency.add(
            "integration.webhook_deliveries",
            endpoint_id=hook,
            event_id=agency.id if status == "pending" else job,
            event_type="x",
            status=status,
            next_attempt_at=LONG_AGO,
        )
    assert {table: one["removed"] for table, one in run(agency).items()} == {
        "integration.import_rows": 1,
        "integration.webhook_deliveries": 1,
    }
    row = agency.row("integration.import_rows", line)
    assert row["raw"] is None


def test_a_batch_ends_where_it_is_told_and_the_next_goes_on(agency: Agency) -> None:
    for _ in range(3):
        put_into_trash(agency, "crm.companies", agency.add("crm.companies", name="C"))
    found = [run(agency, 2).get("crm.companies") for _ in range(3)]
    assert [one and (one["due"], one["removed"]) for one in found] == [(3, 2), (1, 1), None]


@pytest.mark.parametrize("held", ["table", "person"])
def test_what_is_held_stays(agency: Agency, held: str) -> None:
    contact = agency.contact(NAME)
    note = agency.add("crm.activities", kind="note", subject="N", contact_id=contact)
    put_into_trash(agency, "crm.activities", note)
    if held == "table":
        agency.do(
            agency.owner,
            "update governance.retention_policies set legal_hold = true"
            " where entity = 'crm.activities'",
        )
    else:
        agency.do(
            agency.owner,
            "insert into governance.erasure_requests (subject_kind, subject_id, legal_hold)"
            " values ('contact', %s, true)",
            contact,
        )
    lines = run(agency)
    assert lines.get("crm.activities", {"removed": 0})["removed"] == 0
    assert agency.row("crm.activities", note)


BLIND = {
    "erasure reaches the agency it is bound to": "true",
    "the worker reads companies": "(select app.is_agency_active())",
}


@pytest.mark.parametrize("policy", BLIND)
def test_a_job_that_row_security_blinds_has_failed(
    agency: Agency, policy: str, mutant: Mutant
) -> None:
    """The trap of FORCE ROW LEVEL SECURITY: 0 rows and no error, for who removes or who counts."""
    mutant("retention", "run_retention", f"no row passes {policy}")
    company = agency.add("crm.companies", name="C")
    put_into_trash(agency, "crm.companies", company)
    change = f'alter policy "{policy}" on crm.companies using'
    agency.office.superuser.execute(f"{change} (false)".encode())
    try:
        with pytest.raises(psycopg.Error, match="Retention has failed") as failure:
            run(agency)
    finally:
        agency.office.superuser.execute(
            f"{change} (agency_id = (select app.agency_id()) and {BLIND[policy]})".encode()
        )
    assert failure.value.sqlstate == "55000"
    assert agency.row("crm.companies", company)
    assert run(agency)["crm.companies"]["removed"] == 1


def test_a_closed_agency_still_keeps_to_its_policies(agency: Agency) -> None:
    company = agency.add("crm.companies", name="C")
    put_into_trash(agency, "crm.companies", company)
    agency.do(agency.owner, "select app.close_agency()")
    assert run(agency)["crm.companies"]["removed"] == 1


def test_a_policy_that_nothing_would_keep_to_is_refused(agency: Agency) -> None:
    for entity, action in (
        ("crm.tags", "delete"),
        ("crm.nothing", "delete"),
        ("integration.import_jobs", "anonymise"),
    ):
        refused = agency.refusal(
            agency.owner,
            "insert into governance.retention_policies (entity, keep, action)"
            " values (%s, '1 year', %s)",
            entity,
            action,
        )
        assert refused.sqlstate == "23514", entity


def test_nobody_but_the_bound_worker_runs_it(agency: Agency) -> None:
    refused = agency.refusal(agency.owner, "select * from app.run_retention()")
    assert refused.sqlstate == "42501"
    with (
        agency.office.database.connect("gardenos_worker") as worker,
        pytest.raises(psycopg.Error, match="none is bound") as failure,
    ):
        worker.execute("select * from app.run_retention()")
    assert failure.value.sqlstate == "42501"


def test_a_new_agency_has_a_pipeline_and_keeps_its_trash_for_a_month(agency: Agency) -> None:
    stages = agency.do(
        agency.owner,
        "select array_agg(s.name || ' ' || s.outcome order by s.position) from crm.pipelines as p"
        " join crm.pipeline_stages as s on s.pipeline_id = p.id where p.is_default",
    )
    assert stages == ["New open", "Qualified open", "Proposal open", "Won won", "Lost lost"]
    kept = agency.do(
        agency.owner,
        "select count(*) from governance.retention_policies where keep = '30 days'",
    )
    assert kept == 11
