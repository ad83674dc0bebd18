"""Documents are cut into chunks and stay like their source, whoever changes it and whenever."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.ai.queueing import Library, Model, add_model
from tests.audit.trail import Office, opened
from tests.clients.chunking import pieces
from tests.clients.documents import Row, mark_stale
from tests.clients.outbox_worker import Answer, Worker
from tests.crm.desk import Desk
from tests.database import Cluster
from tests.policies.access import Connection


@pytest.fixture(scope="module")
def office(cluster: Cluster) -> Iterator[Office]:
    """A database for the tests of this file, each with an agency of its own."""
    with cluster.migrated() as database, opened(database) as found:
        yield found


@pytest.fixture(scope="module")
def hand(office: Office) -> Iterator[Connection]:
    """A login of gardenos_worker."""
    with office.database.connect(
        "gardenos_worker", autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


@pytest.fixture(scope="module")
def model(office: Office) -> Model:
    """What the agencies of this file search with."""
    return add_model(office)


@pytest.fixture
def desk(office: Office) -> Desk:
    """The owner of a new agency at work."""
    return Desk(office, office.found(Desk.new_slug()))


@pytest.fixture
def library(desk: Desk, hand: Connection, model: Model) -> Library:
    """The texts of that agency."""
    found = Library(desk.office, hand, desk.owner.agency_id, model)
    found.change_to(model)
    return found


def register(library: Library, kind: str, source: UUID) -> UUID:
    """Have a record found: what a service does once."""
    with library.hand.transaction():
        library.hand.execute("select app.bind_worker(%s)", [library.agency])
        (row,) = library.hand.execute(
            f"insert into ai.documents (source_kind, {kind}_id, title, content_sha256, visibility)"
            " values (%s, %s, 'Found', sha256(''), 'agency') returning id".encode(),
            [kind, source],
        ).fetchall()
    found: UUID = row["id"]
    return found


def document(library: Library, record: UUID) -> Row:
    """A document as it stands."""
    (row,) = library.do("select * from ai.documents where id = %s", record)
    return row


def chunks(library: Library, record: UUID) -> list[str]:
    """The texts of its chunks, in their order."""
    rows = library.do(
        "select content::text, seq from ai.chunks where document_id = %s order by seq", record
    )
    assert [row["seq"] for row in rows] == list(range(len(rows)))
    return [row["content"] for row in rows]


def deliver(library: Library) -> None:
    """One round of the worker of the outbox, which marks documents."""

    def send(_: Row) -> Answer:
        raise AssertionError("there are no webhooks")

    connection = library.hand
    Worker(
        connection,
        send,
        log=lambda *_: None,
        handle=lambda event: mark_stale(connection, event),
    ).publish(library.agency)


def test_a_note_is_cut_embedded_and_cut_again_when_it_changes(desk: Desk, library: Library) -> None:
    words = [f"word{number}." for number in range(500)]
    activity = desk.insert(
        "crm.activities", kind="note", subject="Garden", body=" ".join(words), visibility="agency"
    )
    record = register(library, "activity", activity)
    assert document(library, record)["status"] == "pending"
    library.work()
    before = chunks(library, record)
    assert len(before) == 3
    assert {word for text in before for word in text.split()} == {"Garden", *words}
    assert document(library, record)["status"] == "ready"
    vectors = library.vectors()
    assert vectors == library.expected()
    assert len(vectors) == 3
    desk.do(
        "update crm.activities set body = replace(body, 'word499.', 'last.') where id = %s",
        activity,
    )
    deliver(library)
    assert document(library, record)["status"] == "stale"
    library.work()
    library.due_now()
    library.work()
    after = chunks(library, record)
    assert after[:2] == before[:2]
    assert after[2].endswith("last.")
    again = library.vectors()
    assert again == library.expected()
    assert sum(again[text] == vectors[text] for text in vectors) == 2, "those that are the same"
    # less text: fewer chunks
    desk.do("update crm.activities set body = 'Mow' where id = %s", activity)
    deliver(library)
    library.work()
    assert chunks(library, record) == ["Garden\n\nMow"]
    # deleted and restored with its source
    library.do("update crm.activities set deleted_at = now() where id = %s", activity)
    assert (chunks(library, record), library.vectors()) == ([], {})
    library.do("update crm.activities set deleted_at = null where id = %s", activity)
    library.work()
    assert chunks(library, record) == ["Garden\n\nMow"]
    assert library.vectors() == library.expected()


def test_a_conversation_follows_its_messages(desk: Desk, library: Library) -> None:
    talk = desk.serve("crm.conversations", channel="email", subject="Hedge")

    def say(text: str, status: str = "received") -> UUID:
        return desk.serve(
            "crm.messages",
            conversation_id=talk,
            direction="inbound",
            status=status,
            sender_label="Zoë",
            body_text=text,
        )

    first = say("The hedge is high.")
    record = register(library, "conversation", talk)
    library.work()
    assert chunks(library, record) == ["Zoë: The hedge is high."]
    deliver(library)
    library.work()
    say("Cut it, please.")
    say("Not yet said.", "draft")
    deliver(library)
    library.work()
    assert chunks(library, record) == ["Zoë: The hedge is high.\n\nZoë: Cut it, please."]
    library.do("update crm.messages set deleted_at = now() where id = %s", first)
    deliver(library)
    library.work()
    assert chunks(library, record) == ["Zoë: Cut it, please."]


def test_a_file_is_read_outside_and_only_when_it_is_clean(desk: Desk, library: Library) -> None:
    def add(status: str) -> UUID:
        return desk.serve(
            "crm.files",
            provider="minio",
            bucket="files",
            object_path=f"{library.agency}/{uuid4()}",
            file_name="plan.txt",
            mime="text/plain",
            byte_size=3,
            scan_status=status,
            company_id=desk.insert("crm.companies", name="Ash Ltd"),
        )

    file, infected = add("clean"), add("infected")
    record, bad = register(library, "file", file), register(library, "file", infected)
    library.work()
    assert document(library, record)["status"] == "pending", "nobody reads files here"
    library.work(read_file=lambda row: f"Plan at {row['bucket']}")
    assert chunks(library, record) == ["Plan at files"]
    assert document(library, bad)["status"] == "failed"
    assert document(library, bad)["error"] == "The file is not there or not clean."
    (health,) = library.do("select * from app.embedding_health()")
    assert health["documents_failed"] >= 1


def test_a_source_that_changes_while_it_is_cut_is_cut_again(desk: Desk, library: Library) -> None:
    company = desk.insert("crm.companies", name="Ash Ltd")
    record = register(library, "company", company)
    with library.office.database.connect("gardenos_worker", row_factory=dict_row) as cutting:
        cutting.execute("select app.bind_worker(%s)", [library.agency])
        cutting.execute("select 1 from ai.documents where id = %s for no key update", [record])
        library.work()
        assert document(library, record)["status"] == "pending", "another one has it"
        desk.do("update crm.companies set name = 'Beech Ltd' where id = %s", company)
        library.hand.execute("set lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            mark(library, company)
        library.hand.execute("reset lock_timeout")
        cutting.rollback()
    library.work()
    assert chunks(library, record) == ["Beech Ltd"]
    desk.do("update crm.companies set name = 'Oak Ltd' where id = %s", company)
    deliver(library)
    library.work()
    assert chunks(library, record) == ["Oak Ltd"]


def mark(library: Library, company: UUID) -> None:
    """As the worker of the outbox does, for a document that is ready to be marked."""
    with library.hand.transaction():
        library.hand.execute("select app.bind_worker(%s)", [library.agency])
        event: dict[str, Any] = {"aggregate": "crm.companies", "aggregate_id": company}
        mark_stale(library.hand, event)


def test_pieces_hold_every_word_and_end_where_sentences_do() -> None:
    text = "One two three. Four five.\n\nSix seven eight nine ten eleven."
    assert [piece for piece, _ in pieces(text, size=7, overlap=1)] == [
        "One two three. Four five.",
        "five.\n\nSix seven eight nine ten eleven.",
    ]
    long = "x" * 250
    assert "".join(piece for piece, _ in pieces(long, size=1, overlap=0)) == long
    assert list(pieces(" \n ")) == []
