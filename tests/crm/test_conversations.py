"""Who takes part stands in the conversation; a message says who wrote it and how far it may go."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.audit.trail import Person
from tests.crm.desk import Desk


@pytest.fixture
def conversation(desk: Desk) -> UUID:
    """A conversation that the owner began."""
    return desk.insert("crm.conversations", channel="email", subject="Roses")


def until_waiting(desk: Desk, process: int) -> None:
    """Return when this session waits for a lock.

    Raises:
        AssertionError: it does not within 30 seconds.
    """
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (row,) = desk.office.superuser.execute(
            "select wait_event_type = 'Lock' as waits from pg_stat_activity where pid = %s",
            [process],
        ).fetchall()
        if row["waits"]:
            return
        time.sleep(0.05)
    raise AssertionError("it does not wait")


def join(desk: Desk, conversation: UUID, who: Person) -> UUID:
    """Let a colleague take part."""
    return desk.insert(
        "crm.participants", conversation_id=conversation, membership_id=who.membership_id
    )


def test_members_who_take_part_stand_in_the_conversation(desk: Desk, conversation: UUID) -> None:
    bea, cem = desk.colleague(), desk.colleague("Cem")
    first = join(desk, conversation, bea)
    join(desk, conversation, cem)
    desk.insert("crm.participants", conversation_id=conversation, contact_id=desk.contact())
    row = desk.row("crm.conversations", conversation)
    assert row["participant_ids"] == sorted([bea.membership_id, cem.membership_id])
    assert row["row_version"] == 1
    desk.do("delete from crm.participants where id = %s", first)
    assert desk.row("crm.conversations", conversation)["participant_ids"] == [cem.membership_id]


def test_members_who_take_part_stand_in_the_event(desk: Desk) -> None:
    bea = desk.colleague()
    event = desk.insert(
        "crm.calendar_events", title="Planting", starts_at="2026-03-01", ends_at="2026-03-02"
    )
    desk.insert("crm.participants", calendar_event_id=event, membership_id=bea.membership_id)
    assert desk.row("crm.calendar_events", event)["participant_ids"] == [bea.membership_id]


def test_of_two_who_join_at_the_same_moment_both_take_part(desk: Desk, conversation: UUID) -> None:
    people = [desk.colleague(), desk.colleague("Cem")]
    statement = (
        "insert into crm.participants (agency_id, conversation_id, membership_id)"
        " values (%s, %s, %s)"
    )
    rows = [(desk.owner.agency_id, conversation, one.membership_id) for one in people]
    with (
        desk.office.database.connect() as first,
        desk.office.database.connect() as second,
        ThreadPoolExecutor(1) as pool,
    ):
        first.execute(statement, rows[0])
        later = pool.submit(second.execute, statement, rows[1])
        until_waiting(desk, second.info.backend_pid)
        first.commit()
        later.result(timeout=30)
        second.commit()
    found = desk.row("crm.conversations", conversation)["participant_ids"]
    assert found == sorted(one.membership_id for one in people)


def test_the_list_is_not_written_by_hand(desk: Desk, conversation: UUID) -> None:
    change = "update crm.conversations set participant_ids = array[id] where id = %s"
    assert desk.refused(change, conversation) == "42501"
    desk.office.serve(change, conversation, counted=False)
    assert desk.row("crm.conversations", conversation)["participant_ids"] == []


def test_who_takes_part_stays_in_the_conversation(desk: Desk, conversation: UUID) -> None:
    other = desk.insert("crm.conversations", channel="email")
    row = join(desk, conversation, desk.colleague())
    move = "update crm.participants set conversation_id = %s where id = %s"
    with pytest.raises(psycopg.Error) as refused:
        desk.office.serve(move, other, row)
    assert refused.value.sqlstate == "PT403"


# --- messages -------------------------------------------------------------------------------------


@pytest.fixture
def writing(desk: Desk, conversation: UUID) -> dict[str, Any]:
    """What an outbound message has, as a member of the conversation writes it."""
    join(desk, conversation, desk.owner)
    return {"conversation_id": conversation, "direction": "outbound", "body_text": "Dear Zoë"}


def test_a_message_says_who_wrote_it(desk: Desk, writing: dict[str, Any]) -> None:
    message = desk.insert("crm.messages", **writing)
    row = desk.row("crm.messages", message)
    assert (row["sender_membership_id"], row["status"]) == (desk.owner.membership_id, "draft")
    bea = desk.colleague()
    desk.office.serve(
        "update crm.messages set sender_membership_id = %s where id = %s",
        bea.membership_id,
        message,
    )
    row = desk.row("crm.messages", message)
    assert row["sender_membership_id"] == desk.owner.membership_id


def test_people_queue_a_draft_and_then_leave_it_alone(desk: Desk, writing: dict[str, Any]) -> None:
    message = desk.insert("crm.messages", **writing)
    change = "update crm.messages set {} where id = %s returning id"
    desk.do(change.format("body_text = 'Dear Zoe'"), message)
    assert desk.refused(change.format("status = 'sent'"), message) == "42501"
    desk.do(change.format("status = 'queued'"), message)
    for again in ("body_text = 'x'", "status = 'draft'"):
        # out of reach of the policy, or refused by the trigger
        with pytest.raises((psycopg.errors.InsufficientPrivilege, AssertionError)):
            assert desk.do(change.format(again), message) is not None
    desk.office.serve("update crm.messages set status = 'sent' where id = %s", message)


@pytest.mark.parametrize(
    "values", [{"status": "sent"}, {"direction": "inbound"}, {"status": "received"}]
)
def test_people_write_drafts_and_not_in_the_name_of_others(
    desk: Desk, writing: dict[str, Any], values: dict[str, str]
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        desk.insert("crm.messages", **{**writing, **values})


def test_an_agent_writes_drafts_only(desk: Desk, writing: dict[str, Any]) -> None:
    robot = desk.office.hire(desk.owner)
    acting = desk.owner.claims(act={"user_id": str(robot.user_id)})
    insert = (
        "insert into crm.messages (conversation_id, direction, body_text, status)"
        " values (%s, 'outbound', 'Hello', %s)"
    )
    desk.office.do(acting, insert, writing["conversation_id"], "draft")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        desk.office.do(acting, insert, writing["conversation_id"], "queued")


def test_a_message_that_was_said_moves_the_conversation_up(
    desk: Desk, writing: dict[str, Any], conversation: UUID
) -> None:
    message = desk.insert("crm.messages", **writing)
    assert desk.row("crm.conversations", conversation)["last_message_at"] is None
    desk.do("update crm.messages set status = 'queued' where id = %s", message)
    row = desk.row("crm.conversations", conversation)
    assert row["last_message_at"] == desk.row("crm.messages", message)["sent_at"]
    assert row["row_version"] == 1
