"""The outbox: an event if and only if the change is committed, in order, and safe before it leaves.

Workers are real logins of gardenos_worker. The synchronous standby is pg_receivewal, which can be
stopped in the middle.
"""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import sql
from psycopg.rows import dict_row

from migrations.embedded.server import find_bindir
from tests.audit.trail import Office
from tests.cluster.waiting import until
from tests.conftest import Mutant
from tests.crm.desk import Desk
from tests.database import Cluster
from tests.policies.access import Connection, Row, acting, attempt

TABLES = (
    "crm.activities",
    "crm.calendar_events",
    "crm.companies",
    "crm.consents",
    "crm.contacts",
    "crm.conversations",
    "crm.deals",
    "crm.files",
    "crm.messages",
)


def events(office: Office, record: UUID) -> list[Row]:
    """The events of a record, in their order."""
    return office.superuser.execute(
        "select * from integration.outbox_events where aggregate_id = %s"
        " order by epoch, timeline, seq",
        [record],
    ).fetchall()


@contextmanager
def worker(office: Office) -> Iterator[Connection]:
    with office.database.connect(
        "gardenos_worker", autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


def claim(connection: Connection, agency: UUID, patience: str = "1 second") -> list[Row]:
    """Bind the open transaction, and claim."""
    connection.execute("select app.bind_worker(%s)", [agency])
    return connection.execute(
        "select * from app.claim_outbox_stream(patience => %s::interval)", [patience]
    ).fetchall()


def publish(office: Office, agency: UUID) -> list[Row]:
    """What one worker publishes in one go."""
    with worker(office) as connection, connection.transaction():
        found = claim(connection, agency)
        connection.execute("select app.publish_events(%s)", [[one["id"] for one in found]])
    return found


# --- one event for each change ------------------------------------------------------------------


def test_each_change_leaves_one_event_without_a_value(desk: Desk, office: Office) -> None:
    contact = desk.contact(full_name="Zoë Geheim")
    desk.do("update crm.contacts set full_name = 'Zoë Anders' where id = %s", contact)
    desk.do("update crm.contacts set deleted_at = now() where id = %s", contact)
    desk.do("select app.restore_record('crm.contacts', %s)", contact)
    desk.do("update crm.contacts set deleted_at = now() where id = %s", contact)
    desk.do("delete from crm.contacts where id = %s", contact)
    found = events(office, contact)
    assert [(one["type"], one["payload"]["row_version"]) for one in found] == [
        ("crm.contacts.created", 1),
        ("crm.contacts.updated", 2),
        ("crm.contacts.deleted", 3),
        ("crm.contacts.restored", 4),
        ("crm.contacts.deleted", 5),
        ("crm.contacts.removed", 5),
    ]
    assert found[1]["payload"] == {"row_version": 2, "changed": ["full_name"]}
    assert not re.search("Geheim|Anders", str([one["payload"] for one in found]))
    assert {one["agency_id"] for one in found} == {desk.owner.agency_id}
    assert {one["headers"]["actor_id"] for one in found} == {str(desk.owner.membership_id)}


def test_each_row_of_a_statement_has_its_event(desk: Desk, office: Office) -> None:
    contacts = [desk.contact() for _ in range(3)]
    desk.do("update crm.contacts set full_name = 'Same' where id = any(%s)", contacts)
    assert [[one["type"] for one in events(office, each)] for each in contacts] == [
        ["crm.contacts.created", "crm.contacts.updated"]
    ] * 3


def test_what_is_no_change_has_no_event(desk: Desk, office: Office) -> None:
    contact = desk.contact()
    conversation = desk.insert("crm.conversations", channel="email", subject="Hedge")
    desk.do("update crm.contacts set full_name = 'X' where id = %s", uuid4())
    desk.serve(
        "crm.messages",
        conversation_id=conversation,
        direction="inbound",
        status="received",
        body_text="Hello",
    )
    assert len(events(office, contact)) == 1
    assert [one["type"] for one in events(office, conversation)] == ["crm.conversations.created"], (
        "last_message_at is kept by a trigger"
    )


def test_what_is_rolled_back_leaves_no_event(desk: Desk, office: Office) -> None:
    contact = uuid4()
    with acting(office.client, desk.owner.claims()):
        office.client.execute(
            "insert into crm.contacts (id, full_name) values (%s, 'A')", [contact]
        )
        (told,) = office.client.execute("select count(*) as n from crm.contacts").fetchall()
    assert (told["n"], events(office, contact)) == (1, [])


def test_a_file_that_is_gone_says_where_its_object_lies(desk: Desk, office: Office) -> None:
    contact = desk.contact()
    path = f"{desk.owner.agency_id}/a"
    file = desk.insert(
        "crm.files",
        purpose="attachment",
        contact_id=contact,
        provider="minio",
        bucket="files",
        object_path=path,
        file_name="a.pdf",
        mime="application/pdf",
        byte_size=1,
    )
    desk.do("delete from crm.contacts where id = %s", contact)
    last = events(office, file)[-1]
    assert (last["type"], last["payload"]["object_path"]) == ("crm.files.removed", path)


def test_a_change_that_does_not_wait_is_written_before_it_is_seen(office: Office) -> None:
    """What is visible and not yet written would pass for flushed, and a crash may lose it."""
    with office.database.connect() as connection:
        connection.execute("set local synchronous_commit = off")
        connection.execute(
            "insert into crm.contacts (agency_id, full_name)"
            " select id, 'Zoë' from tenancy.agencies limit 1"
        )
        found = connection.execute("select current_setting('synchronous_commit')").fetchone()
        connection.rollback()
    assert found == ("local",)


# Kept by triggers and stamps; none of them is news.
UNTOLD = {
    *("agency_id", "id", "created_at", "created_by", "updated_at", "updated_by", "row_version"),
    *("search", "participant_ids", "last_message_at"),
}


def unnamed(connection: Connection) -> set[str]:
    """Columns whose change app.note_event would not name, and such that are no columns."""
    (text,) = connection.execute(
        "select prosrc from pg_proc where oid = 'app.note_event()'::regprocedure"
    ).fetchall()
    branches = re.split(r"^        when '(\w+)' then$", text["prosrc"], flags=re.MULTILINE)
    named = {
        f"crm.{table}.{column}"
        for table, branch in zip(branches[1::2], branches[2::2], strict=True)
        for column in re.findall(r"when n\.(\w+) is distinct from o\.\1 then '\1' end", branch)
    }
    columns = connection.execute(
        "select attrelid::regclass::text || '.' || attname as name from pg_attribute"
        " where attrelid = any(%s::regclass[]) and attnum > 0 and not attisdropped"
        " and attname <> all(%s)",
        [list(TABLES), list(UNTOLD)],
    ).fetchall()
    return named ^ {row["name"] for row in columns}


def test_events_name_every_column(office: Office) -> None:
    assert unnamed(office.superuser) == set()


def untold(connection: Connection) -> set[str]:
    """The tables that should tell of themselves, and for some command do not."""
    found = connection.execute(
        "select t.tgrelid::regclass::text as name, count(*) as n from pg_trigger as t"
        " where t.tgfoid = 'app.note_event()'::regprocedure and t.tgenabled = 'O' group by 1"
    ).fetchall()
    return set(TABLES) - {row["name"] for row in found if row["n"] == 3}


def test_every_table_with_events_tells_of_each_command(office: Office) -> None:
    assert untold(office.superuser) == set()


def test_a_trigger_that_is_switched_off_and_a_new_column_are_noticed(
    cluster: Cluster, mutant: Mutant
) -> None:
    change = "alter table crm.deals disable trigger event_update"
    mutant("outbox", "untold", change)
    with cluster.migrated() as broken, broken.connect(row_factory=dict_row) as connection:
        connection.execute(change)
        assert untold(connection) == {"crm.deals"}
        connection.execute("alter table crm.deals add column mood text")
        assert unnamed(connection) == {"crm.deals.mood"}


# --- order and claims ---------------------------------------------------------------------------


def test_a_worker_gets_events_in_order_and_once(desk: Desk, office: Office) -> None:
    contact = desk.contact()
    for name in "ABC":
        desk.do("update crm.contacts set full_name = %s where id = %s", name, contact)
    found = publish(office, desk.owner.agency_id)
    of_contact = [one for one in found if one["aggregate_id"] == contact]
    assert [one["payload"]["row_version"] for one in of_contact] == [1, 2, 3, 4]
    assert [one["seq"] for one in found] == sorted(one["seq"] for one in found)
    assert publish(office, desk.owner.agency_id) == []


def test_a_stream_has_one_worker_at_a_time_and_passes_on_when_it_dies(
    desk: Desk, office: Office
) -> None:
    agency = desk.owner.agency_id
    desk.contact()
    first = office.database.connect("gardenos_worker", row_factory=dict_row)
    mine = claim(first, agency)
    assert mine
    with worker(office) as second:
        with second.transaction():
            assert claim(second, agency) == [], "nobody waits, and nobody gets a part of it"
        office.superuser.execute("select pg_terminate_backend(%s, 10000)", [first.info.backend_pid])
        with second.transaction(force_rollback=True):
            assert claim(second, agency) == mine
    first.close()


def test_nothing_is_published_past_an_older_transaction(desk: Desk, office: Office) -> None:
    agency = desk.owner.agency_id
    publish(office, agency)
    with office.database.connect() as older:
        older.execute("select pg_current_xact_id()")
        desk.contact()
        assert publish(office, agency) == []
        older.rollback()
    assert len(publish(office, agency)) == 1


def test_a_change_never_overtakes_an_earlier_one_of_its_record(desk: Desk, office: Office) -> None:
    """The second change belongs to the older transaction: it alone would be below the horizon."""
    agency, contact = desk.owner.agency_id, desk.contact()
    publish(office, agency)
    with office.database.connect() as early, office.database.connect() as between:
        early.execute("set local role service_role")
        early.execute("select pg_current_xact_id()")
        between.execute("select pg_current_xact_id()")
        desk.do("update crm.contacts set full_name = 'First' where id = %s", contact)
        early.execute("update crm.contacts set full_name = 'Second' where id = %s", [contact])
        early.commit()
        assert publish(office, agency) == []
        between.rollback()
    assert [one["payload"]["row_version"] for one in publish(office, agency)] == [2, 3]


def test_a_worker_learns_which_agencies_have_work(desk: Desk, office: Office) -> None:
    agency = desk.owner.agency_id
    with worker(office) as connection:

        def busy() -> set[Any]:
            rows = connection.execute("select id from app.agencies_with_work() as a (id)")
            return {row["id"] for row in rows.fetchall()}

        publish(office, agency)
        assert agency not in busy()
        desk.contact()
        assert agency in busy()


def test_a_worker_that_is_not_bound_claims_nothing(desk: Desk, office: Office) -> None:
    with worker(office) as connection:
        assert attempt(connection, "select * from app.claim_outbox_stream()").sqlstate == "42501"


def test_nobody_but_a_worker_publishes(desk: Desk, office: Office) -> None:
    for role in ("anon", "authenticated", "service_role"):
        with acting(office.client, desk.owner.claims(), role):
            for call in (
                "app.agencies_with_work()",
                "app.safe_horizon()",
                "app.claim_outbox_stream()",
                "app.publish_events('{}')",
                "app.claim_deliveries()",
                "integration.drop_drained()",
            ):
                assert attempt(office.client, f"select * from {call}").sqlstate == "42501", call


def test_a_worker_that_does_not_wait_for_its_standby_publishes_nothing(
    desk: Desk, office: Office
) -> None:
    desk.contact()
    with worker(office) as connection, connection.transaction(force_rollback=True):
        found = claim(connection, desk.owner.agency_id)
        connection.execute("set local synchronous_commit = local")
        outcome = attempt(connection, "select app.publish_events(%s)", [[found[0]["id"]]])
        assert outcome.sqlstate == "55000"


# --- the cancel hole ----------------------------------------------------------------------------


@contextmanager
def standby(office: Office, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A synchronous standby as far as flushing goes, and a primary that waits for it."""
    superuser = office.superuser
    program = find_bindir() / "pg_receivewal"
    if not program.exists():
        pytest.skip(f"no {program}")
    url = office.database.url() + "&application_name=outbox_standby"
    directory.mkdir()
    receiver = subprocess.Popen(
        [str(program), "--synchronous", "--no-password", "-D", str(directory), "-d", url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        superuser.execute("alter system set synchronous_standby_names = 'outbox_standby'")
        superuser.execute("select pg_reload_conf()")
        wait_until(
            superuser,
            "select count(*) > 0 from pg_stat_replication where sync_state = 'sync'"
            " and state = 'streaming'",
        )
        yield receiver
    finally:
        superuser.execute("alter system reset synchronous_standby_names")
        superuser.execute("select pg_reload_conf()")
        receiver.kill()
        receiver.wait(10)
        shutil.rmtree(directory, ignore_errors=True)


def wait_until(connection: Connection, question: str, *parameters: Any) -> None:
    """Ask until the answer is true.

    Raises:
        ClusterError: it was not within 20 seconds.
    """

    def answer() -> object:
        (row,) = connection.execute(question.encode(), parameters or None).fetchall()
        return next(iter(row.values()))

    until(answer, 20, f"never true: {question}")


def test_an_event_that_only_the_primary_has_does_not_leave(
    desk: Desk, office: Office, tmp_path: Path
) -> None:
    """A commit whose wait was cancelled is visible, and lost when the standby is promoted."""
    agency = desk.owner.agency_id
    publish(office, agency)
    with standby(office, tmp_path / "wal") as receiver:
        desk.contact()
        assert len(publish(office, agency)) == 1, "flushed by the standby"
        receiver.send_signal(signal.SIGSTOP)
        name = f"Cancelled {uuid4()}"
        writer = subprocess.Popen(
            [
                *(str(find_bindir() / "psql"), "-X", "-q", "-d", office.database.url(), "-c"),
                f"insert into crm.companies (agency_id, name) values ('{agency}', '{name}')",
            ],
            stderr=subprocess.DEVNULL,
        )
        waiting = "from pg_stat_activity where wait_event = 'SyncRep'"
        wait_until(office.superuser, f"select count(*) > 0 {waiting}")
        office.superuser.execute(f"select pg_cancel_backend(pid) {waiting}".encode())
        assert writer.wait(20) == 0, "the client is told that it worked"
        (seen,) = office.superuser.execute(
            "select count(*) as n from crm.companies where name = %s", [name]
        ).fetchall()
        assert seen["n"] == 1, "visible, on one node only"
        with worker(office) as connection, connection.transaction(force_rollback=True):
            assert claim(connection, agency, "300 milliseconds") == []
        receiver.send_signal(signal.SIGCONT)
        with worker(office) as connection, connection.transaction(force_rollback=True):
            found = claim(connection, agency, "20 seconds")
        assert [one["type"] for one in found] == ["crm.companies.created"]


# --- months -------------------------------------------------------------------------------------


def test_a_month_is_dropped_when_it_is_drained(cluster: Cluster) -> None:
    with cluster.migrated() as database, database.connect(autocommit=True) as superuser:
        (bounds,) = superuser.execute(
            "select app.uuid_v7_floor('2024-02-01 00:00Z'), app.uuid_v7_floor('2024-03-01 00:00Z')"
        ).fetchall()
        superuser.execute(
            sql.SQL(
                "create table integration.outbox_events_2024_02"
                " partition of integration.outbox_events for values from ({}) to ({})"
            ).format(*map(sql.Literal, map(str, bounds)))
        )
        superuser.execute("alter table integration.outbox_events_2024_02 owner to gardenos_owner")
        superuser.execute("set session_replication_role = replica")
        superuser.execute(
            "insert into integration.outbox_events"
            " (agency_id, id, aggregate, aggregate_id, type, epoch, timeline)"
            " values (gen_random_uuid(), app.uuid_v7_floor('2024-02-02 00:00Z'), 'crm.deals',"
            " gen_random_uuid(), 'crm.deals.created', 1, 1)"
        )

        def dropped() -> int:
            with database.connect("gardenos_worker", autocommit=True) as connection:
                found: int = connection.execute("select integration.drop_drained()").fetchall()[0][
                    0
                ]
                return found

        assert dropped() == 0, "not published"
        superuser.execute("update integration.outbox_events set published_at = now()")
        superuser.execute(
            "insert into integration.webhook_deliveries"
            " (agency_id, endpoint_id, event_id, event_type)"
            " select agency_id, gen_random_uuid(), id, type from integration.outbox_events"
        )
        assert dropped() == 0, "a delivery waits"
        superuser.execute("update integration.webhook_deliveries set status = 'dead'")
        assert dropped() == 1
        assert dropped() == 0, "this month and those ahead stay"
