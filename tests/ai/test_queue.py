"""The queue of embeddings: fed by triggers, claimed by one worker, and one vector for each text.

Workers are real logins of gardenos_worker. That they die is in `test_queue_killed.py`.
"""

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.ai.queueing import Library, Model, add_model
from tests.audit.trail import Office, opened
from tests.clients.embedders import Unavailable
from tests.cluster.waiting import until
from tests.database import Cluster
from tests.policies.access import Connection, acting, attempt
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


@pytest.fixture(scope="module")
def model(office: Office) -> Model:
    """What the agencies of this file search with."""
    return add_model(office)


@pytest.fixture
def library(office: Office, hand: Connection, model: Model) -> Library:
    """The texts of a new agency."""
    return Library.of_new_agency(office, hand, model)


# --- what is queued -------------------------------------------------------------------------------


def test_a_text_is_queued_for_the_model_of_its_agency_and_each_that_is_built(
    office: Office, library: Library, model: Model
) -> None:
    built, *others = [add_model(office, one) for one in ("building", "active", "retired")]
    try:
        memory = library.remember("Zoë likes roses")
        chunks = library.write("one", "two")
        assert {(job["chunk_id"] or job["memory_id"], job["key"]) for job in library.jobs()} == {
            (text, key) for text in (memory, *chunks) for key in (model.key, built.key)
        }
        library.change_to(None)
        library.remember("Zoë likes oaks")
        assert len(library.jobs()) == 7, "without a model only those that are built"
    finally:
        library.do("update ai.embedding_models set status = 'active' where id = %s", built.id)
    assert others


def test_edits_become_one_job_that_waits_for_the_last_of_them(library: Library) -> None:
    memory = library.remember("a")
    assert library.jobs()[0]["pause"] <= timedelta(0), "a new text does not wait"
    for content in "bcd":
        library.edit(memory, content)
    (job,) = library.jobs()
    assert timedelta(seconds=9) < job["pause"] <= timedelta(seconds=10)
    assert job["content_sha256"] == _hash(library, "d")
    # a text that is edited all the time is embedded all the same
    library.due_now()
    with library.office.tampering() as superuser:
        superuser.execute(
            "update ai.embedding_jobs set id = app.uuid_v7_floor(now() - interval '6 minutes')"
            " where id = %s",
            [job["id"]],
        )
    library.edit(memory, "e")
    assert library.jobs()[0]["pause"] <= timedelta(0)


def _hash(library: Library, text: str) -> bytes:
    (row,) = library.do("select sha256(convert_to(%s, 'UTF8')) as hash", text)
    found: bytes = row["hash"]
    return found


def test_what_is_no_edit_is_not_queued(library: Library) -> None:
    memory = library.remember("same")
    (chunk,) = library.write("same")
    library.work()
    library.do("update ai.memories set content = 'same', importance = 0.9 where id = %s", memory)
    library.do("update ai.chunks set token_count = 7 where id = %s", chunk)
    assert library.jobs() == []


def test_a_memory_in_the_trash_has_no_job_and_is_queued_when_it_is_restored(
    library: Library,
) -> None:
    done, waiting = library.remember("done"), library.remember("waiting")
    library.finish("first", *[job for job in library.claim() if job["memory_id"] == done])
    library.do("update ai.memories set deleted_at = now() where id = any(%s)", [done, waiting])
    assert (library.jobs(), library.vectors()) == ([], {})
    library.do("update ai.memories set deleted_at = null where id = any(%s)", [done, waiting])
    assert {job["memory_id"] for job in library.jobs()} == {done, waiting}


# --- one vector for each text ---------------------------------------------------------------------


def test_a_vector_is_written_once_and_updated_where_it_is(library: Library) -> None:
    memory = library.remember("roses")
    (chunk,) = library.write("oaks")
    jobs = library.claim()
    assert {job["content"] for job in jobs} == {"roses", "oaks"}
    assert library.finish("first", *jobs) == ["written", "written"]
    assert library.finish("first", *jobs) == ["gone", "gone"], "the same answer again"
    assert library.vectors() == library.expected()
    assert library.jobs() == []
    library.edit(memory, "tulips")
    library.do("update ai.chunks set content = 'elms' where id = %s", chunk)
    library.due_now()
    assert library.finish("first", *library.claim()) == ["written", "written"]
    assert library.vectors() == library.expected()


def test_an_edit_while_a_text_is_embedded_wins(library: Library) -> None:
    memory = library.remember("old")
    (job,) = library.claim()
    library.edit(memory, "new")
    assert library.finish("first", job) == ["stale"]
    assert library.vectors() == {}
    library.due_now()
    (job,) = library.claim("second")
    assert (job["content"], job["attempt"]) == ("new", 1)
    assert library.finish("second", job) == ["written"]
    assert library.vectors() == library.expected()


def test_a_text_that_somebody_holds_is_skipped_and_nobody_waits(library: Library) -> None:
    """Who edits one text and then the other would meet a worker that locked them the other way."""
    memories = [library.remember(content) for content in ("one", "two")]
    jobs = library.claim()
    with library.office.database.connect() as editor:
        editor.execute("set local lock_timeout = '2s'")
        editor.execute("update ai.memories set importance = 0.7 where id = %s", [memories[0]])
        outcomes = dict(
            zip([job["memory_id"] for job in jobs], library.finish("first", *jobs), strict=True)
        )
        assert outcomes == {memories[0]: "busy", memories[1]: "written"}
        editor.execute("update ai.memories set content = 'two!' where id = %s", [memories[1]])
        editor.commit()
    assert library.finish("first", *jobs) == ["written", "gone"]


def test_who_outlived_a_lease_has_lost_the_job(library: Library) -> None:
    library.remember("roses")
    (job,) = library.claim("first")
    assert library.claim("second") == []
    library.lease_ends()
    (again,) = library.claim("second")
    assert (again["job_id"], again["attempt"]) == (job["job_id"], 2)
    assert library.finish("first", job) == ["lost"]
    assert library.call("app.fail_embedding_job(%s, %s, 'x') as fate", "first", job["job_id"]) == [
        {"fate": None}
    ]
    assert library.finish("second", again) == ["written"]


def test_a_text_that_is_gone_ends_its_job(library: Library) -> None:
    memory, (chunk,) = library.remember("roses"), library.write("oaks")
    jobs = library.claim()
    library.do("delete from ai.chunks where id = %s", chunk)
    library.do("update ai.memories set deleted_at = now() where id = %s", memory)
    assert library.finish("first", *jobs) == ["gone", "gone"]


def test_a_vector_that_is_not_one_of_the_model_is_refused(library: Library) -> None:
    library.remember("roses")
    (job,) = library.claim()
    zeros = ",".join(["0"] * 1535)
    for vector, said in [
        ("[1,2,3]", f"A vector of model {library.model.key} has 1536 numbers, not 3."),
        (f"[0,{zeros}]", f"A vector of model {library.model.key} has the length 1, not 0."),
        (f"[2,{zeros}]", f"A vector of model {library.model.key} has the length 1, not 2."),
    ]:
        with pytest.raises(psycopg.errors.InvalidParameterValue, match=said.replace(".", r"\.")):
            library.finish("first", job, vectors=[vector])
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="1 jobs, 1 hashes and 2"):
        library.finish("first", job, vectors=["[1]", "[2]"])
    assert library.finish("first", job) == ["written"]


def tiers(library: Library) -> dict[UUID, str]:
    """In which tier the vector of each text is."""
    rows = library.do(
        "select coalesce(chunk_id, memory_id) as text, tier from ai.embeddings_vector_1536"
        " where agency_id = %s",
        library.agency,
    )
    assert len({row["text"] for row in rows}) == len(rows), "a text has two vectors"
    return {row["text"]: row["tier"] for row in rows}


MOVE = "update ai.embeddings_vector_1536 set tier = 'large' where memory_id = %s"


def test_a_vector_is_updated_in_whichever_tier_it_is(library: Library) -> None:
    moved, left = library.remember("moved"), library.remember("left")
    library.work()
    library.do(
        f"create table ai.embeddings_vector_1536_large_{library.agency.hex}"
        " partition of ai.embeddings_vector_1536_large"
        f" for values in ('{library.agency}')"
    )
    library.do(
        "update ai.agency_tiers set tier = 'large', state = 'moving' where agency_id = %s"
        " and storage = 'vector_1536'",
        library.agency,
    )
    library.do(MOVE, moved)
    for memory in (moved, left):
        library.edit(memory, f"{memory}, edited")
    added = library.remember("added")
    library.due_now()
    library.work()
    assert tiers(library) == {moved: "large", left: "small", added: "large"}
    assert library.vectors() == library.expected()
    # whoever moves a vector holds its text, so the worker comes back for it
    library.edit(left, "last")
    library.due_now()
    said: list[Any] = []
    working = threading.Thread(
        target=library.work, kwargs={"log": lambda *facts: said.append(facts)}
    )
    with library.office.database.connect() as mover:
        mover.execute(MOVE, [left])
        working.start()
        until(lambda: library.jobs()[0]["locked_by"], 10, "the worker does not lease the text")
        mover.commit()
    working.join(20)
    assert [(what, facts.get("written")) for what, facts in said] == [("embedded", 1)]
    assert tiers(library)[left] == "large"
    assert library.vectors() == library.expected()


# --- agencies and rights --------------------------------------------------------------------------


def test_a_worker_reaches_no_other_agency(library: Library) -> None:
    other = Library.of_new_agency(library.office, library.hand, library.model)
    other.remember("of another agency")
    assert library.claim() == []
    (theirs,) = other.claim("same")
    assert library.finish("same", theirs) == ["gone"]
    assert library.call("app.release_embedding_jobs('same') as n") == [{"n": 0}]
    assert library.call("app.fail_embedding_job('same', %s, 'x') as f", theirs["job_id"]) == [
        {"f": None}
    ]
    other.do("update ai.embedding_jobs set dead_at = now() where agency_id = %s", other.agency)
    assert library.call("app.requeue_embeddings() as n") == [{"n": 0}]


def test_a_worker_learns_which_agencies_have_texts(library: Library) -> None:
    def busy() -> bool:
        rows = library.hand.execute(
            "select id from app.agencies_with_work('texts') as a (id)"
        ).fetchall()
        return library.agency in {row["id"] for row in rows}

    assert not busy()
    memory = library.remember("roses")
    assert busy()
    jobs = library.claim()
    assert not busy(), "another one has it"
    library.finish("first", *jobs)
    library.edit(memory, "oaks")
    assert not busy(), "not yet"
    library.due_now()
    assert busy()
    library.do("update tenancy.agencies set status = 'suspended' where id = %s", library.agency)
    assert not busy()
    assert library.claim() == []
    outcome = attempt(library.hand, "select app.agencies_with_work('letters')")
    assert outcome.sqlstate == "22023"


CALLS = (
    "app.agencies_with_work('texts')",
    "app.claim_embedding_jobs('x', '{}')",
    "app.finish_embedding_jobs('x', '{}', '{}', '{}')",
    "app.fail_embedding_job('x', gen_random_uuid(), 'x')",
    "app.release_embedding_jobs('x')",
    "app.requeue_embeddings()",
    "app.queue_embeddings('x')",
    "app.delete_embeddings('x')",
    "app.embedding_progress('x')",
    "app.lacking_vectors(gen_random_uuid(), gen_random_uuid())",
    "app.embedding_health()",
)


def test_nobody_but_a_worker_works(office: Office) -> None:
    for role in ("anon", "authenticated", "service_role"):
        with acting(office.client, None, role):
            for call in CALLS:
                assert attempt(office.client, f"select * from {call}").sqlstate == "42501", call


def test_a_worker_is_told_what_is_wrong(library: Library, model: Model) -> None:
    for call in CALLS[1:3] + CALLS[6:8]:
        assert attempt(library.hand, f"select * from {call}").sqlstate == "42501", call
    for call, state, said in [
        ("app.claim_embedding_jobs('', '{}')", "22023", "A worker needs a name"),
        ("app.claim_embedding_jobs('x', '{}', 0)", "22023", "between 1 and 1000 texts, not 0"),
        ("app.claim_embedding_jobs('x', '{}', 1, '1 day')", "22023", "5 seconds and 1 hour"),
        ("app.claim_embedding_jobs('x', '{nix}')", "P0002", "no embedding model 'nix'"),
        ("app.claim_embedding_jobs('x', null)", "P0002", "no embedding model null"),
        ("app.queue_embeddings('nix')", "P0002", "no embedding model 'nix'"),
        ("app.delete_embeddings('nix')", "P0002", "no embedding model 'nix'"),
        ("app.embedding_progress('nix')", "P0002", "no embedding model 'nix'"),
        (f"app.delete_embeddings('{model.key}')", "55000", "is active: only vectors of a retired"),
        ("app.requeue_embeddings(0)", "22023", "not 0"),
        ("app.release_embedding_jobs('x', '2 days')", "22023", "not 2 days"),
    ]:
        with pytest.raises(psycopg.Error) as refused:
            library.call(call)
        assert refused.value.sqlstate == state, call
        assert said in str(refused.value), call


# --- what fails -----------------------------------------------------------------------------------


def test_a_failure_is_tried_again_later_and_after_eight_it_is_dead(
    office: Office, library: Library
) -> None:
    memory = library.remember("roses")

    def refuse(_: Sequence[str]) -> list[list[float]]:
        raise ValueError("no roses")

    worker = library.worker(embedders={library.model.key: refuse})
    for attempt_no in range(1, 9):
        assert worker.embed(library.agency) == 1
        (job,) = library.jobs()
        assert (job["attempts"], job["locked_by"]) == (attempt_no, None)
        assert job["last_error"] == "ValueError: no roses"
        pause = timedelta(seconds=30 * 2**attempt_no)
        assert pause - timedelta(seconds=5) < job["pause"] <= pause
        assert (job["dead_at"] is None) is (attempt_no < 8)
        library.due_now()
    assert worker.embed(library.agency) == 0
    worker.close()
    (health,) = office.superuser.execute("select * from app.embedding_health()").fetchall()
    assert health["jobs_dead"] >= 1
    assert health["agencies_dead"] >= 1
    assert library.call("app.requeue_embeddings() as n") == [{"n": 1}]
    library.work()
    assert library.vectors() == library.expected()
    library.edit(memory, "oaks")
    library.do("update ai.embedding_jobs set dead_at = now() where agency_id = %s", library.agency)
    library.edit(memory, "elms")
    assert library.jobs()[0]["dead_at"] is None, "another text may fare better"


def test_one_bad_text_does_not_harm_the_others(library: Library) -> None:
    memories = [library.remember(content) for content in ("good", "bad", "better")]

    def embed(texts: Sequence[str]) -> list[list[float]]:
        if "bad" in texts:
            raise ValueError("too long")
        return library.model.embedder(texts)

    library.work(embedders={library.model.key: embed})
    assert library.vectors().keys() == {memories[0], memories[2]}
    assert [job["memory_id"] for job in library.jobs()] == [memories[1]]


def test_texts_are_not_to_blame_when_nobody_embeds(library: Library) -> None:
    library.remember("roses")

    def embed(_: Sequence[str]) -> list[list[float]]:
        raise Unavailable("429 Too Many Requests")

    library.work(embedders={library.model.key: embed})
    (job,) = library.jobs()
    assert (job["attempts"], job["locked_by"], job["last_error"]) == (0, None, None)
    assert timedelta(seconds=20) < job["pause"] <= timedelta(seconds=30)


def test_a_text_that_kills_its_workers_dies_alone(library: Library) -> None:
    memories = [library.remember(content) for content in "abc"]
    for _ in range(2):
        assert len(library.claim()) == 3
        library.lease_ends()
    for _ in memories:
        (job,) = library.claim()
        if job["content"] != "b":
            assert library.finish("first", job) == ["written"]
    for _ in range(5):
        library.lease_ends()
        (job,) = library.claim()
    assert (job["content"], job["attempt"]) == ("b", 8)
    library.lease_ends()
    assert library.claim() == []
    (dead,) = library.jobs()
    assert dead["dead_at"] is not None
    assert dead["last_error"] == "No worker that had it answered."


# --- several workers ------------------------------------------------------------------------------


def test_workers_side_by_side_do_no_job_twice(office: Office, hand: Connection) -> None:
    model = add_model(office)
    libraries = [Library.of_new_agency(office, hand, model) for _ in range(2)]
    for library in libraries:
        library.write(*[f"{library.agency} {number}" for number in range(60)])
    seen: list[str] = []

    def embed(texts: Sequence[str]) -> list[list[float]]:
        seen.extend(texts)
        return model.embedder(texts)

    outcomes: list[Any] = []
    workers = [
        libraries[0].worker(
            embedders={model.key: embed},
            batch=5,
            log=lambda what, facts: outcomes.append((what, facts)),
        )
        for _ in range(3)
    ]
    threads = [threading.Thread(target=worker.round) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for worker in workers:
        worker.close()
    assert len(seen) == len({*seen}) == 120
    assert {what for what, _ in outcomes} == {"embedded"}
    assert sum(facts.get("written", 0) for _, facts in outcomes) == 120
    for library in libraries:
        assert library.vectors() == library.expected()
        assert library.jobs() == []


def test_a_worker_that_is_stopped_gives_back_what_it_did_not_begin(
    office: Office, library: Library, model: Model
) -> None:
    second = add_model(office, "building")
    library.remember("roses")
    library.do("update ai.embedding_models set status = 'active' where id = %s", second.id)
    stopping = threading.Event()

    def embed(texts: Sequence[str]) -> list[list[float]]:
        stopping.set()
        return [[1.0, *[0.0] * 1535] for _ in texts]

    library.work(embedders={model.key: embed, second.key: embed}, stopping=stopping)
    (job,) = library.jobs()
    assert (job["attempts"], job["locked_by"]) == (0, None)
    assert job["pause"] <= timedelta(0)


# --- that the tests would notice ------------------------------------------------------------------

BROKEN = [
    (
        "app.finish_embedding_jobs",
        "source.content_sha256 is distinct from result.hash",
        "false",
        test_an_edit_while_a_text_is_embedded_wins,
    ),
    (
        "app.finish_embedding_jobs",
        "job.locked_by is distinct from finish_embedding_jobs.worker",
        "false",
        test_who_outlived_a_lease_has_lost_the_job,
    ),
    (
        "app.finish_embedding_jobs",
        "for no key update skip locked",
        "for no key update",
        test_a_text_that_somebody_holds_is_skipped_and_nobody_waits,
    ),
    (
        "app.note_text",
        "run_after = case",
        "run_after = j.run_after, priority = case",
        test_edits_become_one_job_that_waits_for_the_last_of_them,
    ),
    (
        "app.note_text",
        "and m.status = 'active'",
        "and false",
        test_a_text_that_is_gone_ends_its_job,
    ),
    (
        "app.claim_embedding_jobs",
        "and (j.locked_until is null or j.locked_until < now())",
        "",
        test_who_outlived_a_lease_has_lost_the_job,
    ),
    (
        "app.claim_embedding_jobs",
        "case when h.is_suspect then d.id = h.id else not d.is_suspect end",
        "true",
        test_a_text_that_kills_its_workers_dies_alone,
    ),
]


def test_what_is_broken_is_noticed(office: Office, hand: Connection, model: Model) -> None:
    for name, old, new, test in BROKEN:
        library = Library.of_new_agency(office, hand, model)
        with broken_function(office.database, name, old, new):
            try:
                test(library)
            except (AssertionError, ValueError, psycopg.Error):
                continue
        pytest.fail(f"{name} without {old!r} passes {test.__name__}")
