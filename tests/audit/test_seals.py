"""The chain: nothing slips in behind a seal, and whatever is touched is found and named."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.audit.trail import Office, Person, refused
from tests.conftest import Mutant
from tests.policies.access import Connection, Row, acting

MONTH = f"log_{datetime.now(UTC):%Y_%m}"


@pytest.fixture
def sealed(office: Office, owner: Person) -> Office:
    """Three batches of an agency with five teams each, and a second agency."""
    office.found("other")
    for batch in range(3):
        for number in range(5):
            office.team(owner, f"Team {batch} {number}")
        office.seal()
    assert office.problems() == []
    return office


def seals(office: Office, agency: Any) -> list[Row]:
    """The chain of an agency."""
    return office.superuser.execute(
        "select * from audit.seals where agency_id = %s order by seq", [agency]
    ).fetchall()


# --- sealing ----------------------------------------------------------------------------------


def test_each_row_is_in_one_seal(sealed: Office, owner: Person) -> None:
    chain = seals(sealed, owner.agency_id)
    assert [seal["seq"] for seal in chain] == [1, 2, 3]
    assert [seal["prev_hash"] for seal in chain[1:]] == [seal["seal_hash"] for seal in chain[:-1]]
    assert [seal["from_xid"] for seal in chain[1:]] == [seal["to_xid"] for seal in chain[:-1]]
    (row,) = sealed.superuser.execute(
        "select count(*) as n from audit.log where agency_id = %s", [owner.agency_id]
    ).fetchall()
    assert sum(seal["row_count"] for seal in chain) == row["n"]


def test_sealing_again_seals_nothing(sealed: Office) -> None:
    assert sealed.seal() == 0


def test_a_transaction_that_commits_late_is_not_left_behind(office: Office, owner: Person) -> None:
    """Its rows have earlier ids and xids than rows that are committed and could be sealed."""
    with office.database.connect("authenticator", row_factory=dict_row) as slow:
        slow.execute("set local role authenticated")
        slow.execute(
            "select set_config('request.jwt.claims', %s, true)", [json.dumps(owner.claims())]
        )
        slow.execute("insert into tenancy.teams (name) values ('Late')")
        quick = office.team(owner, "Quick")
        office.seal()
        before = seals(office, owner.agency_id)
        (row,) = office.rows(quick)
        assert all(int(seal["to_xid"]) <= int(row["xid"]) for seal in before), "held back"
        slow.commit()
    assert office.seal() == 2
    assert office.problems() == []


def test_writers_never_wait_for_sealing(office: Office, owner: Person) -> None:
    office.team(owner)
    with office.database.connect("gardenos_worker") as worker:
        worker.execute("select audit.seal()")
        office.superuser.execute("set lock_timeout = '200ms'")
        with acting(office.client, owner.claims(), keep=True):
            office.client.execute("set local lock_timeout = '200ms'")
            office.client.execute("insert into tenancy.teams (name) values ('Meanwhile')")
    assert office.seal() > 0
    assert office.problems() == []


def test_two_sealers_do_not_fork_the_chain(office: Office, owner: Person) -> None:
    office.team(owner)
    with office.database.connect("gardenos_worker") as one:
        (first,) = one.execute("select audit.seal()").fetchall()
        with office.database.connect("gardenos_worker") as two:
            two.execute("set local lock_timeout = '300ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                two.execute("select audit.seal()")
    assert first[0] > 0
    assert office.seal() == 0
    assert office.problems() == []


def test_a_batch_ends_between_transactions(office: Office, owner: Person) -> None:
    for _ in range(6):
        office.team(owner)
    office.do(
        owner, "insert into tenancy.teams (name) select 'G' || g from generate_series(1, 9) g"
    )
    with office.database.connect("gardenos_worker") as worker:
        worker.execute("select audit.seal(%s, 4)", [owner.agency_id])
    founding, *counts = [seal["row_count"] for seal in seals(office, owner.agency_id)]
    assert founding > 4, "a transaction is never split"
    assert max(counts[:-1]) <= 4
    assert counts[-1] == 9
    assert office.problems() == []


def test_a_restored_database_goes_on_with_low_xids(office: Office, owner: Person) -> None:
    """As after a restore: rows of epoch 1 with high xids, then epoch 2 begins."""
    office.team(owner)
    office.seal()
    team = office.team(owner)
    with office.tampering() as superuser:
        superuser.execute(
            "update audit.log set xid = (xid::text::bigint + 1000000)::text::xid8"
            " where record_id = %s",
            [team],
        )
    office.superuser.execute("insert into migration.epochs (epoch, reason) values (2, 'restored')")
    office.team(owner)
    office.seal()
    chain = seals(office, owner.agency_id)
    assert [seal["epoch"] for seal in chain] == [1, 1, 2]
    assert chain[2]["from_xid"] == "0"
    assert office.problems() == []


def test_rows_of_two_months_get_two_seals(office: Office, owner: Person) -> None:
    team = office.team(owner)
    with office.tampering() as superuser:
        superuser.execute(
            "insert into audit.log (agency_id, id, schema_name, table_name, record_id, op,"
            " actor_kind, db_role, xid, epoch, timeline)"
            " select agency_id, app.uuid_v7_floor(now() + interval '1 month'), schema_name,"
            " table_name, record_id, 'delete', actor_kind, db_role, xid, epoch, timeline"
            " from audit.log where record_id = %s",
            [team],
        )
    office.seal()
    one, two = seals(office, owner.agency_id)
    assert (one["from_xid"], one["to_xid"]) == (two["from_xid"], two["to_xid"])
    assert one["month"] < two["month"]
    assert office.problems() == []


def test_the_head_can_be_kept_outside(sealed: Office, owner: Person) -> None:
    """Cut off with its rows, the end of a chain leaves no trace inside; the anchor tells."""
    anchor = sealed.superuser.execute("select * from audit.head(%s)", [owner.agency_id]).fetchall()[
        0
    ]

    def holds() -> Any:
        return sealed.do(
            owner,
            "select audit.holds(%s, %s, %s)",
            owner.agency_id,
            anchor["seal"],
            anchor["seal_hash"],
        )

    assert holds() is True
    with sealed.tampering() as superuser:
        superuser.execute(
            "delete from audit.log where agency_id = %s and xid >= (select from_xid"
            " from audit.seals where agency_id = %s and seq = 3)",
            [owner.agency_id, owner.agency_id],
        )
        superuser.execute("delete from audit.seals where seq = 3")
    assert sealed.problems() == []
    assert holds() is False


# --- who verifies ---------------------------------------------------------------------------------


def test_an_agency_verifies_its_own_trail_alone(sealed: Office, owner: Person) -> None:
    other = sealed.superuser.execute(
        "select agency_id from audit.seals where agency_id not in (%s, %s) limit 1",
        [owner.agency_id, "00000000-0000-0000-0000-000000000000"],
    ).fetchall()[0]["agency_id"]
    with acting(sealed.client, owner.claims()):
        assert sealed.client.execute("select * from audit.verify()").fetchall() == []
        found = refused(sealed.client, "select * from audit.verify(%s)", other)
        assert found == "42501"
    with sealed.tampering() as superuser:
        superuser.execute("update audit.log set db_role = 'x' where agency_id = %s", [other])
    with acting(sealed.client, owner.claims()):
        assert sealed.client.execute("select * from audit.verify()").fetchall() == []
    assert {row["agency_id"] for row in sealed.problems()} == {other}


@pytest.mark.parametrize("role", ["gardenos_owner", "anon", "gardenos_worker"])
def test_who_sees_nothing_is_not_told_that_all_is_well(sealed: Office, role: str) -> None:
    with sealed.superuser.transaction(force_rollback=True):
        sealed.superuser.execute(f"set local role {role}")
        assert refused(sealed.superuser, "select * from audit.verify()") == "42501"


def test_a_member_does_not_verify(sealed: Office, owner: Person) -> None:
    robot = sealed.hire(owner)
    with acting(sealed.client, robot.claims()):
        assert refused(sealed.client, "select * from audit.verify()") == "42501"


# --- tampering ------------------------------------------------------------------------------------

Tamper = Callable[[Connection, Row], Any]
# what a superuser does to the second row of the second batch, and what verification says of it
ROWS: dict[str, tuple[str, str]] = {
    "edit": ("update audit.log set actor_user_id = gen_random_uuid() where id = %(id)s", "changed"),
    "edit the time": (
        "update audit.log set at = at - interval '1 day' where id = %(id)s",
        "changed",
    ),
    "edit the values": (
        'update audit.log set new_values = new_values || \'{"name": "x"}\' where id = %(id)s',
        "this row was changed",
    ),
    "edit the values, keep their hash beside them": (
        "update audit.log set new_values = '{}', values_hash ="
        " audit.values_hash(salt, old_values, new_values) where id = %(id)s",
        "it holds values that were not recorded",
    ),
    "empty the values": (
        "update audit.log set new_values = null, salt = null where id = %(id)s",
        "this row was changed",
    ),
    "empty the values, leave their hash": (
        "update audit.log set new_values = null, salt = null, values_hash ="
        " audit.values_hash(salt, old_values, new_values) where id = %(id)s",
        "no redaction says so",
    ),
    "delete": ("delete from audit.log where id = %(id)s", "1 of its 5 rows are gone"),
    "insert": (
        "insert into audit.log (agency_id, schema_name, table_name, record_id, op, actor_kind,"
        " db_role, xid, epoch, timeline) select agency_id, schema_name, table_name, record_id,"
        " 'delete', actor_kind, db_role, xid, epoch, timeline from audit.log where id = %(id)s",
        "1 rows were added to its 5",
    ),
    "reorder": (
        "create temporary table pair as select id, seq from audit.log where agency_id ="
        " %(agency_id)s and seq in (%(seq)s, %(seq)s + 1);"
        " alter table audit.log alter seq drop identity;"
        " update audit.log as l set seq = o.seq from pair as p, pair as o"
        " where l.id = p.id and o.id <> p.id;"
        " alter table audit.log alter seq add generated always as identity",
        "in another place",
    ),
    "move to another agency": (
        "update audit.log set agency_id = '00000000-0000-0000-0000-000000000000' where id = %(id)s",
        "gone",
    ),
    "backdate a transaction": (
        "update audit.log set xid = '3' where id = %(id)s",
        "gone",
    ),
}


@pytest.mark.parametrize("way", ROWS)
def test_a_touched_row_is_found_and_named(
    sealed: Office, owner: Person, way: str, mutant: Mutant
) -> None:
    statement, told = ROWS[way]
    mutant("trail", "audit.verify", statement)
    seal = seals(sealed, owner.agency_id)[1]
    row = sealed.superuser.execute(
        "select * from audit.log where agency_id = %s and xid >= %s and xid < %s"
        " order by seq offset 1 limit 1",
        [owner.agency_id, seal["from_xid"], seal["to_xid"]],
    ).fetchall()[0]
    with sealed.tampering() as superuser:
        text = psycopg.ClientCursor(superuser).mogrify(statement, row)
        superuser.execute(text.encode())
    found = [each for each in sealed.problems() if each["agency_id"] == owner.agency_id]
    named = [each for each in found if told in each["problem"]]
    assert named, found
    if "redaction" not in told:
        assert 2 in {each["seal"] for each in named} or way == "backdate a transaction", found
    if way == "reorder":
        assert [each["log_id"] for each in named] != [None], "the row that has its place now"
    elif way not in ("insert", "delete", "backdate a transaction", "move to another agency"):
        assert row["id"] in {each["log_id"] for each in named}, found


CHAIN = {
    "edit a seal": ("update audit.seals set row_count = row_count where seq = 2", None),
    "edit its time": (
        "update audit.seals set sealed_at = sealed_at - interval '1 day' where seq = 2",
        "the seal itself was changed",
    ),
    "delete a seal": ("delete from audit.seals where seq = 2", "seal 2 is missing"),
    "delete the first": ("delete from audit.seals where seq = 1", "seal 1 is missing"),
    "truncate a month": (f"truncate audit.{MONTH}", "are gone"),
    "detach a month": (
        f"alter table audit.log detach partition audit.{MONTH}",
        "was detached and not retired",
    ),
}


@pytest.mark.parametrize("way", CHAIN)
def test_a_touched_chain_is_found_and_named(
    sealed: Office, owner: Person, way: str, mutant: Mutant
) -> None:
    statement, told = CHAIN[way]
    with sealed.tampering() as superuser:
        superuser.execute(statement.encode())
    found = sealed.problems(owner.agency_id)
    if told is None:
        assert found == [], "nothing was changed"
        return
    mutant("trail", "audit.verify", statement)
    assert any(told in each["problem"] for each in found), found


def test_a_seal_written_anew_breaks_the_link(sealed: Office, owner: Person) -> None:
    """Its own hash is right again; the one that follows says what it was."""
    with sealed.tampering() as superuser:
        superuser.execute(
            "update audit.seals set sealed_at = sealed_at - interval '1 day' where seq = 2"
        )
        superuser.execute(
            "update audit.seals as s set seal_hash = audit.seal_hash(s) where seq = 2"
        )
    found = sealed.problems(owner.agency_id)
    assert [(each["seal"], each["problem"]) for each in found] == [
        (3, "does not follow the seal before it")
    ]


def test_a_row_slipped_in_below_the_first_seal_of_an_agency_is_found(
    sealed: Office, owner: Person
) -> None:
    with sealed.tampering() as superuser:
        superuser.execute(
            "insert into audit.log (agency_id, id, schema_name, table_name, record_id, op,"
            " actor_kind, db_role, xid, epoch, timeline)"
            " values (%s, app.uuid_v7_floor(now() + interval '2 months'), 'tenancy', 'teams',"
            " gen_random_uuid(), 'insert', 'system', 'x', '5', 1, 1)",
            [owner.agency_id],
        )
    (found,) = sealed.problems(owner.agency_id)
    assert found["problem"] == "was added to a range that was sealed without it"
    assert found["log_id"] is not None


# --- what records ---------------------------------------------------------------------------------

MACHINERY = {
    "switch a trigger off": (
        "alter table tenancy.teams disable trigger audit_update",
        "trigger audit_update on tenancy.teams is switched off",
    ),
    "switch it to replicas": (
        "alter table tenancy.teams enable replica trigger audit_insert",
        "trigger audit_insert on tenancy.teams is switched off",
    ),
    "drop a trigger": (
        "drop trigger audit_delete on tenancy.teams",
        "trigger audit_delete on tenancy.teams is missing",
    ),
    "replace the recorder": (
        "create or replace function audit.record_tenancy_teams() returns trigger"
        " language plpgsql security definer set search_path = pg_catalog, pg_temp"
        " as 'begin return null; end'",
        "function audit.record_tenancy_teams() was changed",
    ),
    "replace who acts": (
        "create or replace function audit.request(out request_id text, out ip inet)"
        " language sql as 'select null, null::inet'",
        "function audit.request() was changed",
    ),
    "switch protection off": (
        "alter table audit.log disable row level security",
        "row-level security of audit.log is off",
    ),
    "switch the guard off": (
        "alter table audit.log disable trigger forbid_change",
        "trigger forbid_change of audit.log is missing or switched off",
    ),
}


@pytest.mark.parametrize("way", MACHINERY)
def test_what_records_is_verified_too(sealed: Office, way: str, mutant: Mutant) -> None:
    statement, told = MACHINERY[way]
    mutant("trail", "audit.verify", statement)
    sealed.superuser.execute(statement.encode())
    found = sealed.problems()
    assert any(told in each["problem"] for each in found), found


def test_a_trigger_that_was_off_for_a_while_stays_visible(sealed: Office, owner: Person) -> None:
    """Sealed meanwhile: after it is on again the chain still says that it was not."""
    sealed.superuser.execute("alter table tenancy.teams disable trigger audit_update")
    sealed.serve("update tenancy.teams set description = 'unseen'", counted=False)
    sealed.team(owner)
    sealed.seal()
    sealed.superuser.execute("alter table tenancy.teams enable trigger audit_update")
    sealed.team(owner)
    sealed.seal()
    found = sealed.problems(owner.agency_id)
    assert [each["seal"] for each in found] == [4, 5]
    assert all(
        "trigger audit_update on tenancy.teams was changed" in each["problem"] for each in found
    )


def test_a_revision_may_change_what_records(sealed: Office, owner: Person) -> None:
    sealed.superuser.execute("update migration.alembic_version set version_num = '9999'")
    sealed.superuser.execute("comment on function audit.request() is 'x'")
    sealed.superuser.execute("drop trigger audit_truncate on tenancy.teams")
    sealed.superuser.execute(
        "create trigger audit_truncate before truncate on tenancy.teams for each statement"
        " execute function audit.forbid_truncate()"
    )
    sealed.team(owner)
    sealed.seal()
    assert sealed.problems() == []


def test_hashes_are_what_anybody_can_compute(sealed: Office, owner: Person) -> None:
    """sha256 over the hashes of the rows, in their order: no secret is in it."""
    seal = seals(sealed, owner.agency_id)[0]
    rows = sealed.superuser.execute(
        "select row_hash from audit.row_hashes where agency_id = %s and xid < %s"
        " order by timeline, seq",
        [owner.agency_id, seal["to_xid"]],
    ).fetchall()
    digests = [bytes(row["row_hash"]) for row in rows]
    assert hashlib.sha256(b"".join(digests)).digest() == bytes(seal["rows_hash"])
    assert b"".join(digest[:4] for digest in digests) == bytes(seal["row_marks"])


@pytest.mark.parametrize("setting", ["TimeZone = 'Asia/Tokyo'", "bytea_output = 'escape'"])
def test_no_setting_of_a_session_changes_a_hash(sealed: Office, setting: str) -> None:
    with sealed.database.connect("gardenos_auditor", autocommit=True) as auditor:
        auditor.execute(f"set {setting}".encode())
        auditor.execute("set DateStyle = 'SQL, DMY'")
        assert auditor.execute("select * from audit.verify()").fetchall() == []
