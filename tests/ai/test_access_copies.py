"""Documents, chunks, memories and vectors say for themselves who may read them, never otherwise.

What they should say is computed here from the words of the design (schema.md, 5.2), in SQL and
Python that share nothing with the triggers.
"""

from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.ai.desk import Shelf
from tests.policies.access import Row

NARROWER = ("private", "team", "agency", "client")
ROUNDS = 150
COPIES = ("owner_id", "team_id", "visibility", "participant_ids", "by_record")

TABLES = {
    "contact": "crm.contacts",
    "company": "crm.companies",
    "deal": "crm.deals",
    "activity": "crm.activities",
    "conversation": "crm.conversations",
    "calendar_event": "crm.calendar_events",
    "message": "crm.messages",
    "file": "crm.files",
}


class Town:
    """Every source of an agency as it stands, and what a copy of it should say."""

    def __init__(self, shelf: Shelf) -> None:
        """Read them."""
        self.rows: dict[tuple[str, UUID], Row] = {
            (kind, row["id"]): row
            for kind, table in TABLES.items()
            for row in shelf.run(f"select * from {table} where agency_id = %s", shelf.agency)
        }

    def access(self, kind: str, source: UUID) -> Row:
        """Owner, team, visibility, participants, by_record, and whether it is there."""
        row = self.rows[kind, source]
        if kind == "message":
            below = self.access("conversation", row["conversation_id"])
            return {**below, "live": below["live"] and row["deleted_at"] is None}
        if kind == "file":
            return self._file(row)
        is_record = kind in ("contact", "company", "deal")
        return {
            "owner_id": row.get("assignee_id") or row["owner_id"],
            "team_id": row["team_id"],
            "visibility": "agency" if is_record else row["visibility"],
            "participant_ids": row["participant_ids"] if kind == "conversation" else None,
            "by_record": is_record,
            "live": row["deleted_at"] is None,
        }

    def _file(self, row: Row) -> Row:
        live = row["deleted_at"] is None
        for kind in TABLES:
            if row.get(f"{kind}_id"):
                break
        else:
            alone = {"owner_id": row["owner_id"], "team_id": None, "visibility": "private"}
            return {**alone, "participant_ids": None, "by_record": False, "live": live}
        found = self.access(kind, row[f"{kind}_id"])
        if row["visibility"] == "private":
            others = found["participant_ids"]
            both = row["owner_id"] == found["owner_id"] or row["owner_id"] in (others or ())
            found["owner_id"] = row["owner_id"] if both else None
            found["participant_ids"] = None if others is None else []
        found["visibility"] = min(row["visibility"], found["visibility"], key=NARROWER.index)
        found["live"] = found["live"] and live
        return found


def differences(shelf: Shelf) -> list[str]:
    """Every copy that is not as its source, and every text that is there and should not be."""
    found, town = [], Town(shelf)
    documents = shelf.run("select * from ai.documents where agency_id = %s", shelf.agency)
    for row in documents:
        if row["source_kind"] != "note":
            wanted = town.access(row["source_kind"], row[f"{row['source_kind']}_id"])
            said = {name: row[name] for name in COPIES} | {"live": row["deleted_at"] is None}
            if said != wanted:
                found.append(f"document of {row['source_kind']}: {said}, not {wanted}")
    for row in shelf.run("select * from ai.memories where agency_id = %s", shelf.agency):
        if row["subject"] in ("contact", "company", "deal"):
            wanted = town.access(row["subject"], row[f"{row['subject']}_id"])
            for name in ("owner_id", "team_id", "by_record"):
                if row[name] != wanted[name]:
                    found.append(f"memory of {row['subject']}: {name} is {row[name]}")
            if (row["deleted_at"] is None) is not wanted["live"]:
                found.append(f"memory of {row['subject']}: deleted at {row['deleted_at']}")
    for below, above, column in (
        ("ai.chunks", "ai.documents", "document_id"),
        ("ai.embeddings_vector_1536", "ai.chunks", "chunk_id"),
        ("ai.embeddings_vector_1536", "ai.memories", "memory_id"),
    ):
        names = ", ".join(f"{{0}}.{name}" for name in COPIES)
        gone = "s.deleted_at is not null" if above != "ai.chunks" else "false"
        found += [
            f"{below} {row['id']} is not as its source in {above}"
            for row in shelf.run(
                f"select c.id from {below} as c join {above} as s"
                f" on s.agency_id = c.agency_id and s.id = c.{column}"
                f" where c.agency_id = %s and (({names.format('c')}) is distinct from"
                f" ({names.format('s')}) or {gone})",
                shelf.agency,
            )
        ]
    return found


def change_something(shelf: Shelf, rng: Random) -> str:
    """One random change of who may read a source, or whether it lives."""
    people = [shelf.desk.owner.membership_id, shelf.colleague.membership_id, None]
    name, source = rng.choice(sorted(shelf.sources.items()))
    kind = "file" if name.startswith("file") else name
    choices: list[tuple[str, Any]] = [("deleted_at", rng.choice(["now", None]))]
    if kind != "message":
        choices.append(("owner_id", rng.choice(people)))
    if kind not in ("file", "message"):
        choices.append(("team_id", rng.choice([*shelf.teams, None])))
    if kind in ("activity", "conversation"):
        choices.append(("assignee_id", rng.choice(people)))
    if kind in ("activity", "conversation", "calendar_event", "file"):
        choices.append(("visibility", rng.choice(NARROWER)))
    column, value = rng.choice(choices)
    if kind == "conversation" and rng.random() < 0.5:
        return change_participants(shelf, rng, source)
    shelf.run(
        f"update {TABLES[kind]} set {column} = %s where agency_id = %s and id = %s",
        value,
        shelf.agency,
        source,
    )
    return f"{name}.{column} = {value}"


def change_participants(shelf: Shelf, rng: Random, conversation: UUID) -> str:
    """Somebody takes part, or nobody does any more."""
    if rng.random() < 0.5:
        shelf.run(
            "delete from crm.participants where agency_id = %s and conversation_id = %s",
            shelf.agency,
            conversation,
        )
        return "nobody takes part"
    shelf.run(
        "insert into crm.participants (agency_id, conversation_id, membership_id)"
        " values (%s, %s, %s) on conflict do nothing",
        shelf.agency,
        conversation,
        shelf.colleague.membership_id,
    )
    return "somebody takes part"


def test_no_copy_ever_differs_from_its_source(shelf: Shelf) -> None:
    assert differences(shelf) == []
    rng = Random(8)
    for _ in range(ROUNDS):
        done = change_something(shelf, rng)
        assert differences(shelf) == [], done


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("crm.contacts", "update crm.contacts set owner_id = null"),
        ("crm.files", "update crm.files set visibility = 'private'"),
        ("crm.messages", "update crm.messages set deleted_at = now()"),
        ("ai.documents", "update crm.deals set owner_id = null"),
        ("ai.chunks", "update crm.activities set visibility = 'private'"),
        ("ai.memories", "update crm.companies set deleted_at = now()"),
    ],
)
def test_without_a_trigger_copies_differ(
    shelf: Shelf, mutant: Any, table: str, change: str
) -> None:
    broken = f"alter table {table} disable trigger spread_access"
    mutant("trigger", "differences", broken)
    shelf.run(broken)
    try:
        shelf.run(f"{change} where agency_id = %s", shelf.agency)
        assert differences(shelf) != []
    finally:
        shelf.run(f"alter table {table} enable trigger spread_access")


def test_nobody_writes_a_copy_by_hand(shelf: Shelf) -> None:
    for table in ("ai.documents", "ai.chunks", "ai.embeddings_vector_1536"):
        shelf.run(
            f"update {table} set visibility = 'agency', participant_ids = null, owner_id = null,"
            " by_record = false where agency_id = %s",
            shelf.agency,
        )
        assert differences(shelf) == [], table
    shelf.run("update ai.memories set owner_id = null where agency_id = %s", shelf.agency)
    assert differences(shelf) == []


def test_what_is_deleted_with_a_record_comes_back_with_it(shelf: Shelf) -> None:
    contact, memory = shelf.sources["contact"], shelf.memories["contact"]
    earlier = shelf.memory("contact", contact)
    shelf.run("update ai.memories set deleted_at = now() where id = %s", earlier)
    set_deleted = "update crm.contacts set deleted_at = {} where agency_id = %s and id = %s"
    shelf.run(set_deleted.format("now()"), shelf.agency, contact)
    assert shelf.desk.row("ai.memories", memory)["deleted_at"] is not None
    assert shelf.vectors(memory_id=memory) == 0
    assert shelf.desk.row("ai.documents", shelf.documents["contact"])["deleted_at"] is not None
    shelf.run(set_deleted.format("null"), shelf.agency, contact)
    assert shelf.desk.row("ai.memories", memory)["deleted_at"] is None
    assert shelf.desk.row("ai.memories", earlier)["deleted_at"] is not None
    again = shelf.desk.row("ai.documents", shelf.documents["contact"])
    assert (again["deleted_at"], again["status"]) == (None, "pending")


def waits(shelf: Shelf) -> list[bool]:
    """Whether a copy waits for a change of its source, and the change for the copy."""
    change = ("update crm.contacts set owner_id = null where id = %s", [shelf.sources["contact"]])
    copy = (
        "insert into ai.memories (agency_id, subject, contact_id, kind, content, visibility)"
        " values (%s, 'contact', %s, 'semantic', 'Fact', 'agency')",
        [shelf.agency, shelf.sources["contact"]],
    )
    database, found = shelf.desk.office.database, []
    for first, second in ((change, copy), (copy, change)):
        with database.connect() as one, database.connect() as two:
            one.execute(*first)
            two.execute("set local lock_timeout = '100ms'")
            try:
                two.execute(*second)
                found.append(False)
            except psycopg.errors.LockNotAvailable:
                found.append(True)
            two.rollback()
            one.rollback()
    return found


def test_a_copy_and_a_change_of_its_source_wait_for_each_other(shelf: Shelf, mutant: Any) -> None:
    assert waits(shelf) == [True, True]
    (row,) = shelf.run("select pg_get_functiondef('app.source_access'::regproc) as text")
    mutant("function", "waits", "app.source_access without FOR SHARE")
    shelf.run(row["text"].replace("for share", ""))
    try:
        assert waits(shelf) == [False, False]
    finally:
        shelf.run(row["text"])
