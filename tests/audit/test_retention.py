"""Months leave the trail whole, exported, sealed and noted; or they stay and that is heard of."""

import csv
import hashlib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.audit.entries import NOON, make_month, new_trail, uuid_floor
from tests.database import Database, program_environment
from tests.policies.access import Connection, Outcome, Row, attempt

A, B = uuid4(), uuid4()
SHA = "ab" * 32
COPY = (
    "\\copy (select * from audit.log where id >= app.uuid_v7_floor('{month:%Y-%m-%d} 00:00Z')"
    " and id < app.uuid_v7_floor('{next:%Y-%m-%d} 00:00Z') order by agency_id, epoch, xid, id)"
    " to '{file}' with (format csv, header)"
)


def month_ago(months: int) -> datetime:
    """The second of a month of the past, at noon."""
    month = NOON
    for _ in range(months):
        month = (month.replace(day=1) - timedelta(days=1)).replace(day=2)
    return month


def first(day: date) -> date:
    """The first day of its month."""
    return date(day.year, day.month, 1)


OLD, OLDER, YOUNG = month_ago(4), month_ago(5), month_ago(1)


@dataclass
class Archive:
    """A trail of three past months, two agencies and this month, and who works on it."""

    database: Database
    superuser: Connection
    owner: Connection

    def retire(self, month: datetime, rows: int | None, sha256: str | None = SHA) -> Outcome:
        """Ask for the retirement of a month as the owner, and keep what it does."""
        try:
            with self.owner.transaction():
                row = self.owner.execute(
                    "select audit.retire(%s, %s, %s)", [first(month), rows, sha256]
                ).fetchall()
        except psycopg.Error as error:
            return Outcome(sqlstate=error.sqlstate, message=error.diag.message_primary or "")
        return Outcome(rows=row)

    def seal(self) -> None:
        """Seal what there is, as the worker does."""
        with self.database.connect("gardenos_worker") as worker:
            worker.execute("select audit.seal()")

    def problems(self) -> list[Row]:
        """What the auditor finds wrong with the whole trail."""
        with self.database.connect("gardenos_auditor", row_factory=dict_row) as auditor:
            return auditor.execute("select * from audit.verify()").fetchall()

    def months(self) -> list[str]:
        """The months that are attached and past."""
        return [
            row["partition_name"]
            for row in self.superuser.execute(
                "select * from audit.months() as m where m.month < date_trunc('month', now())"
            )
        ]


@pytest.fixture
def archive(database: Database) -> Iterator[Archive]:
    """Five months of the past; in 5, 4 and 1 of them 3 rows of a and 2 of b, all sealed."""
    with (
        database.connect(autocommit=True, row_factory=dict_row) as superuser,
        database.connect("gardenos_migrator", autocommit=True, row_factory=dict_row) as owner,
    ):
        owner.execute("set role gardenos_owner")
        made = Archive(database, superuser, owner)
        for months in range(5, 0, -1):
            make_month(superuser, month_ago(months))
        for month in (OLDER, OLD, YOUNG):
            for agency, rows in ((A, 3), (B, 2)):
                trail = new_trail(superuser, agency)
                for number in range(rows):
                    trail.add("update", {"n": number}, {"n": f'{number},"\\\n'}, at=month)
        made.seal()
        yield made


# --- the way it goes ------------------------------------------------------------------------------


def test_a_month_leaves_the_trail_and_its_seals_and_a_note_stay(archive: Archive) -> None:
    outcome = archive.retire(OLDER, 5)
    assert outcome.sqlstate is None, outcome.message
    assert outcome.rows == [{"retire": 5}]
    assert f"log_{OLDER:%Y_%m}" not in archive.months()
    assert archive.problems() == []
    notes = archive.superuser.execute(
        "select agency_id, row_count, first_seal, last_seal, export_rows, retired_by,"
        " encode(export_sha256, 'hex') as sha256, head_hash in (select seal_hash from audit.seals)"
        " as is_head from audit.retired order by row_count"
    ).fetchall()
    assert [(note["agency_id"], note["row_count"], note["is_head"]) for note in notes] == [
        (B, 2, True),
        (A, 3, True),
    ]
    assert {(note["first_seal"], note["last_seal"], note["export_rows"]) for note in notes} == {
        (1, 1, 5)
    }
    assert {(note["retired_by"], note["sha256"]) for note in notes} == {("gardenos_migrator", SHA)}
    seals = archive.superuser.execute("select count(*) as n from audit.seals").fetchall()
    assert seals == [{"n": 6}]


def test_rows_that_come_back_into_a_retired_month_are_found(archive: Archive) -> None:
    archive.retire(OLDER, 5)
    make_month_again = f"alter table audit.log attach partition audit.log_{OLDER:%Y_%m}"
    bounds = f"('{uuid_floor(first(OLDER))}') to ('{uuid_floor(first(OLD))}')"
    archive.owner.execute(f"{make_month_again} for values from {bounds}".encode())
    assert {row["problem"] for row in archive.problems()} == {
        f"3 rows are there of {first(OLDER)}, which was retired",
        f"2 rows are there of {first(OLDER)}, which was retired",
    }


def test_a_month_detached_by_hand_is_not_taken_for_retired(archive: Archive) -> None:
    archive.owner.execute(
        f"alter table audit.log detach partition audit.log_{OLDER:%Y_%m}".encode()
    )
    assert {row["seal"] for row in archive.problems()} >= {1}


def test_the_retirement_is_itself_in_the_trail_of_each_agency(archive: Archive) -> None:
    archive.retire(OLDER, 5)
    found = archive.superuser.execute(
        "select agency_id, op::text, new_values ->> 'row_count' as rows, db_role from audit.log"
        " where schema_name = 'audit' and table_name = 'retired' order by 3"
    ).fetchall()
    assert [(row["agency_id"], row["op"], row["rows"]) for row in found] == [
        (B, "insert", "2"),
        (A, "insert", "3"),
    ]


def test_the_detached_month_keeps_its_rows_and_nobody_reads_them(archive: Archive) -> None:
    archive.retire(OLDER, 5)
    table = f"audit.log_{OLDER:%Y_%m}"
    assert archive.superuser.execute(f"select count(*) as n from {table}").fetchall() == [{"n": 5}]
    assert archive.owner.execute(f"select count(*) as n from {table}").fetchall() == [{"n": 0}]
    for role in ("service_role", "gardenos_auditor", "gardenos_audit_sealer", "authenticated"):
        with archive.superuser.transaction(force_rollback=True):
            archive.superuser.execute(f"set local role {role}".encode())
            assert attempt(archive.superuser, f"select * from {table}").sqlstate == "42501"


def test_the_exported_file_holds_every_row_and_can_be_loaded_again(
    archive: Archive, tmp_path: Path
) -> None:
    file = tmp_path / "audit.csv"
    following = first(first(OLDER) + timedelta(days=32))
    done = subprocess.run(
        [str(archive.database.server.psql), "-X", "-d", archive.database.url("gardenos_auditor")],
        input=COPY.format(month=first(OLDER), next=following, file=file),
        env=program_environment(None),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "COPY 5", done.stderr
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    assert archive.retire(OLDER, 5, sha256).sqlstate is None
    with file.open(newline="") as lines:
        assert len(list(csv.DictReader(lines))) == 5
    table = f"audit.log_{OLDER:%Y_%m}"
    with archive.superuser.transaction(force_rollback=True):
        archive.superuser.execute(f"create table pg_temp.again (like {table})".encode())
        with (
            archive.superuser.cursor() as cursor,
            cursor.copy("copy pg_temp.again from stdin with (format csv, header)") as copy,
        ):
            copy.write(file.read_bytes())
        for one, other in ((table, "pg_temp.again"), ("pg_temp.again", table)):
            missing = archive.superuser.execute(
                f"select * from {one} except all select * from {other}".encode()
            ).fetchall()
            assert missing == []


def test_months_go_one_after_the_other_and_the_job_is_content(archive: Archive) -> None:
    for months, rows in ((5, 5), (4, 5), (3, 0), (2, 0)):
        assert archive.retire(month_ago(months), rows).sqlstate is None
    archive.seal()
    assert archive.problems() == []
    ((row),) = archive.owner.execute("select audit.require_retention('1 month') as n").fetchall()
    assert row["n"] == 1


def test_an_empty_month_leaves_without_a_note(archive: Archive) -> None:
    make_month(archive.superuser, month_ago(6))
    assert archive.retire(month_ago(6), 0).rows == [{"retire": 0}]
    notes = archive.superuser.execute("select count(*) as n from audit.retired").fetchall()
    assert notes == [{"n": 0}]
    archive.owner.execute("select audit.drop_retired(%s)", [first(month_ago(6))])


# --- what is refused, and changes nothing ---------------------------------------------------------


def test_a_month_with_a_row_that_no_seal_covers_stays(archive: Archive) -> None:
    new_trail(archive.superuser, A).add("insert", None, {"late": True}, at=OLDER)
    outcome = archive.retire(OLDER, 6)
    assert outcome.sqlstate == "55000"
    assert outcome.message == (
        f"Month {OLDER:%Y-%m} cannot leave the trail:"
        f" agency {A} has 4 rows in it, and 3 are sealed."
    )
    assert len(archive.months()) == 5


def test_a_month_from_which_somebody_took_a_row_stays(archive: Archive) -> None:
    with archive.superuser.transaction():
        archive.superuser.execute("set local session_replication_role = replica")
        archive.superuser.execute(
            f"delete from audit.log_{OLDER:%Y_%m} where agency_id = %s".encode(), [B]
        )
    outcome = archive.retire(OLDER, 3)
    assert outcome.sqlstate == "55000"
    assert f"agency {B} has 0 rows in it, and 2 are sealed" in outcome.message


def test_a_month_in_which_somebody_changed_a_value_stays(archive: Archive) -> None:
    with archive.superuser.transaction():
        archive.superuser.execute("set local session_replication_role = replica")
        archive.superuser.execute(
            f"update audit.log_{OLDER:%Y_%m} set new_values = '{{\"n\": 7}}' where agency_id = %s"
            " and new_values is not null".encode(),
            [B],
        )
    outcome = archive.retire(OLDER, 5)
    assert outcome.sqlstate == "55000"
    assert f"does not verify: agency {B}, seal 1, row " in outcome.message
    assert len(archive.months()) == 5


@pytest.mark.parametrize("rows", [0, 4, 6, None])
def test_a_month_whose_export_has_other_rows_stays(archive: Archive, rows: int | None) -> None:
    outcome = archive.retire(OLDER, rows)
    assert outcome.sqlstate == "55000"
    assert "it has 5 rows, and " in outcome.message
    assert len(archive.months()) == 5


@pytest.mark.parametrize("sha256", ["", "AB" * 32, "ab" * 31, None, "zz" * 32])
def test_an_export_without_its_fingerprint_does_not_count(
    archive: Archive, sha256: str | None
) -> None:
    assert archive.retire(OLDER, 5, sha256).sqlstate == "22023"


def test_the_oldest_month_goes_first(archive: Archive) -> None:
    outcome = archive.retire(OLD, 5)
    assert outcome.sqlstate == "22023"
    assert f"{OLDER:%Y-%m}-01, goes first" in outcome.message


def test_a_month_that_ended_lately_stays(archive: Archive) -> None:
    for months, rows in ((5, 5), (4, 5), (3, 0), (2, 0)):
        archive.retire(month_ago(months), rows)
    assert archive.retire(YOUNG, 5).sqlstate == "22023"


def test_only_the_owner_retires(archive: Archive) -> None:
    for login in ("gardenos_worker", "gardenos_auditor", "gardenos_monitor", "gardenos_app"):
        with archive.database.connect(login, autocommit=True, row_factory=dict_row) as connection:
            for call in (
                "select audit.retire('2020-01-01', 0, '')",
                "select audit.record_retirement('2020-01-01', 0, sha256(''))",
                "select audit.drop_retired('2020-01-01')",
            ):
                assert attempt(connection, call).sqlstate == "42501"


def test_writers_go_on_while_a_month_is_checked(archive: Archive) -> None:
    """Only the lock on the month is held; a writer who holds audit.log makes the job give up."""
    with archive.database.connect(row_factory=dict_row) as writer:
        writer.execute("select")
        new_trail(writer, A).add("insert", None, {"n": 1}, at=datetime.now(NOON.tzinfo))
        outcome = archive.retire(OLDER, 5)
        writer.rollback()
    assert outcome.sqlstate == "55P03"
    assert len(archive.months()) == 5
    notes = archive.superuser.execute("select count(*) as n from audit.retired").fetchall()
    assert notes == [{"n": 0}]
    assert archive.retire(OLDER, 5).sqlstate is None


# --- the job that does nothing --------------------------------------------------------------------


def test_a_job_that_retired_nothing_has_failed(archive: Archive) -> None:
    outcome = attempt(archive.owner, "select audit.require_retention('3 months')")
    assert outcome.sqlstate == "55000"
    assert outcome.message == (
        f"Retention has failed: {OLDER:%Y-%m}, {OLD:%Y-%m} should have left the trail,"
        " which is kept for 3 mons."
    )


def test_the_owner_would_find_every_month_empty_and_is_not_asked(
    archive: Archive, mutant: Callable[[str, str, str], None]
) -> None:
    """The trap: FORCE ROW LEVEL SECURITY. A check that runs as the owner counts nothing."""
    assert archive.owner.execute("select count(*) as n from audit.log").fetchall() == [{"n": 0}]
    mutant(
        "retention",
        "retire",
        "alter function audit.record_retirement(date, bigint, app.sha256) security invoker",
    )
    archive.superuser.execute(
        "alter function audit.record_retirement(date, bigint, app.sha256) security invoker"
    )
    outcome = archive.retire(OLDER, 0)
    assert outcome.sqlstate == "55000"
    assert outcome.message.endswith("no row of it is seen, but it is not empty.")
    assert len(archive.months()) == 5


@pytest.mark.parametrize("keep", ["1 day", "-1 month", None])
def test_a_period_too_short_to_be_meant_is_refused(archive: Archive, keep: str | None) -> None:
    outcome = attempt(archive.owner, "select audit.require_retention(%s::interval)", [keep])
    assert outcome.sqlstate == "22023"


# --- dropping -------------------------------------------------------------------------------------


def test_a_retired_month_is_dropped_a_week_later(archive: Archive) -> None:
    archive.retire(OLDER, 5)
    month = first(OLDER)
    early = attempt(archive.owner, "select audit.drop_retired(%s)", [month])
    assert early.sqlstate == "55000"
    with archive.superuser.transaction():
        archive.superuser.execute("set local session_replication_role = replica")
        archive.superuser.execute("update audit.retired set retired_at = now() - interval '8 days'")
    archive.owner.execute("select audit.drop_retired(%s)", [month])
    gone = attempt(archive.owner, "select audit.drop_retired(%s)", [month])
    assert gone.sqlstate == "42P01"


def test_a_month_that_is_part_of_the_trail_is_not_dropped(archive: Archive) -> None:
    outcome = attempt(archive.owner, "select audit.drop_retired(%s)", [first(OLDER)])
    assert outcome.sqlstate == "55000"
    assert "is still part of the trail" in outcome.message


def test_a_month_that_somebody_detached_by_hand_is_not_dropped(archive: Archive) -> None:
    table = f"audit.log_{OLDER:%Y_%m}"
    archive.owner.execute(f"alter table audit.log detach partition {table}".encode())
    outcome = attempt(archive.owner, "select audit.drop_retired(%s)", [first(OLDER)])
    assert outcome.sqlstate == "55000"
    assert "was not retired by audit.retire" in outcome.message
