"""What is private leaves its fact in the trail, and not what it says."""

from typing import Any
from uuid import UUID

from tests.audit.trail import Office
from tests.crm.desk import Desk


def values(office: Office, record: UUID, table: str) -> list[tuple[Any, Any, Any, list[str]]]:
    """What the trail keeps of a record."""
    return [
        (row["old_values"], row["new_values"], row["salt"], row["changed"])
        for row in office.rows(record, table)
    ]


NOTHING: tuple[None, None, None, list[str]] = (None, None, None, [])


def test_a_private_row_is_recorded_without_values(desk: Desk) -> None:
    note = desk.insert("crm.activities", kind="note", subject="Secret", visibility="private")
    desk.do("update crm.activities set subject = 'Still secret' where id = %s", note)
    desk.do("update crm.activities set visibility = 'agency' where id = %s", note)
    assert values(desk.office, note, "activities") == [NOTHING] * 3
    desk.do("update crm.activities set subject = 'Known' where id = %s", note)
    last = desk.office.rows(note, "activities")[-1]
    assert last["new_values"]["subject"] == "Known"
    assert "search" not in last["new_values"]


def test_a_message_of_a_private_conversation_is_recorded_without_values(
    desk: Desk,
) -> None:
    conversation = desk.insert("crm.conversations", channel="email")
    desk.insert(
        "crm.participants",
        conversation_id=conversation,
        membership_id=desk.owner.membership_id,
    )
    writing: dict[str, Any] = {
        "conversation_id": conversation,
        "direction": "outbound",
        "body_text": "Dear Zoë",
    }
    told = desk.insert("crm.messages", **writing)
    (entry,) = desk.office.rows(told, "messages")
    assert entry["new_values"]["body_text"] == "Dear Zoë"
    desk.do("update crm.conversations set visibility = 'private' where id = %s", conversation)
    hidden = desk.insert("crm.messages", **writing)
    desk.do("update crm.messages set body_text = 'x' where id = %s", hidden)
    assert values(desk.office, hidden, "messages") == [NOTHING] * 2
