"""An agency that knows something: a source of each kind, documents, memories, vectors."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from tests.audit.trail import Person
from tests.crm.desk import Desk
from tests.policies.access import Row

HASH = bytes(32)
NUMBERS = f"[{','.join(['0.5'] * 1536)}]"


@dataclass
class Shelf:
    """What there is, by name; `add` writes past row-level security, through every trigger."""

    desk: Desk
    model: UUID
    colleague: Person
    teams: list[UUID]
    sources: dict[str, UUID] = field(default_factory=dict)
    documents: dict[str, UUID] = field(default_factory=dict)
    memories: dict[str, UUID] = field(default_factory=dict)

    @property
    def agency(self) -> UUID:
        """The id of the agency."""
        return self.desk.owner.agency_id

    def run(self, statement: str, *parameters: Any) -> list[Row]:
        """Run and commit one statement as a superuser; its rows."""
        cursor = self.desk.office.superuser.execute(statement.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []

    def add(self, table: str, **values: Any) -> UUID:
        """Insert a row and answer its id."""
        row: Row = {"agency_id": self.agency, "id": uuid4(), **values}
        self.run(
            f"insert into {table} ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})",
            *row.values(),
        )
        return UUID(str(row["id"]))

    def document(self, kind: str, source: UUID | None = None, **values: Any) -> UUID:
        """A document with one chunk and its vector."""
        if source is not None:
            values[f"{kind}_id"] = source
        document = self.add(
            "ai.documents",
            source_kind=kind,
            title="Document",
            content_sha256=HASH,
            **{"visibility": "agency", **values},
        )
        chunk = self.add("ai.chunks", document_id=document, seq=0, content="Text", token_count=1)
        self.vector(chunk_id=chunk)
        return document

    def memory(self, subject: str, about: UUID | None = None, **values: Any) -> UUID:
        """A memory with its vector."""
        if about is not None:
            values["membership_id" if subject == "member" else f"{subject}_id"] = about
        memory = self.add(
            "ai.memories",
            subject=subject,
            kind="semantic",
            **{"visibility": "agency", "content": "Fact", **values},
        )
        self.vector(memory_id=memory)
        return memory

    def vector(self, *, tier: str = "small", **text: UUID) -> UUID:
        """A vector of a chunk or of a memory."""
        return self.add(
            "ai.embeddings_vector_1536",
            model_id=self.model,
            tier=tier,
            content_sha256=HASH,
            embedding=NUMBERS,
            **text,
        )

    def vectors(self, **text: UUID) -> int:
        """How many vectors a text has."""
        ((column, value),) = text.items()
        (row,) = self.run(
            "select count(*) as n from ai.embeddings_vector_1536"
            f" where agency_id = %s and {column} = %s",
            self.agency,
            value,
        )
        number: int = row["n"]
        return number


def stock(desk: Desk) -> Shelf:
    """Fill the shelf of a new agency."""
    model = desk.office.serve(
        "insert into ai.embedding_models (key, provider, model, vector_type, dims, status)"
        " values (%s, 'test', 'test', 'vector', 1536, 'active') returning id",
        f"test/{uuid4()}",
    )
    shelf = Shelf(desk, model, desk.colleague(), [desk.office.team(desk.owner) for _ in range(2)])
    add, found, me = shelf.add, shelf.sources, desk.owner.membership_id
    pipeline, (stage,) = desk.pipeline("open")
    found["contact"] = add("crm.contacts", full_name="Zoë", owner_id=me)
    found["company"] = add("crm.companies", name="Gardens", owner_id=me)
    found["deal"] = add(
        "crm.deals",
        title="A garden",
        pipeline_id=pipeline,
        stage_id=stage,
        currency="EUR",
        owner_id=me,
    )
    found["activity"] = add(
        "crm.activities", kind="note", subject="Note", owner_id=me, visibility="team"
    )
    found["conversation"] = add(
        "crm.conversations", channel="email", owner_id=me, visibility="team"
    )
    found["calendar_event"] = add(
        "crm.calendar_events",
        title="Visit",
        starts_at="now",
        ends_at="now",
        owner_id=me,
        visibility="team",
    )
    found["message"] = add(
        "crm.messages",
        conversation_id=found["conversation"],
        direction="inbound",
        status="received",
    )
    for kind, source in list(found.items()):
        if kind == "conversation":
            continue
        found[f"file on {kind}"] = add(
            "crm.files",
            provider="minio",
            bucket="files",
            object_path=f"{shelf.agency}/{uuid4()}",
            file_name="plan.pdf",
            mime="application/pdf",
            byte_size=1,
            owner_id=me,
            visibility="team",
            **{f"{kind}_id": source},
        )
    found["file"] = add(
        "crm.files",
        purpose="export",
        provider="minio",
        bucket="files",
        object_path=f"{shelf.agency}/{uuid4()}",
        file_name="plan.pdf",
        mime="application/pdf",
        byte_size=1,
        owner_id=me,
    )
    for name, source in found.items():
        kind = "file" if name.startswith("file") else name
        if kind not in ("calendar_event", "message"):
            shelf.documents[name] = shelf.document(kind, source)
    shelf.documents["note"] = shelf.document("note", owner_id=me, visibility="team")
    for kind in ("contact", "company", "deal"):
        shelf.memories[kind] = shelf.memory(kind, found[kind])
    shelf.memories["agency"] = shelf.memory("agency", owner_id=me)
    shelf.memories["member"] = shelf.memory("member", me, owner_id=me, visibility="private")
    return shelf
