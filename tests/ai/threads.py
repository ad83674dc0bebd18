"""Agents at work in agencies of their own, through the pool that a service gives LangGraph."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from langchain_core.embeddings import Embeddings
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint
from langgraph.store.postgres.base import PostgresIndexConfig
from psycopg.rows import dict_row

from tests.audit.trail import Office, Person, opened
from tests.clients.sessions import Signer
from tests.crm.desk import Desk
from tests.database import Database
from tests.policies.access import Connection

DIMENSIONS = 1536


@dataclass(frozen=True)
class Studio:
    """An office whose agencies have agents, and the key with which a service signs for them."""

    office: Office
    signer: Signer

    @property
    def address(self) -> str:
        """Where agents connect to."""
        return self.office.database.url("gardenos_app")

    def found(self) -> "Garden":
        """A new agency with its owner and an agent that reaches as far as its team."""
        owner = self.office.found(Desk.new_slug())
        agent = self.office.hire(owner)
        self.office.do(
            owner,
            "update tenancy.memberships set record_scope = 'team' where id = %s returning id",
            agent.membership_id,
        )
        return Garden(self.office, owner, agent)

    @contextmanager
    def worker(self, agency: UUID) -> Iterator[Connection]:
        """A transaction of the worker, bound to an agency and committed."""
        with (
            self.office.database.connect("gardenos_worker", row_factory=dict_row) as worker,
            worker.transaction(),
        ):
            worker.execute("select app.bind_worker(%s)", [agency])
            yield worker


@dataclass(frozen=True)
class Garden:
    """An agency with an agent."""

    office: Office
    owner: Person
    agent: Person

    @property
    def id(self) -> UUID:
        """The id of the agency."""
        return self.owner.agency_id

    def for_owner(self) -> dict[str, Any]:
        """The claims of the agent when it acts for the owner."""
        return self.owner.claims(act={"user_id": str(self.agent.user_id)})

    def conversation(self, thread: UUID | None = None, **values: Any) -> str:
        """A conversation that nobody owns, so that the agent reads it; its id, a thread."""
        row = {
            "agency_id": self.id,
            "id": thread or uuid4(),
            "channel": "assistant",
            "visibility": "agency",
            **values,
        }
        self.office.superuser.execute(
            f"insert into crm.conversations ({', '.join(row)})"
            f" values ({', '.join(['%s'] * len(row))})".encode(),
            list(row.values()),
        )
        return str(row["id"])

    def count(self, table: str) -> int:
        """How many rows of a table the agency has, seen by a superuser."""
        (row,) = self.office.superuser.execute(
            f"select count(*) as n from {table} where agency_id = %s".encode(), [self.id]
        ).fetchall()
        number: int = row["n"]
        return number


@contextmanager
def studio_in(database: Database) -> Iterator[Studio]:
    """A studio in this database."""
    with opened(database) as office:
        with office.superuser.transaction():
            office.superuser.execute("set local role gardenos_owner")
            (row,) = office.superuser.execute(
                "select app.rotate_seal_key('gardenos_app') as key"
            ).fetchall()
        yield Studio(office, Signer(row["key"]))


def at(thread: str, checkpoint: str | None = None, namespace: str = "") -> RunnableConfig:
    """The configuration that names a thread, or one of its checkpoints."""
    place: dict[str, Any] = {"thread_id": thread, "checkpoint_ns": namespace}
    if checkpoint is not None:
        place["checkpoint_id"] = checkpoint
    return {"configurable": place}


def step(number: int, *values: str) -> Checkpoint:
    """A checkpoint with a short value and a long one; versions name their step."""
    made = empty_checkpoint()
    made["channel_values"] = {"turn": number, "messages": list(values)}
    made["channel_versions"] = {"turn": f"{number:032}.0", "messages": f"{number:032}.0"}
    return made


class Words(Embeddings):
    """Vectors that need no model: each letter points its own way, so like texts lie close."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One unit vector a text."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """A unit vector."""
        counts = [0.0] * DIMENSIONS
        for letter in text.lower():
            counts[ord(letter) % DIMENSIONS] += 1.0
        length = math.sqrt(sum(one * one for one in counts)) or 1.0
        return [one / length for one in counts]


INDEX: PostgresIndexConfig = {"dims": DIMENSIONS, "embed": Words(), "fields": ["text"]}


def namespace(garden: Garden, kind: str, *rest: object) -> tuple[str, ...]:
    """A namespace of this agency."""
    return (str(garden.id), kind, *map(str, rest))


def keys(items: Sequence[Any]) -> list[str]:
    """The keys of items that a store answered."""
    return [item.key for item in items]
