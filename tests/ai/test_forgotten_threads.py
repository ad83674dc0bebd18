"""What agents keep of a person goes with the person; threads without one go after a time."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from tests.ai.threads import Studio, studio_in
from tests.audit.trail import Office
from tests.database import Cluster
from tests.erasure.person import EMAIL, PHONE, Agency, found_agency

TABLES = ("checkpoints", "checkpoint_blobs", "checkpoint_writes", "store", "store_vectors")


@pytest.fixture(scope="module")
def studio(cluster: Cluster) -> Iterator[Studio]:
    with cluster.migrated() as database, studio_in(database) as found:
        yield found


@pytest.fixture
def office(studio: Studio) -> Office:
    return studio.office


@pytest.fixture
def agency(office: Office) -> Agency:
    return found_agency(office)


def thread(agency: Agency, text: str = "hello", **conversation: Any) -> str:
    """A thread with a step, a value and a write; its id."""
    place = str(agency.add("crm.conversations", channel="assistant", **conversation))
    common = {"agency_id": agency.id, "thread_id": place}
    agency.put(
        "langgraph.checkpoints",
        **common,
        checkpoint_id="1",
        checkpoint={
            "channel_values": {"text": text},
            "channel_versions": {"text": f"0001.{PHONE.removeprefix('+')}"},
        },
    )
    agency.put(
        "langgraph.checkpoint_blobs", **common, channel="c", version="1", type="bytes", blob=b"x"
    )
    agency.put(
        "langgraph.checkpoint_writes",
        **common,
        checkpoint_id="1",
        task_id="t",
        idx=0,
        channel="c",
        blob=b"x",
    )
    return place


def item(agency: Agency, *subject: object, text: str = "hello") -> str:
    """An item of the store with a vector; its prefix."""
    prefix = ".".join(map(str, (agency.id, *subject)))
    agency.put("langgraph.store", prefix=prefix, key="k", value=Jsonb({"text": text}))
    agency.put("langgraph.store_vectors", prefix=prefix, key="k", field_name="text")
    return prefix


def left(agency: Agency) -> dict[str, set[str]]:
    """The threads and prefixes of each table that are there."""
    found = {}
    for table in TABLES:
        name = "thread_id" if table.startswith("check") else "prefix"
        rows = agency.office.superuser.execute(
            f"select {name} as name from langgraph.{table} where agency_id = %s".encode(),
            [agency.id],
        ).fetchall()
        found[table] = {row["name"] for row in rows}
    return found


def test_erasing_a_contact_erases_its_threads_and_what_is_remembered_of_it(
    agency: Agency,
) -> None:
    person = agency.contact("Zoë Müller", ("email", EMAIL), ("phone", PHONE))
    merged = agency.contact("Zoë Müller")
    agency.office.superuser.execute(
        "update crm.contacts set deleted_at = now(), merged_into_id = %s"
        " where agency_id = %s and id = %s",
        [person, agency.id, merged],
    )
    other = agency.contact("Trillian")
    thread(agency, contact_id=person)
    kept = thread(agency, f"{EMAIL} asks for {PHONE}", contact_id=other)
    for about in (person, merged):
        item(agency, "contact", about, "preferences")
    names_it = item(agency, "contact", other, text=f"a friend of {EMAIL}")
    silent = item(agency, "agency")
    _, report = agency.erase(person)
    assert left(agency) == {
        "checkpoints": {kept},
        "checkpoint_blobs": {kept},
        "checkpoint_writes": {kept},
        "store": {names_it, silent},
        # the embedding of what was changed was made of the address
        "store_vectors": {silent},
    }
    (row,) = agency.office.superuser.execute(
        "select checkpoint from langgraph.checkpoints where thread_id = %s", [kept]
    ).fetchall()
    assert row["checkpoint"]["channel_values"] == {"text": "erased asks for erased"}
    versions = {"text": f"0001.{PHONE.removeprefix('+')}"}
    assert row["checkpoint"]["channel_versions"] == versions, "a version is no phone"
    assert report["rows"]["langgraph.store"] == 2
    assert report["replaced"]["langgraph.store.value"] == 1
    assert report["replaced"]["langgraph.checkpoints.checkpoint"] == 1


def test_erasing_a_member_erases_what_is_remembered_of_it(agency: Agency) -> None:
    member = agency.member.membership_id
    item(agency, "member", member)
    kept = item(agency, "member", agency.admin.membership_id)
    agency.do(agency.owner, "select app.remove_member(%s, %s)", member, agency.owner.membership_id)
    agency.erase(member, "member")
    assert left(agency)["store"] == left(agency)["store_vectors"] == {kept}


def test_a_record_takes_its_items_along_and_a_merge_moves_them(agency: Agency) -> None:
    winner, loser = agency.contact("Zoë Müller"), agency.contact("Zoe Mueller")
    place = "{}.contact.{}.{}".format
    item(agency, "contact", loser, "preferences", text="tea")
    for both in (winner, loser):
        item(agency, "contact", both, "taken")
    item(agency, "contact", winner, "own")
    before = left(agency)
    merged: UUID = agency.do(agency.owner, "select app.merge_contacts(%s, %s)", winner, loser)
    ours = {place(agency.id, winner, name) for name in ("preferences", "taken", "own")}
    kept = {place(agency.id, loser, "taken")}
    assert left(agency)["store"] == left(agency)["store_vectors"] == ours | kept
    item(agency, "contact", winner, "later")
    agency.do(agency.owner, "select app.undo_merge(%s)", merged)
    later = {place(agency.id, winner, "later")}
    assert left(agency)["store"] == before["store"] | later
    (row,) = agency.office.superuser.execute(
        "select value from langgraph.store where prefix = %s",
        [place(agency.id, loser, "preferences")],
    ).fetchall()
    assert row["value"] == {"text": "tea"}
    agency.office.superuser.execute(
        "delete from crm.contacts where agency_id = %s and id = %s", [agency.id, loser]
    )
    assert left(agency)["store"] == {place(agency.id, winner, n) for n in ("taken", "own", "later")}
    companies = [agency.add("crm.companies", name=name) for name in ("Gardens", "Gardeners")]
    item(agency, "company", companies[1])
    agency.do(agency.owner, "select app.merge_companies(%s, %s)", *companies)
    assert f"{agency.id}.company.{companies[0]}" in left(agency)["store_vectors"]


def test_threads_without_a_contact_are_kept_for_ninety_days(studio: Studio, agency: Agency) -> None:
    person = agency.contact("Zoë Müller")
    old, fresh = thread(agency), thread(agency)
    with_contact = thread(agency, contact_id=person)
    superuser = studio.office.superuser
    with superuser.transaction():
        superuser.execute("set local session_replication_role = replica")
        superuser.execute(
            "update langgraph.checkpoints set created_at = now() - %s where thread_id = any (%s)",
            [timedelta(days=91), [old, with_contact]],
        )
    with studio.worker(agency.id) as worker:
        (line,) = worker.execute(
            "select * from app.run_retention() where entity = 'langgraph.checkpoints'"
        ).fetchall()
    assert (line["due"], line["removed"]) == (1, 1)
    for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
        assert left(agency)[table] == {fresh, with_contact}, table
    (row,) = superuser.execute(
        "select keep, (select count(*) from crm.conversations where id = %s) as conversations"
        " from governance.retention_policies"
        " where agency_id = %s and entity = 'langgraph.checkpoints'",
        [old, agency.id],
    ).fetchall()
    assert row == {"keep": timedelta(days=90), "conversations": 1}
