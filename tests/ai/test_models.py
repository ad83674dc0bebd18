"""Another embedding model without downtime, and that vectors of a real one find what is meant."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.ai.minilm import KEY, MiniLM
from tests.ai.queueing import Library, Model, add_model
from tests.audit.trail import Office, opened
from tests.clients.embedding_worker import literal
from tests.database import Cluster
from tests.policies.access import Connection, attempt
from tests.policies.broken import broken_function


@pytest.fixture(scope="module")
def office(cluster: Cluster) -> Iterator[Office]:
    """A database for the tests of this file, each with an agency of its own."""
    with cluster.migrated() as database, opened(database) as found:
        yield found


@pytest.fixture(scope="module")
def hand(office: Office) -> Iterator[Connection]:
    """A login of gardenos_worker."""
    with office.database.connect(
        "gardenos_worker", autocommit=True, row_factory=dict_row, options="-c lock_timeout=2s"
    ) as connection:
        yield connection


@pytest.fixture
def library(office: Office, hand: Connection) -> Library:
    """The texts of a new agency, embedded with a model of its own."""
    found = Library.of_new_agency(office, hand, add_model(office))
    found.remember("Zoë likes roses")
    found.write("one", "two", "three")
    found.work()
    return found


def set_status(library: Library, model: Model, status: str) -> None:
    """As a service does."""
    library.do("update ai.embedding_models set status = %s where id = %s", status, model.id)


def progress(library: Library, model: Model) -> dict[str, int]:
    """How far a model is."""
    (row,) = library.call("app.embedding_progress(%s)", model.key)
    return dict(row)


@pytest.mark.parametrize("dims", [1536, 3072])
def test_an_agency_changes_to_another_model_without_a_gap(library: Library, dims: int) -> None:
    old, new = library.model, add_model(library.office, "building", dims)
    # built beside, in batches, while people write
    assert [
        library.call("app.queue_embeddings(%s, 3) as n", new.key)[0]["n"] for _ in range(3)
    ] == [3, 1, 0]
    memory = library.remember("Zoë likes oaks")
    assert progress(library, new) == {"texts": 5, "lacking": 5, "waiting": 5, "dead": 0}
    library.work(old)
    with pytest.raises(
        psycopg.errors.ObjectNotInPrerequisiteState,
        match=re.escape(
            f"The agency cannot change to model {new.key}: 5 of its texts have no vector of it,"
            " of which 0 were given up."
        ),
    ):
        library.change_to(new)
    library.work(old, new)
    assert library.vectors(old) == library.expected(old)
    assert library.vectors(new) == library.expected(new)
    # an edit that waits in both is no obstacle: it is found in neither
    library.edit(memory, "Zoë likes elms")
    library.change_to(new)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="1 agencies search"):
        set_status(library, new, "retired")
    set_status(library, new, "active")
    set_status(library, old, "retired")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="is retired"):
        library.change_to(old)
    # nothing is queued or embedded for the old one any more, and its vectors go in batches
    library.due_now()
    library.work(old, new)
    library.remember("Zoë likes limes")
    library.work(old, new)
    assert {job["key"] for job in library.jobs()} <= {old.key}
    removed = [library.call("app.delete_embeddings(%s, 2) as n", old.key)[0]["n"] for _ in range(5)]
    assert removed[-1] == 0
    assert sum(removed) == 5 + 1, "five vectors, and the job of the edit"
    assert (library.vectors(old), library.jobs()) == ({}, [])
    assert library.vectors(new) == library.expected(new)


def test_what_is_given_up_is_said_and_stale_vectors_count_as_none(library: Library) -> None:
    new = add_model(library.office, "building")
    library.call("app.queue_embeddings(%s) as n", new.key)
    library.do(
        "update ai.embedding_jobs set dead_at = now() where agency_id = %s and memory_id is null",
        library.agency,
    )
    library.work(new)
    with pytest.raises(psycopg.Error, match=r"3 of its texts .*, of which 3 were given up\."):
        library.change_to(new)
    assert library.call("app.requeue_embeddings(2) as n") == [{"n": 2}]
    assert library.call("app.requeue_embeddings(2) as n") == [{"n": 1}]
    library.work(new)
    with library.office.tampering() as superuser:
        # as a dump that was restored without its triggers may leave it
        superuser.execute(
            "update ai.chunks set content = 'ONE', content_sha256 = sha256('ONE')"
            " where agency_id = %s and content = 'one'",
            [library.agency],
        )
    assert progress(library, new)["lacking"] == progress(library, library.model)["lacking"] == 1
    for model in (library.model, new):
        assert library.call("app.queue_embeddings(%s) as n", model.key) == [{"n": 1}]
    library.work(library.model, new)
    library.change_to(new)
    assert library.vectors(new) == library.expected(new)
    set_status(library, new, "active")


def test_what_a_model_is_never_changes(library: Library) -> None:
    for column, value in [("model", "other"), ("dims", 1024), ("distance", "l2")]:
        outcome = attempt(
            library.office.superuser,
            f"update ai.embedding_models set {column} = %s where id = %s",
            [value, library.model.id],
        )
        assert outcome.sqlstate in ("23514", "23503"), column
    outcome = attempt(
        library.hand,
        "update ai.embedding_models set max_tokens = 1 where id = %s",
        [library.model.id],
    )
    assert outcome.sqlstate == "42501", "a worker reads models"


def test_a_model_cannot_be_retired_while_an_agency_changes_to_it(library: Library) -> None:
    new = add_model(library.office, "building")
    library.call("app.queue_embeddings(%s)", new.key)
    library.work(new)
    with library.office.database.connect() as changing:
        changing.execute(
            "update tenancy.agencies set embedding_model_id = %s where id = %s",
            [new.id, library.agency],
        )
        with (
            library.office.database.connect(options="-c lock_timeout=300ms") as retiring,
            pytest.raises(psycopg.errors.LockNotAvailable),
        ):
            retiring.execute(
                "update ai.embedding_models set status = 'retired' where id = %s", [new.id]
            )
        changing.rollback()
    set_status(library, new, "retired")


BROKEN = [
    ("app.guard_agency_model", "if lacking > 0 then", "if false then"),
    ("app.guard_agency_model", "and j.dead_at is not null", ""),
    ("app.guard_agency_model", "if model.status = 'retired' then", "if false then"),
    ("app.guard_model_status", "if agencies > 0 then", "if false then"),
    ("app.lacking_vectors", "and e.model_id = $2 and", "and"),
    (
        "app.lacking_vectors",
        "and e.content_sha256 = c.content_sha256)'\n        ' union",
        ")'\n        ' union",
    ),
    ("app.note_text", "on m.status = 'building'\n            or", "on"),
]


def test_what_is_broken_is_noticed(office: Office, hand: Connection) -> None:
    for name, old, new in BROKEN:
        with broken_function(office.database, name, old, new):
            try:
                for test in (0, 1):
                    library = Library.of_new_agency(office, hand, add_model(office))
                    library.remember("Zoë likes roses")
                    library.write("one", "two", "three")
                    library.work()
                    if test == 0:
                        test_an_agency_changes_to_another_model_without_a_gap(library, 1536)
                    else:
                        test_what_is_given_up_is_said_and_stale_vectors_count_as_none(library)
            except (AssertionError, ValueError, psycopg.Error, pytest.fail.Exception):
                office.superuser.execute(
                    "update ai.embedding_models set status = 'active' where status = 'building'"
                )
                continue
        pytest.fail(f"{name} without {old!r} passes")


# --- a real model ---------------------------------------------------------------------------------

FACTS = [
    "The customer wants to be called in the morning, before nine.",
    "He complained that the roses arrived withered.",
    "Payment is due within thirty days of the invoice.",
    "She is allergic to bee stings.",
    "The hedge is to be trimmed twice a year.",
    "Their office moved to Rotterdam in May.",
]
QUESTIONS = {
    "What time of day does the client prefer a phone call?": 0,
    "The flowers were dead on delivery and the buyer is unhappy.": 1,
    "How long does one have to settle the bill?": 2,
    "insect venom makes this person ill": 3,
    "How often do we cut the bushes?": 4,
    "In which Dutch city are they located now?": 5,
}


def test_meaning_is_found(office: Office, hand: Connection) -> None:
    """No question shares a telling word with its answer."""
    embed = MiniLM()
    (row,) = office.superuser.execute(
        "insert into ai.embedding_models (key, provider, model, vector_type, dims, max_tokens,"
        " status) values (%s, 'sentence-transformers', 'all-MiniLM-L6-v2', 'vector', 1536, 256,"
        " 'active') returning id",
        [KEY],
    ).fetchall()
    library = Library.of_new_agency(office, hand, Model(row["id"], KEY, 1536))
    chunks = library.write(*FACTS)
    library.work(embedders={KEY: embed})
    for question, vector in zip(QUESTIONS, embed(list(QUESTIONS)), strict=True):
        (nearest, *_) = library.do(
            "select chunk_id, embedding operator(extensions.<=>) %s::extensions.vector as distance"
            " from ai.embeddings_vector_1536 where agency_id = %s and model_id = %s order by 2",
            literal(vector),
            library.agency,
            row["id"],
        )
        assert nearest["chunk_id"] == chunks[QUESTIONS[question]], question
    # the numbers that the model's card prints for these sentences
    happy, *others = embed(
        ["That is a happy person", "That is a happy dog", "That is a very happy person"]
    )
    cosines = [sum(a * b for a, b in zip(happy, other, strict=True)) for other in others]
    assert cosines == pytest.approx([0.695, 0.943], abs=0.001)
