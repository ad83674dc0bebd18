"""Random questions to ai.search, and what brute force over the rows of the policies answers.

`python -m tests.ai.searching [QUESTIONS] [SEED]`: so many questions (2 000 unless told) of random
people with random rights, to an agency in tier small, on its way, and in tier large. It prints
every difference. What somebody may read is asked of the policies in plain SQL; distances, ranks and
decay are computed here. `test_search.py` asks a few hundred.
"""

import argparse
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import psycopg

from migrations.runner.connect import Address
from migrations.tiers import Move
from tests.crm.searching import give_scopes
from tests.database import Cluster, Database, private_server
from tests.policies.town import AGENCIES, MEMBERSHIPS, TEAMS, USERS, Stage, Town, named, team_id

DIMS = 1536
STORAGE = f"vector_{DIMS}"
DOCUMENTS = 60
MEMORIES = 110
MODEL = named("model", "ours")
OTHER_MODEL = named("model", "another")

WORDS = ("roses", "rose", "garden", "gardener", "offer", "Müller", "invoice", "100%", "a:b", "Zoë")
TYPED = (*WORDS, "ros", "gard", "mül", "r", "no such word", "", "offer gard", "'", "ro & :*")
HALF_LIVES = {"episodic": 30, "semantic": 180, "procedural": 3650}
KINDS = tuple(HALF_LIVES)
SOURCES = ("file", "conversation", "activity", "contact", "company", "deal", "note")
PEOPLE = ("ann", "adam", "mia", "max", "mel", "vic", "cli", "both", "bot", "removed")
SCOPES = (
    ["ai.documents:select", "ai.chunks:select", "ai.embeddings_vector_1536:select"],
    ["ai.documents:select", "ai.memories:select", "ai.embeddings_vector_1536:select"],
    [
        "ai.documents:select",
        "ai.chunks:select",
        "ai.embeddings_vector_1536:select",
        "ai.memories:select",
        "crm.contacts:select",
    ],
)

Vector = np.ndarray[Any, np.dtype[np.float32]]


def unit(numbers: Any) -> Vector:
    """A vector of length one."""
    return np.asarray(numbers / np.linalg.norm(numbers), dtype=np.float32)


def literal(vector: Vector) -> str:
    """A vector as pgvector reads it."""
    return "[" + ",".join(f"{number:.7g}" for number in vector) + "]"


@dataclass(frozen=True)
class Text:
    """A chunk or a memory, as a superuser sees it."""

    id: UUID
    is_memory: bool
    vector: Vector | None
    created_at: datetime
    kind: str
    owner_id: UUID | None
    used_at: datetime
    half_life: timedelta
    importance: float


class Library:
    """What two agencies know: chunks and memories of everybody and nobody, with their vectors."""

    def __init__(self, town: Town, seed: int = 1) -> None:
        """Write it, past the triggers: who may read what is copied here."""
        self.town = town
        self.rng = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.topics = self.numbers.normal(size=(7, DIMS))
        self.texts: dict[UUID, Text] = {}
        with (
            town.database.connect("postgres", autocommit=True) as connection,
            connection.transaction(),
        ):
            connection.execute("set local session_replication_role = replica")
            connection.execute("set local timezone = 'UTC'")
            for model, key in ((MODEL, "ours"), (OTHER_MODEL, "another")):
                connection.execute(
                    "insert into ai.embedding_models (id, key, provider, model, vector_type, dims)"
                    " values (%s, %s, 'test', %s, 'vector', %s)",
                    [model, key, key, DIMS],
                )
            connection.execute("update tenancy.agencies set embedding_model_id = %s", [MODEL])
            for agency in ("alpha", "beta"):
                self._fill(connection, agency)
        with town.database.connect("postgres", autocommit=True) as connection:
            connection.execute("analyze")

    def vector(self) -> Vector:
        """One about one of the topics."""
        topic = self.topics[self.rng.randrange(len(self.topics))]
        return unit(topic + self.numbers.normal(size=DIMS))

    def words(self) -> str:
        """Some words."""
        return " ".join(self.rng.choices(WORDS, k=self.rng.randint(1, 4)))

    def _fill(self, connection: psycopg.Connection[Any], agency: str) -> None:
        rng, place = self.rng, AGENCIES[agency].id
        members = [m.id for (name, _), m in MEMBERSHIPS.items() if name == agency]
        teams = [team_id(name) for name, team in TEAMS.items() if team[0] == agency]
        now = datetime.now(UTC)

        def insert(table: str, **values: Any) -> UUID:
            row = {"agency_id": place, "id": UUID(int=rng.getrandbits(128), version=4), **values}
            marks = ", ".join(["%s"] * len(row))
            connection.execute(
                f"insert into {table} ({', '.join(row)}) values ({marks})".encode(),
                list(row.values()),
            )
            assert isinstance(row["id"], UUID)
            return row["id"]

        def access(*, by_record: bool) -> dict[str, Any]:
            return {
                "owner_id": rng.choice([None, *members]),
                "team_id": rng.choice([None, *teams]),
                "visibility": "agency" if by_record else rng.choice(["private", "team", "agency"]),
                "by_record": by_record,
            }

        def embed(row: dict[str, Any], vector: Vector, model: UUID = MODEL) -> None:
            insert(
                "ai.embeddings_vector_1536",
                tier="small",
                model_id=model,
                content_sha256=b"." * 32,
                embedding=literal(vector),
                **row,
            )

        def note(text: UUID, who: dict[str, Any], about: dict[str, Any], kind: str) -> None:
            """Remember a text, with a vector for nine of ten, and of another model for half."""
            vector = self.vector() if rng.random() < 0.9 else None
            is_memory = "importance" in about
            row = {"memory_id" if is_memory else "chunk_id": text, **who}
            if vector is not None and about.get("deleted_at") is None:
                embed(row, vector)
            if rng.random() < 0.5 and about.get("deleted_at") is None:
                embed(row, self.vector(), OTHER_MODEL)
            self.texts[text] = Text(
                text,
                is_memory,
                vector,
                about["created_at"],
                kind,
                who["owner_id"],
                about.get("last_accessed_at") or about["created_at"],
                about.get("half_life") or timedelta(days=HALF_LIVES.get(kind, 1)),
                about.get("importance", 0.5),
            )

        contacts = []
        for _ in range(12):
            who = access(by_record=True)
            hers = {"owner_id": who["owner_id"], "team_id": who["team_id"]}
            contacts.append((insert("crm.contacts", full_name=self.words(), **hers), who))
        for _ in range(DOCUMENTS):
            kind = rng.choice(["note", "activity", "contact", "conversation"])
            contact, hers = rng.choice(contacts)
            who = hers if kind == "contact" else access(by_record=False)
            source: dict[str, Any] = {}
            if kind == "contact":
                source = {"contact_id": contact}
            elif kind == "activity":
                visible = {key: who[key] for key in ("owner_id", "team_id", "visibility")}
                source = {
                    "activity_id": insert(
                        "crm.activities",
                        kind="note",
                        subject=self.words(),
                        contact_id=contact,
                        **visible,
                    )
                }
            elif kind == "conversation":
                who["participant_ids"] = rng.sample(members, k=2)
                source = {
                    "conversation_id": insert(
                        "crm.conversations", channel="email", contact_id=contact, **_without(who)
                    )
                }
            created = {"created_at": now - timedelta(days=rng.randrange(400))}
            document = insert(
                "ai.documents",
                source_kind=kind,
                title="Of the library",
                content_sha256=b"." * 32,
                **source,
                **created,
                **who,
            )
            for seq in range(rng.randint(1, 4)):
                chunk = insert(
                    "ai.chunks",
                    document_id=document,
                    seq=seq,
                    content=self.words(),
                    token_count=3,
                    content_sha256=b"." * 32,
                    **who,
                )
                note(chunk, who, created, kind)
        for _ in range(MEMORIES):
            contact, hers = rng.choice(contacts)
            about: dict[str, Any] = {
                "created_at": now - timedelta(days=rng.randrange(400)),
                "importance": rng.choice([0.0, 0.25, 1.0]),
                "half_life": rng.choice([None, None, timedelta(seconds=1), timedelta(days=3)]),
                "last_accessed_at": rng.choice([None, now - timedelta(days=2)]),
                "expires_at": rng.choice([None, None, now - timedelta(1), now + timedelta(1)]),
                "superseded_by_id": rng.choice([None] * 5 + [UUID(int=1)]),
                "deleted_at": rng.choice([None] * 5 + [now]),
            }
            kind = rng.choice(KINDS)
            subject = rng.choice(["agency", "contact", "contact", "member"])
            who = access(by_record=False)
            if subject == "contact":
                who = {**hers, "visibility": who["visibility"]}
            elif subject == "member":
                who |= {"owner_id": rng.choice(members), "visibility": "private"}
            memory = insert(
                "ai.memories",
                subject=subject,
                kind=kind,
                content=self.words(),
                content_sha256=b"." * 32,
                contact_id=contact if subject == "contact" else None,
                membership_id=who["owner_id"] if subject == "member" else None,
                **about,
                **who,
            )
            note(memory, who, about, kind)

    def move(self, tier: str, *, batches: int | None = None) -> None:
        """Move alpha to another tier, or only so many batches of it."""
        move_agency(self.town.database, AGENCIES["alpha"].id, tier, batches=batches)


def _without(who: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in who.items() if key != "by_record"}


def move_agency(
    database: Database, agency: UUID, tier: str, *, batches: int | None = None, batch: int = 50
) -> None:
    """Move an agency to a tier as the command does, or only so many batches of it."""
    address = Address.parse(database.url("gardenos_worker"))
    if batches is None:
        Move(address, agency, tier, batch=batch).carry_through()
        return
    statements = [f"select app.change_tier('{STORAGE}', '{tier}')"]
    if tier == "large":
        statements.insert(0, f"select app.make_tier_partition('{STORAGE}')")
    statements += [f"select app.move_embeddings('{STORAGE}', {batch})"] * batches
    with address.connect("test") as connection:
        for statement in statements:
            with connection.transaction():
                connection.execute("select app.bind_worker(%s)", [agency])
                connection.execute(statement.encode())


def enter(stage: Stage, rng: random.Random) -> str:
    """Become somebody at random, in person, by key or through an agent; say who."""
    user = rng.choice(PEOPLE)
    match rng.randrange(6):
        case 0 if user != "bot":
            stage.become(user, act={"iss": "https://id.example", "user_id": str(USERS["bot"].id)})
            return f"bot for {user}"
        case 1:
            scopes = rng.choice(SCOPES)
            key = named("api_key", "whole")
            stage.service().run(
                "update tenancy.api_keys set scopes = %s where id = %s", scopes, key
            )
            stage.become("ann", api_key_id=str(key))
            return f"a key of ann for {scopes}"
        case 2 if user == "both":
            stage.become("both", "beta")
            return "both of beta"
    stage.become(user)
    return user


def make_filters(stage: Stage, rng: random.Random) -> dict[str, Any]:
    """Some filters at random, of what the caller reads."""
    filters: dict[str, Any] = {}
    if rng.random() < 0.4:
        filters["type"] = rng.choice(
            ["memory", "document", rng.choice(KINDS), rng.sample((*KINDS, *SOURCES), k=4)]
        )
    if rng.random() < 0.2:
        filters["owner_id"] = str(rng.choice(list(MEMBERSHIPS.values())).id)
    for key in ("after", "before"):
        if rng.random() < 0.2:
            moment = datetime.now(UTC) - timedelta(days=rng.randrange(400))
            filters[key] = moment.isoformat()
    if rng.random() < 0.3:
        table = rng.choice(["contacts", "activities", "conversations", "contacts"])
        column = {"contacts": "contact_id", "activities": "activity_id"}.get(
            table, "conversation_id"
        )
        found = stage.rows(f"select id from crm.{table} order by id")
        if found:
            filters[column] = str(rng.choice(found))
    return filters


# What a caller may read and the filters of a record keep, and whether the words are there.
READABLE = """
with
about as (
    select d.id
      from ai.documents as d
      left join crm.activities as a on a.id = d.activity_id
      left join crm.conversations as v on v.id = d.conversation_id
     where (%(contact_id)s::uuid is null
            or %(contact_id)s in (d.contact_id, a.contact_id, v.contact_id))
       and (%(activity_id)s::uuid is null or d.activity_id = %(activity_id)s)
       and (%(conversation_id)s::uuid is null or d.conversation_id = %(conversation_id)s)
)
select c.id, d.created_at, coalesce(c.search @@ app.search_words(%(query)s), false),
       ts_rank(c.search, coalesce(app.search_words(%(query)s), ''))
  from ai.chunks as c
  join ai.documents as d on d.id = c.document_id
 where d.id in (select a.id from about as a)
union all
select m.id, m.created_at, coalesce(m.search @@ app.search_words(%(query)s), false),
       ts_rank(m.search, coalesce(app.search_words(%(query)s), ''))
  from ai.memories as m
 where m.deleted_at is null
   and m.superseded_by_id is null
   and (m.expires_at is null or m.expires_at > now())
   and (%(contact_id)s::uuid is null or m.contact_id = %(contact_id)s)
   and %(activity_id)s::uuid is null
   and %(conversation_id)s::uuid is null
"""


class Question:
    """One question, and what it must find."""

    def __init__(self, library: Library, stage: Stage, rng: random.Random) -> None:
        """Make one up, and read what the caller may read."""
        self.filters = make_filters(stage, rng)
        self.query = rng.choice([None, *TYPED])
        self.vector = library.vector() if self.query is None or rng.random() < 0.7 else None
        self.k = rng.choice([1, 5, 10, 30, 100])
        self.pool = max(3 * self.k, 50)
        self.now = stage.value("select now()")
        records = {"contact_id": None, "activity_id": None, "conversation_id": None}
        rows = stage.connection.execute(
            READABLE.encode(), {**records, **self.filters, "query": self.query}
        ).fetchall()
        self.readable = {
            row[0]: library.texts[row[0]] for row in rows if self._keeps(library.texts[row[0]])
        }
        # what is not found by vector: a key without the scope of the table
        self.has_vectors = bool(
            stage.value(
                "select app.may('ai.embeddings_vector_1536:select',"
                " 'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent')"
            )
        )
        self.hits = [
            (-row[3], row[0], library.texts[row[0]].is_memory)
            for row in rows
            if row[2] and row[0] in self.readable
        ]

    def _keeps(self, text: Text) -> bool:
        kinds = self.filters.get("type")
        if kinds is not None:
            words = {kinds} if isinstance(kinds, str) else set(kinds)
            if not words & {text.kind, "memory" if text.is_memory else "document"}:
                return False
        owner = self.filters.get("owner_id")
        if owner is not None and str(text.owner_id) != owner:
            return False
        after, before = self.filters.get("after"), self.filters.get("before")
        return not (
            (after is not None and text.created_at < datetime.fromisoformat(after))
            or (before is not None and text.created_at >= datetime.fromisoformat(before))
        )

    def nearest(self) -> list[tuple[float, UUID]]:
        """All that a vector finds, nearest first."""
        if self.vector is None or not self.has_vectors:
            return []
        return sorted(
            (1 - float(text.vector @ self.vector), text.id)
            for text in self.readable.values()
            if text.vector is not None
        )

    def worded(self) -> list[UUID]:
        """All that words find, best first; chunks before memories of the same rank."""
        ranked = sorted(self.hits, key=lambda hit: (hit[0], hit[2], hit[1]))
        return [text for _, text, _ in ranked]

    def scores(self) -> dict[UUID, float]:
        """What everything found scores, faded."""
        scores: dict[UUID, float] = {}
        for place, (_, text) in enumerate(self.nearest()[: self.pool], start=1):
            scores[text] = scores.get(text, 0) + 1 / (60 + place)
        for place, text in enumerate(self.worded()[: self.pool], start=1):
            scores[text] = scores.get(text, 0) + 1 / (60 + place)
        return {key: score * self._weight(self.readable[key]) for key, score in scores.items()}

    def _weight(self, text: Text) -> float:
        if not text.is_memory:
            return 1
        age = (self.now - text.used_at).total_seconds()
        fade = 0.3 + 1.2 * math.exp(
            max(-700.0, -math.log(2) * age / text.half_life.total_seconds())
        )
        return max(0.3, min(1.5, fade)) * (0.5 + text.importance / 2)

    def differences(self, stage: Stage) -> Iterator[str]:
        """What ai.search and its arms answer otherwise."""
        asked = None if self.vector is None else self.vector.tolist()
        filters = json.dumps(self.filters)
        about: tuple[Any, Any] = (None, None)
        if self.filters.keys() & {"contact_id", "activity_id", "conversation_id"}:
            about = stage.value("select chunk_ids, memory_ids from app.texts_about(%s)", filters)
        found = stage.rows(
            "select coalesce(chunk_id, memory_id), distance"
            " from app.vector_candidates(%s::real[], %s, %s, %s, %s) order by 2, 1",
            asked,
            self.pool,
            filters,
            *about,
        )[: self.pool]
        wanted = self.nearest()[: self.pool]
        if [one[0] for one in found] != [one[1] for one in wanted]:
            missing = {one[1] for one in wanted} - {one[0] for one in found}
            yield f"vectors: {len(missing)} of {len(wanted)} lost, {len(found)} found"
        words = stage.rows(
            "select coalesce(chunk_id, memory_id)"
            " from app.text_candidates(%s, 1000, %s, %s, %s) order by place",
            self.query,
            filters,
            *about,
        )
        if words != self.worded():
            lost, extra = set(self.worded()) - set(words), set(words) - set(self.worded())
            yield f"words: {len(lost)} lost, {len(extra)} too many, of {len(self.worded())}"
        rows = stage.rows(
            "select id, score from ai.search(%s, %s::real[], %s, %s)",
            self.query,
            asked,
            self.k,
            filters,
        )
        scores = self.scores()
        best = sorted(scores.items(), key=lambda one: (-one[1], one[0]))[: self.k]
        if len(rows) != len(best):
            yield f"search: {len(rows)} rows, not {len(best)}"
        for (key, score), (_, wanted_score) in zip(rows, best, strict=False):
            # two of the same score may change places by a rounding
            if not math.isclose(score, wanted_score, rel_tol=1e-5) or not math.isclose(
                score, scores.get(key, -1), rel_tol=1e-5
            ):
                yield f"search: {key} scores {score}, not {scores.get(key)} or {wanted_score}"


def differences(library: Library, questions: int, seed: int) -> Iterator[str]:
    """Ask that many questions, a tenth of them with other rights for everybody."""
    rng = random.Random(seed)
    with library.town.stage() as stage:
        for number in range(questions):
            if rng.random() < 0.1:
                give_scopes(stage, rng)
            who = enter(stage, rng)
            question = Question(library, stage, rng)
            for difference in question.differences(stage):
                yield (
                    f"{number}, {who}, {question.query!r}, k {question.k},"
                    f" {question.filters}: {difference}"
                )


def main() -> int:
    """Ask in all three states; 1 when there is a difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.ai.searching", description=__doc__)
    parser.add_argument("questions", type=int, nargs="?", default=2000)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    arguments = parser.parse_args()
    count = 0
    with private_server() as server, Cluster(server).migrated() as database:
        library = Library(Town(database), arguments.seed)
        for state in ("small", "moving", "large"):
            if state != "small":
                library.move("large", batches=2 if state == "moving" else None)
            for difference in differences(library, arguments.questions // 3, arguments.seed):
                print(f"{state}: {difference}", flush=True)
                count += 1
    print(f"{arguments.questions} questions, {count} differences")
    return 1 if count else 0


if __name__ == "__main__":
    raise SystemExit(main())
