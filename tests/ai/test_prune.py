"""What bounds the growth of threads: app.prune_threads, called by a worker for its agency."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from langgraph.checkpoint.postgres import PostgresSaver

from tests.ai.threads import Garden, Studio, at, step, studio_in
from tests.clients.agent_pool import MAINTENANCE, AgentPool
from tests.database import Cluster
from tests.policies.access import Row, acting, attempt

PRUNE = "select * from app.prune_threads(%s, %s)"


@pytest.fixture(scope="module")
def studio(cluster: Cluster) -> Iterator[Studio]:
    with cluster.migrated() as database, studio_in(database) as found:
        stand_in(found)
        yield found


def stand_in(studio: Studio) -> None:
    """The columns of ai.agent_runs that pruning asks, as long as the table is not there."""
    (row,) = studio.office.superuser.execute(
        "select to_regclass('ai.agent_runs') is not null as present"
    ).fetchall()
    if not row["present"]:
        studio.office.superuser.execute(
            "create table ai.agent_runs (agency_id uuid not null default app.agency_id(),"
            " id uuid default app.uuid_v7(), agent_key text, agent_membership_id uuid,"
            " conversation_id uuid, status text not null)"
        )
        studio.office.superuser.execute("grant select on ai.agent_runs to gardenos_worker")


@pytest.fixture
def garden(studio: Studio) -> Garden:
    return studio.found()


@pytest.fixture(scope="module")
def pool(studio: Studio) -> Iterator[AgentPool]:
    with AgentPool(studio.address, studio.signer) as opened:
        yield opened


def talk(saver: PostgresSaver, thread: str, turns: int, namespace: str = "") -> list[str]:
    """Turns of a conversation, each on top of the one before, with a write; their ids."""
    config, made = at(thread, namespace=namespace), []
    for number in range(1, turns + 1):
        checkpoint = step(number, *[f"turn {one}" for one in range(number)])
        checkpoint["id"] = f"{number:08}-0000-6000-8000-{len(namespace):012}"
        config = saver.put(config, checkpoint, {"step": number}, checkpoint["channel_versions"])
        saver.put_writes(config, [("messages", f"after {number}")], f"task {number}")
        made.append(checkpoint["id"])
    return made


def age(studio: Studio, thread: str, interval: str) -> None:
    """Let a thread lie for so long, unrecorded."""
    with studio.office.superuser.transaction():
        studio.office.superuser.execute("set local session_replication_role = replica")
        studio.office.superuser.execute(
            "update langgraph.checkpoints set created_at = now() - %s::interval"
            " where thread_id = %s",
            [interval, thread],
        )


def prune(studio: Studio, garden: Garden, older_than: str = "0", most: int = 100) -> list[Row]:
    with studio.worker(garden.id) as worker:
        return worker.execute(PRUNE, [older_than, most]).fetchall()


def left(studio: Studio, thread: str) -> Row:
    """What there is of a thread."""
    (row,) = studio.office.superuser.execute(
        "select (select count(*) from langgraph.checkpoints where thread_id = %(thread)s) as"
        " checkpoints, (select count(*) from langgraph.checkpoint_blobs where thread_id ="
        " %(thread)s) as blobs, (select count(*) from langgraph.checkpoint_writes where thread_id ="
        " %(thread)s) as writes",
        {"thread": thread},
    ).fetchall()
    return row


def test_the_latest_checkpoint_of_each_namespace_stays_with_what_it_names(
    studio: Studio, pool: AgentPool, garden: Garden
) -> None:
    saver = PostgresSaver(pool.acting(garden.for_owner()))
    thread, single = garden.conversation(), garden.conversation()
    talk(saver, thread, 5)
    (_, _, latest) = talk(saver, thread, 3, "planner")
    talk(saver, single, 1)
    before = saver.get_tuple(at(thread))
    assert prune(studio, garden) == [
        {"thread_id": thread, "checkpoints": 6, "writes": 6, "blobs": 6}
    ]
    assert left(studio, thread) == {"checkpoints": 2, "blobs": 2, "writes": 2}
    assert left(studio, single) == {"checkpoints": 1, "blobs": 1, "writes": 1}
    after = saver.get_tuple(at(thread))
    assert after is not None
    assert before is not None
    assert after.checkpoint == before.checkpoint
    assert after.pending_writes == before.pending_writes
    assert after.parent_config is None
    assert saver.get_tuple(at(thread, latest, "planner")) is not None
    assert prune(studio, garden) == [], "nothing is left to do"
    talk(saver, thread, 6)
    assert left(studio, thread)["checkpoints"] == 2 + 5


def test_the_call_of_a_subgraph_goes_with_the_step_that_made_it(
    studio: Studio, pool: AgentPool, garden: Garden
) -> None:
    """As the library's own pruning: else each call would leave a checkpoint for ever."""
    saver = PostgresSaver(pool.acting(garden.for_owner()))
    thread = garden.conversation()
    first, second, third = talk(saver, thread, 3)
    for root, call in ((first, "tools:1"), (third, "tools:2"), ("unsaved", "tools:3")):
        checkpoint = step(1, "x")
        saver.put(
            at(thread, namespace=call),
            checkpoint,
            {"parents": {"": root}},
            checkpoint["channel_versions"],
        )
    assert prune(studio, garden)[0]["checkpoints"] == 3
    spaces = {one.config["configurable"]["checkpoint_ns"] for one in saver.list(at_all(thread))}
    assert spaces == {"", "tools:2", "tools:3"}
    assert saver.get_tuple(at(thread, second)) is None


def at_all(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


def test_pruning_leaves_the_same_as_the_library(
    studio: Studio, pool: AgentPool, garden: Garden
) -> None:
    saver = PostgresSaver(pool.acting(garden.for_owner()))
    ours, theirs = garden.conversation(), garden.conversation()
    for thread in (ours, theirs):
        ids = talk(saver, thread, 4)
        old = step(5, "old")
        old["v"] = 3
        config = at(thread, ids[-1])
        saver.put_writes(config, [("__pregel_tasks", "send")], "t")
        old["id"] = "00000009-0000-6000-8000-000000000000"
        saver.put(config, old, {}, old["channel_versions"])
        talk(saver, thread, 2, "planner")
    with AgentPool(studio.address, studio.signer, isolation=MAINTENANCE) as maintenance:
        PostgresSaver(maintenance.acting(garden.for_owner())).prune([theirs])
    prune(studio, garden)
    rows = [
        studio.office.superuser.execute(
            "select checkpoint_ns, checkpoint_id, parent_checkpoint_id"
            " from langgraph.checkpoints where thread_id = %s order by 1, 2",
            [thread],
        ).fetchall()
        for thread in (ours, theirs)
    ]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 3
    assert left(studio, ours) == left(studio, theirs)


def test_what_is_in_use_is_left_alone(studio: Studio, pool: AgentPool, garden: Garden) -> None:
    saver = PostgresSaver(pool.acting(garden.for_owner()))
    superuser = studio.office.superuser
    threads = {}
    for name in ("running", "suspended", "succeeded", "fresh", "counted", "snapshot", "written"):
        threads[name] = garden.conversation()
        talk(saver, threads[name], 3)
        if name != "fresh":
            age(studio, threads[name], "2 days")
    for status in ("running", "suspended", "succeeded"):
        ends = status == "succeeded" and has_finished_at(studio)
        with superuser.transaction():
            superuser.execute("set local session_replication_role = replica")
            superuser.execute(
                "insert into ai.agent_runs (agency_id, agent_key, agent_membership_id,"
                f" conversation_id, status{', finished_at' if ends else ''})"
                f" values (%s, 'graph', %s, %s, %s{', now()' if ends else ''})".encode(),
                [garden.id, garden.agent.membership_id, threads[status], status],
            )
    for name, change in (
        ("counted", "metadata = '{\"counters_since_delta_snapshot\": {}}'"),
        (
            "snapshot",
            "checkpoint = jsonb_set(checkpoint, '{channel_values,messages}', 'true')",
        ),
    ):
        with superuser.transaction():
            superuser.execute("set local session_replication_role = replica")
            superuser.execute(
                f"update langgraph.checkpoints set {change} where thread_id = %s", [threads[name]]
            )
    with studio.office.database.connect() as writer:
        writer.execute(
            "insert into langgraph.checkpoint_blobs (agency_id, thread_id, channel, version, type)"
            " values (%s, %s, 'new', '1', 'empty')",
            [garden.id, threads["written"]],
        )
        pruned = [row["thread_id"] for row in prune(studio, garden, "1 day")]
        assert pruned == [threads["succeeded"]]
        writer.rollback()
    assert [row["thread_id"] for row in prune(studio, garden, "1 day")] == [threads["written"]]


def has_finished_at(studio: Studio) -> bool:
    """Whether the runs are the real ones."""
    return bool(
        studio.office.superuser.execute(
            "select from pg_attribute where attrelid = 'ai.agent_runs'::regclass"
            " and attname = 'finished_at'"
        ).fetchall()
    )


def test_the_longest_idle_threads_come_first_and_no_more_than_asked(
    studio: Studio, pool: AgentPool, garden: Garden
) -> None:
    saver = PostgresSaver(pool.acting(garden.for_owner()))
    threads = [garden.conversation() for _ in range(3)]
    for thread, interval in zip(threads, ("1 day", "3 days", "2 days"), strict=True):
        talk(saver, thread, 2)
        age(studio, thread, interval)
    first = [row["thread_id"] for row in prune(studio, garden, most=2)]
    assert first == [threads[1], threads[2]]
    assert [row["thread_id"] for row in prune(studio, garden, most=2)] == [threads[0]]


def test_a_worker_prunes_in_the_agency_that_it_is_bound_to(
    studio: Studio, pool: AgentPool, garden: Garden
) -> None:
    other = studio.found()
    thread = other.conversation()
    talk(PostgresSaver(pool.acting(other.for_owner())), thread, 3)
    assert prune(studio, garden) == []
    assert left(studio, thread)["checkpoints"] == 3
    with studio.office.database.connect("gardenos_worker") as worker:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="none is bound"):
            worker.execute(PRUNE, ["0", 1])
        worker.rollback()
        worker.execute("select app.bind_worker(%s)", [garden.id])
        for older_than, most in ((None, 1), ("-1 day", 1), ("0", 0), ("0", None)):
            with (
                pytest.raises(psycopg.errors.InvalidParameterValue),
                worker.transaction(),
            ):
                worker.execute(PRUNE, [older_than, most])
    with acting(studio.office.client, garden.owner.claims()):
        assert attempt(studio.office.client, PRUNE, ["0", 1]).sqlstate == "42501"
