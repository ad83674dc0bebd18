"""Cuts documents into chunks: how a worker keeps what is searched like its source.

A row of `ai.documents` names a source and is `pending` or, when the source has changed since,
`stale`. Whoever wants a source to be found inserts the row; what its text is decides this module.
A document is locked while its source is read, so a change comes before that or marks it again
afterwards (`mark_stale`, called by the worker of the outbox). Chunks whose text did not change keep
their vectors; the triggers queue the others.

A file is read with no transaction open, and dropped when the file is another one by then. A note
has no source: who writes one writes its chunks.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from tests.clients.chunking import pieces
from tests.clients.idempotent import Client

Row = dict[str, Any]
Connection = psycopg.Connection[Any]
ReadFile = Callable[[Row], str]

DUE = """
select d.id, d.source_kind, d.file_id, coalesce(
    d.conversation_id, d.activity_id, d.contact_id, d.company_id, d.deal_id
) as source_id
from ai.documents as d
where d.agency_id = app.agency_id()
    and d.status in ('pending', 'stale')
    and d.deleted_at is null
    and d.id <> all (%s)
order by d.id
limit 1
for no key update skip locked
"""

# One text each; null when the source is not there or says nothing.
TEXTS = {
    "activity": "select concat_ws(E'\\n\\n', a.subject, a.body) as text from crm.activities as a"
    " where a.agency_id = app.agency_id() and a.id = %s and a.deleted_at is null",
    # who wrote it is said in words; drafts have not been said yet
    "conversation": "select string_agg(concat_ws(': ', m.sender_label, m.body_text), E'\\n\\n'"
    " order by m.sent_at, m.id) as text from crm.messages as m"
    " where m.agency_id = app.agency_id() and m.conversation_id = %s and m.deleted_at is null"
    " and m.status <> 'draft' and m.body_text is not null",
    "contact": "select concat_ws(E'\\n', c.full_name, c.job_title) as text from crm.contacts as c"
    " where c.agency_id = app.agency_id() and c.id = %s and c.deleted_at is null",
    "company": "select concat_ws(E'\\n', c.name, c.domain, c.city, c.country) as text"
    " from crm.companies as c"
    " where c.agency_id = app.agency_id() and c.id = %s and c.deleted_at is null",
    "deal": "select d.title::text as text from crm.deals as d"
    " where d.agency_id = app.agency_id() and d.id = %s and d.deleted_at is null",
    "note": "select string_agg(c.content, E'\\n\\n' order by c.seq) as text from ai.chunks as c"
    " where c.agency_id = app.agency_id() and c.document_id = %s",
}

# Which column of a document names a record of this table.
COLUMNS = {
    "crm.activities": "activity_id",
    "crm.companies": "company_id",
    "crm.contacts": "contact_id",
    "crm.deals": "deal_id",
    "crm.files": "file_id",
}

READABLE_FILE = """
select f.id, f.provider::text, f.bucket::text, f.object_path::text, f.mime::text, f.sha256
from crm.files as f
where f.agency_id = app.agency_id()
    and f.id = %s
    and f.deleted_at is null
    and f.scan_status in ('clean', 'skipped')
"""

# One that is being cut is waited for: what it is cut from may be older than the change.
HELD = """
select d.id
from ai.documents as d
where d.agency_id = app.agency_id()
    and d.deleted_at is null
"""
STALE = """
update ai.documents as d
set status = 'stale'
where d.agency_id = app.agency_id()
    and d.id = any (%s)
    and d.status in ('ready', 'failed')
"""


def mark_stale(connection: Connection, event: Row) -> None:
    """Mark the document of a source that has changed: to be handed to the worker of the outbox.

    Its transaction is bound to the agency, and waits for a worker that is cutting the document. The
    removal of a message is not seen: the row is gone, and its event does not say of which
    conversation it was.

    Args:
        connection: in the transaction that publishes the event.
        event: a row of `integration.outbox_events`.
    """
    kind, source = str(event["aggregate"]), event["aggregate_id"]
    if kind == "crm.messages":
        named = (
            "d.conversation_id = (select m.conversation_id from crm.messages as m"
            " where m.agency_id = app.agency_id() and m.id = %s)"
        )
    elif kind in COLUMNS:
        named = f"d.{COLUMNS[kind]} = %s"
    else:
        return
    cursor = connection.cursor(row_factory=dict_row)
    held = cursor.execute(f"{HELD} and {named} for no key update".encode(), [source]).fetchall()
    if held:
        connection.execute(STALE, [[one["id"] for one in held]])


def cut(
    client: Client, agency: UUID, read_file: ReadFile | None = None, size: int = 200
) -> int | None:
    """Cut the next document of an agency that waits.

    Args:
        client: logs in as gardenos_worker.
        agency: whose.
        read_file: the text of a file, given its row of `crm.files`; without it files are left.
        size: words of a chunk.

    Returns:
        how many chunks it has now; None when no document waits.
    """
    left: list[UUID] = []
    while True:
        found = client.once(partial(_cut, agency, left, size))
        if not isinstance(found, dict):
            return found
        if read_file is not None:
            try:
                text = read_file(found)
            except OSError:
                # the storage is away: the next round tries again
                left.append(found["document_id"])
                continue
            return client.once(partial(_write_file, agency, found, text, size))
        left.append(found["document_id"])


def _cut(agency: UUID, left: Sequence[UUID], size: int, connection: Connection) -> int | Row | None:
    """Cut the next document; answer the file that has to be read for it first, if any."""
    connection.execute("select app.bind_worker(%s)", [agency])
    document = _one(connection, DUE, [list(left)])
    if document is None:
        return None
    if document["source_kind"] == "file":
        file = _one(connection, READABLE_FILE, [document["file_id"]])
        if file is None:
            return _fail(connection, document["id"], "The file is not there or not clean.")
        return {**file, "document_id": document["id"]}
    source = document["source_id"] or document["id"]
    found = _one(connection, TEXTS[document["source_kind"]], [source])
    text = (found or {}).get("text") or ""
    if document["source_kind"] == "note" and text:
        return _ready(connection, document["id"], hashlib.sha256(text.encode()).digest())
    return _write(connection, document["id"], text, hashlib.sha256(text.encode()).digest(), size)


def _write_file(agency: UUID, file: Row, text: str, size: int, connection: Connection) -> int:
    """Write the chunks of a file, unless it has become another one; how many."""
    connection.execute("select app.bind_worker(%s)", [agency])
    still = _one(
        connection,
        "select d.id from ai.documents as d join crm.files as f on f.agency_id = d.agency_id"
        " and f.id = d.file_id where d.agency_id = app.agency_id() and d.id = %s"
        " and d.status in ('pending', 'stale') and d.deleted_at is null"
        " and f.sha256 is not distinct from %s for no key update of d",
        [file["document_id"], file["sha256"]],
    )
    if still is None:
        return 0
    digest = file["sha256"] or hashlib.sha256(text.encode()).digest()
    return _write(connection, file["document_id"], text, digest, size)


def _write(connection: Connection, document: UUID, text: str, digest: bytes, size: int) -> int:
    """Replace the chunks of a document by those of a text; how many there are."""
    found = list(pieces(text, size))
    if not found:
        return _fail(connection, document, "There is no text.")
    connection.execute(
        "insert into ai.chunks as c (agency_id, document_id, seq, content, token_count)"
        " select app.agency_id(), %s, n.seq - 1, n.content, n.words"
        " from unnest(%s::text[], %s::int[]) with ordinality as n (content, words, seq)"
        " on conflict (agency_id, document_id, seq) do update"
        " set content = excluded.content, token_count = excluded.token_count"
        " where c.content <> excluded.content",
        [document, [content for content, _ in found], [words for _, words in found]],
    )
    connection.execute(
        "delete from ai.chunks as c where c.agency_id = app.agency_id()"
        " and c.document_id = %s and c.seq >= %s",
        [document, len(found)],
    )
    _ready(connection, document, digest)
    return len(found)


def _ready(connection: Connection, document: UUID, digest: bytes) -> int:
    connection.execute(
        "update ai.documents as d set status = 'ready', content_sha256 = %s, error = null"
        " where d.agency_id = app.agency_id() and d.id = %s",
        [digest, document],
    )
    return 0


def _fail(connection: Connection, document: UUID, reason: str) -> int:
    """It cannot be cut: it is not found any more, until its source changes."""
    connection.execute(
        "delete from ai.chunks as c where c.agency_id = app.agency_id() and c.document_id = %s",
        [document],
    )
    connection.execute(
        "update ai.documents as d set status = 'failed', error = %s"
        " where d.agency_id = app.agency_id() and d.id = %s",
        [reason, document],
    )
    return 0


def _one(connection: Connection, statement: str, parameters: Sequence[Any]) -> Row | None:
    cursor = connection.cursor(row_factory=dict_row)
    return cursor.execute(statement.encode(), parameters).fetchone()
