"""LangGraph's own savers and store on our tables, as they come, through the pool for agents."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.store.postgres import AsyncPostgresStore, PostgresStore
from psycopg.pq import TransactionStatus

from tests.ai.threads import INDEX, Garden, Studio, Words, at, keys, namespace, step, studio_in
from tests.clients.agent_pool import AgentPool, AsyncAgentPool
from tests.database import ROOT, Cluster
from tests.policies.access import acting, attempt

THREADS = ("langgraph.checkpoints", "langgraph.checkpoint_blobs", "langgraph.checkpoint_writes")
STATE = (*THREADS, "langgraph.store", "langgraph.store_vectors")
VERSIONS = (
    "langgraph.checkpoint_migrations",
    "langgraph.store_migrations",
    "langgraph.vector_migrations",
)


@pytest.fixture(scope="module")
def studio(cluster: Cluster) -> Iterator[Studio]:
    with cluster.migrated() as database, studio_in(database) as found:
        yield found


@pytest.fixture(scope="module")
def pool(studio: Studio) -> Iterator[AgentPool]:
    with AgentPool(studio.address, studio.signer) as opened:
        yield opened


@pytest.fixture
def garden(studio: Studio) -> Garden:
    return studio.found()


def saved(saver: PostgresSaver, thread: str, *values: str) -> str:
    """Put one checkpoint with a write; its id."""
    made = step(1, *values)
    config = saver.put(at(thread), made, {"source": "input", "step": 1}, made["channel_versions"])
    saver.put_writes(config, [("messages", "pending")], "task")
    return made["id"]


def refusal(saver: PostgresSaver, thread: str) -> tuple[str | None, str]:
    """How a checkpoint of this thread is refused."""
    with pytest.raises(psycopg.Error) as caught:
        saved(saver, thread, "hello")
    return caught.value.sqlstate, caught.value.diag.message_primary or ""


# --- the library runs as it comes -----------------------------------------------------------------


def test_a_saver_keeps_threads_for_an_agent_as_itself_and_for_a_person(
    pool: AgentPool, garden: Garden
) -> None:
    thread = garden.conversation()
    for claims in (garden.agent.claims(), garden.for_owner()):
        saver = PostgresSaver(pool.acting(claims))
        checkpoint = saved(saver, thread, "hello", "world")
        found = saver.get_tuple(at(thread))
        assert found is not None
        assert found.checkpoint["id"] == checkpoint
        assert found.checkpoint["channel_values"] == {"turn": 1, "messages": ["hello", "world"]}
        assert found.pending_writes == [("task", "messages", "pending")]
        assert checkpoint in [one.checkpoint["id"] for one in saver.list(at(thread))]
    PostgresSaver(pool.acting(garden.agent.claims())).delete_thread(thread)
    assert [garden.count(table) for table in THREADS] == [0, 0, 0]


def test_an_asynchronous_saver_and_store_do_the_same(studio: Studio, garden: Garden) -> None:
    thread, place = garden.conversation(), namespace(garden, "agency", "facts")

    async def work() -> tuple[Any, Any]:
        async with AsyncAgentPool(studio.address, studio.signer) as pool:
            saver = AsyncPostgresSaver(pool.acting(garden.for_owner()))
            made = step(1, "hello")
            config = await saver.aput(at(thread), made, {"step": 1}, made["channel_versions"])
            await saver.aput_writes(config, [("messages", "pending")], "task")
            store = AsyncPostgresStore(pool.acting(garden.for_owner()), index=INDEX)
            await store.aput(place, "roses", {"text": "roses need sun"})
            await store.aput(place, "ferns", {"text": "moss"})
            return await saver.aget_tuple(at(thread)), await store.asearch(
                place, query="roses need sun", limit=1
            )

    found, items = asyncio.run(work())
    assert found.checkpoint["channel_values"]["messages"] == ["hello"]
    assert keys(items) == ["roses"]
    assert items[0].score == pytest.approx(1)


def test_a_store_remembers_lists_searches_and_forgets(pool: AgentPool, garden: Garden) -> None:
    store = PostgresStore(
        pool.acting(garden.agent.claims()), index=INDEX, ttl={"refresh_on_read": True}
    )
    place = namespace(garden, "agency", "plants")
    for key, text in (("rose", "roses like the sun"), ("fern", "zzz"), ("oak", "oaks grow slow")):
        store.put(place, key, {"text": text, "kind": key}, ttl=60)
    store.put((*place, "rare"), "orchid", {"text": "roses like the sun, orchids do not"})
    assert store.get(place, "rose").value["kind"] == "rose"  # type: ignore[union-attr]
    found = store.search(place, query="roses like the sun", limit=2)
    assert keys(found) == ["rose", "orchid"]
    assert found[0].score > found[1].score  # type: ignore[operator]
    assert keys(store.search(place, filter={"kind": "oak"})) == ["oak"]
    assert store.list_namespaces(prefix=place) == [place, (*place, "rare")]
    store.put(place, "rose", {"text": "changed"})
    assert store.get(place, "rose").value == {"text": "changed"}  # type: ignore[union-attr]
    store.delete(place, "rose")
    assert store.get(place, "rose") is None
    assert garden.count("langgraph.store_vectors") == 3
    assert store.sweep_ttl() == 0


def test_nothing_stays_open_or_set_between_calls(studio: Studio, garden: Garden) -> None:
    thread = garden.conversation()
    with AgentPool(studio.address, studio.signer, max_size=1) as pool:
        acting_pool = pool.acting(garden.agent.claims())
        saved(PostgresSaver(acting_pool), thread, "hello")
        with pool._pool.connection() as raw:
            assert raw.info.transaction_status is TransactionStatus.IDLE
            assert raw.execute(
                "select current_user as who, current_setting('search_path') as path,"
                " coalesce(current_setting('request.jwt.claims', true), '') as claims"
            ).fetchone() == {"who": "gardenos_app", "path": '"$user", public', "claims": ""}
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute("select 1 from langgraph.checkpoints")


def test_the_example_of_the_readme_runs(studio: Studio, garden: Garden) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = (
        block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "AgentPool" in block
    )
    contact = studio.office.do(
        garden.owner, "insert into crm.contacts (full_name) values ('Zoë') returning id"
    )
    given: dict[str, Any] = {
        "address": studio.address,
        "signer": studio.signer,
        "claims": garden.for_owner(),
        "embed": Words(),
        "conversation": garden.conversation(),
        "checkpoint": step(1, "hello"),
        "agency": str(garden.id),
        "contact": str(contact),
    }
    exec(example, given)  # noqa: S102
    assert keys(given["found"]) == ["tea"]
    assert garden.count("langgraph.checkpoints") == 1


# --- whose a thread is ----------------------------------------------------------------------------


def test_agencies_with_the_same_thread_id_neither_see_nor_overwrite_nor_lose_anything(
    studio: Studio, pool: AgentPool
) -> None:
    first, second = studio.found(), studio.found()
    shared = uuid4()
    thread = first.conversation(shared)
    second.conversation(shared)
    mine = PostgresSaver(pool.acting(first.for_owner()))
    theirs = PostgresSaver(pool.acting(second.for_owner()))
    checkpoint = saved(mine, thread, "ours")
    assert theirs.get_tuple(at(thread)) is None
    assert list(theirs.list(None)) == []
    sqlstate, sentence = refusal(theirs, thread)
    assert (sqlstate, thread in sentence) == ("23505", True)
    made = step(1, "theirs")
    made["id"] = checkpoint
    for attack in (
        # the very keys of the first: an upsert, and inserts that would do nothing
        lambda: theirs.put(at(thread), made, {}, made["channel_versions"]),
        lambda: theirs.put(at(thread), made, {}, {}),
        lambda: theirs.put_writes(at(thread, checkpoint), [("messages", "stolen")], "task"),
        lambda: theirs.put_writes(at(thread, checkpoint), [("__error__", "stolen")], "task"),
    ):
        with pytest.raises(psycopg.errors.UniqueViolation):
            attack()
    theirs.delete_thread(thread)
    found = mine.get_tuple(at(thread))
    assert found is not None
    assert found.checkpoint["channel_values"]["messages"] == ["ours"]
    assert found.pending_writes == [("task", "messages", "pending")]
    assert [second.count(table) for table in THREADS] == [0, 0, 0]


def test_of_two_who_begin_a_shared_thread_at_once_one_is_refused(studio: Studio) -> None:
    """Neither sees the row of the other, and no key collides: the second waits, and is told."""
    gardens = studio.found(), studio.found()
    shared = uuid4()
    for garden in gardens:
        garden.conversation(shared)
    insert = (
        "insert into langgraph.checkpoint_blobs (thread_id, channel, version, type, blob)"
        " values (%s, 'messages', %s, 'msgpack', '') on conflict do nothing"
    )
    connect = studio.office.database.connect
    with connect("authenticator") as first, connect("authenticator") as second:
        for connection, garden in zip((first, second), gardens, strict=True):
            connection.execute("set local role authenticated")
            connection.execute("set local lock_timeout = '300ms'")
            connection.execute(
                "select set_config('request.jwt.claims', %s, true)",
                [json.dumps(garden.agent.claims())],
            )
        first.execute(insert, [str(shared), "1"])
        with pytest.raises(psycopg.errors.LockNotAvailable), second.transaction():
            second.execute(insert, [str(shared), "2"])
        first.commit()
        with pytest.raises(psycopg.errors.UniqueViolation):
            second.execute(insert, [str(shared), "2"])


def test_the_thread_of_another_agency_is_refused_as_if_there_were_none(
    studio: Studio, pool: AgentPool, garden: Garden
) -> None:
    other = studio.found()
    thread = other.conversation()
    saved(PostgresSaver(pool.acting(other.for_owner())), thread, "theirs")
    saver = PostgresSaver(pool.acting(garden.for_owner()))
    refused = refusal(saver, thread)
    assert refused[0] == "42501"
    assert refused == refusal(saver, str(uuid4())), "no telling which of them exists"
    assert saver.get_tuple(at(thread)) is None


@pytest.mark.parametrize("thread", ["abc", "", "A" * 36, "{%s}", "upper"])
def test_a_thread_id_that_is_no_conversation_is_refused_in_a_sentence(
    pool: AgentPool, garden: Garden, thread: str
) -> None:
    real = garden.conversation()
    thread = {"upper": real.upper(), "{%s}": f"{{{real}}}"}.get(thread, thread)
    saver = PostgresSaver(pool.acting(garden.agent.claims()))
    assert saver.get_tuple(at(thread)) is None
    sqlstate, sentence = refusal(saver, thread)
    assert sqlstate == "23514"
    assert sentence == f"A thread is a conversation, and '{thread}' is not the id of one."


# --- who reaches it -------------------------------------------------------------------------------


def test_without_claims_and_for_people_there_is_nothing(
    studio: Studio, pool: AgentPool, garden: Garden
) -> None:
    thread = garden.conversation()
    saved(PostgresSaver(pool.acting(garden.agent.claims())), thread, "hello")
    store = PostgresStore(pool.acting(garden.agent.claims()), index=INDEX)
    store.put(namespace(garden, "agency"), "fact", {"text": "hello"})
    client = studio.office.client
    for claims in (None, garden.owner.claims(), {"agency_id": str(garden.id)}):
        with acting(client, claims):
            for table in STATE:
                assert attempt(client, f"select * from {table}").rows == [], (claims, table)
                assert attempt(client, f"delete from {table}").count == 0, (claims, table)
            for table in VERSIONS:
                assert attempt(client, f"select * from {table}").refused_by_grant, table
    with acting(client, None, "service_role"):
        for table in (*STATE, *VERSIONS):
            assert attempt(client, f"select * from {table}").sqlstate == "42501", table
    for who in (garden.owner.claims(), {**garden.for_owner(), "act": {"user_id": str(uuid4())}}):
        saver = PostgresSaver(pool.acting(who))
        assert saver.get_tuple(at(thread)) is None
        assert refusal(saver, thread)[0] == "42501"
        assert PostgresStore(pool.acting(who)).search((str(garden.id),)) == []


def test_an_agent_reaches_the_threads_that_the_person_reads(
    pool: AgentPool, garden: Garden
) -> None:
    """A private thread of the agent itself is not for the owner, however many others are."""
    garden.conversation()
    colleague = garden.agent.membership_id
    private = garden.conversation(visibility="private", owner_id=colleague)
    alone = PostgresSaver(pool.acting(garden.agent.claims()))
    for_owner = PostgresSaver(pool.acting(garden.for_owner()))
    saved(alone, private, "hello")
    assert for_owner.get_tuple(at(private)) is None
    assert refusal(for_owner, private)[0] == "42501"
    deleted = garden.conversation(deleted_at="now")
    assert refusal(alone, deleted)[0] == "42501"


def test_an_item_is_for_those_who_read_its_subject(
    studio: Studio, pool: AgentPool, garden: Garden
) -> None:
    office = studio.office
    second = office.hire(garden.owner)
    contact = office.do(
        garden.owner,
        "insert into crm.contacts (full_name) values ('Zoë') returning id",
    )
    # there is one that everybody reads, but nothing is remembered of it
    office.superuser.execute(
        "insert into crm.contacts (agency_id, full_name) values (%s, 'Ayşe')", [garden.id]
    )
    me, agent = garden.owner.membership_id, garden.agent.membership_id
    for_owner = PostgresStore(pool.acting(garden.for_owner()))
    alone = PostgresStore(pool.acting(garden.agent.claims()))
    other = PostgresStore(pool.acting(second.claims()))
    places = {
        "agency": namespace(garden, "agency"),
        "agent": namespace(garden, "agent", agent, "notes"),
        "member": namespace(garden, "member", me),
        "contact": namespace(garden, "contact", contact, "preferences"),
    }
    for place in places.values():
        for_owner.put(place, "k", {"text": "x"})
    seen = {
        name: {kind for kind, place in places.items() if store.get(place, "k") is not None}
        for name, store in (("owner", for_owner), ("agent", alone), ("other", other))
    }
    # the owner's contact is not of the team of an agent that works alone
    assert seen == {
        "owner": {"agency", "agent", "member", "contact"},
        "agent": {"agency", "agent"},
        "other": {"agency"},
    }
    for place in (places["agent"], places["member"], places["contact"]):
        for key in ("k", "new"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.put(place, key, {"text": "mine"})
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            pool.acting(second.claims()).connection() as connection,
        ):
            connection.execute(
                "insert into store (prefix, key, value) values (%s, 'plain', '{}')",
                [".".join(place)],
            )
    for_owner.put(places["contact"], "gone", {"text": "x"})
    office.superuser.execute(
        "delete from crm.contacts where agency_id = %s and id = %s", [garden.id, contact]
    )
    assert for_owner.get(places["contact"], "k") is None


def test_a_store_is_the_agency_s_own(studio: Studio, pool: AgentPool, garden: Garden) -> None:
    other = studio.found()
    mine = PostgresStore(pool.acting(garden.for_owner()), index=INDEX)
    theirs = PostgresStore(pool.acting(other.for_owner()), index=INDEX)
    place = namespace(other, "agency")
    theirs.put(place, "secret", {"text": "roses"})
    mine.put(namespace(garden, "agency"), "own", {"text": "weeds"})
    assert keys(mine.search((), query="roses")) == ["own"]
    assert mine.list_namespaces() == [namespace(garden, "agency")]
    assert mine.get(place, "secret") is None
    mine.delete(place, "secret")
    for key in ("secret", "new"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            mine.put(place, key, {"text": "overwritten"})
    assert theirs.get(place, "secret").value == {"text": "roses"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "place",
    [
        ("users", "123"),
        ("{agency}",),
        ("{agency}", "person", "{id}"),
        ("{agency}", "contact"),
        ("{agency}", "contact", "Zoë"),
        ("{AGENCY}", "agency"),
        ("{agency}", "contact", "{ID}"),
    ],
    ids="-".join,
)
def test_a_namespace_that_names_nobody_is_refused_in_a_sentence(
    pool: AgentPool, garden: Garden, place: tuple[str, ...]
) -> None:
    some = UUID("01900000-0000-7000-8000-00000000abcd")
    labels = tuple(
        label.replace("{agency}", str(garden.id))
        .replace("{AGENCY}", str(garden.id).upper())
        .replace("{id}", str(some))
        .replace("{ID}", str(some).upper())
        for label in place
    )
    store = PostgresStore(pool.acting(garden.agent.claims()))
    assert store.get(labels, "k") is None
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        store.put(labels, "k", {"text": "x"})
    assert caught.value.diag.message_primary == (
        f"A namespace names an agency and a subject, and '{'.'.join(labels)}' does not."
    )


def test_a_row_keeps_its_thread_and_an_item_its_place(studio: Studio, garden: Garden) -> None:
    thread, second = garden.conversation(), garden.conversation()
    superuser = studio.office.superuser
    superuser.execute(
        "insert into langgraph.checkpoints (agency_id, thread_id, checkpoint_id, checkpoint)"
        " values (%s, %s, '1', '{}')",
        [garden.id, thread],
    )
    superuser.execute(
        "insert into langgraph.store (prefix, key, value) values (%s, 'k', '{}')",
        [f"{garden.id}.agency"],
    )
    for table, change in (
        ("checkpoints", f"thread_id = '{second}'"),
        ("checkpoints", "checkpoint_id = '2'"),
        ("checkpoints", "agency_id = app.uuid_v7()"),
        ("checkpoints", "created_at = '2020-01-01'"),
        ("store", "prefix = prefix || '.x'"),
        ("store", "key = 'x'"),
    ):
        outcome = attempt(
            superuser, f"update langgraph.{table} set {change} where agency_id = %s", [garden.id]
        )
        assert outcome.sqlstate == "PT403", (table, change, outcome)


def test_the_trail_names_the_conversation_and_the_subject(
    studio: Studio, pool: AgentPool, garden: Garden
) -> None:
    thread = garden.conversation()
    saved(PostgresSaver(pool.acting(garden.for_owner())), thread, "hello")
    store = PostgresStore(pool.acting(garden.for_owner()), index=INDEX)
    me = garden.owner.membership_id
    store.put(namespace(garden, "member", me), "k", {"text": "x"})
    store.put(namespace(garden, "agency"), "k", {"text": "x"})
    rows = studio.office.superuser.execute(
        "select table_name, record_id, actor_kind::text, actor_membership_id, on_behalf_of_id,"
        " new_values from audit.log where agency_id = %s and schema_name = 'langgraph'",
        [garden.id],
    ).fetchall()
    assert {(row["table_name"], row["record_id"]) for row in rows} == {
        ("checkpoints", UUID(thread)),
        ("checkpoint_blobs", UUID(thread)),
        ("checkpoint_writes", UUID(thread)),
        ("store", me),
        ("store", garden.id),
        ("store_vectors", me),
        ("store_vectors", garden.id),
    }
    assert {row["actor_kind"] for row in rows} == {"agent"}
    assert {row["on_behalf_of_id"] for row in rows} == {garden.owner.user_id}
    assert all(row["new_values"] is None for row in rows), "keys only"
