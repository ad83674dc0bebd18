"""Each guard of an agent's state broken, one at a time: a test must notice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest

from tests.ai import test_forgotten_threads as forgotten
from tests.ai import test_langgraph as langgraph
from tests.ai import test_prune as prune
from tests.ai.threads import Studio, studio_in
from tests.clients.agent_pool import AgentPool
from tests.conftest import Mutant
from tests.database import Cluster, Database
from tests.erasure.person import found_agency
from tests.policies.broken import broken_function, policy

THREADS = "agents read the steps of threads they see"
AN_AGENTS = (
    "(prefix || '.') like (select app.agency_id() || '.agent.' || app.acting_agent_id() || '.%')"
)
ITEMS = "agents read what they remember of what they see"
ITEMS_ADDED = "agents add what they remember of what they see"
Test = Callable[[Studio, AgentPool], None]


@dataclass(frozen=True)
class Change:
    """A function or policy, its text, what stands there instead, and the test that must notice."""

    place: str
    old: str
    new: str
    notices: Test


def agents(test: Callable[..., None]) -> Test:
    """A test that asks for a new agency with an agent, and for what else its name says."""
    given = test.__code__.co_varnames[: test.__code__.co_argcount]

    def run(studio: Studio, pool: AgentPool) -> None:
        known = {"studio": studio, "pool": pool, "garden": studio.found()}
        test(**{name: known[name] for name in given})

    return run


def people(test: Callable[..., None]) -> Test:
    """A test that asks for a new agency."""
    given = test.__code__.co_varnames[: test.__code__.co_argcount]

    def run(studio: Studio, pool: AgentPool) -> None:
        known = {"studio": studio, "agency": found_agency(studio.office)}
        test(**{name: known[name] for name in given})

    return run


COLLIDE = agents(
    langgraph.test_agencies_with_the_same_thread_id_neither_see_nor_overwrite_nor_lose_anything
)
PEOPLE = agents(langgraph.test_without_claims_and_for_people_there_is_nothing)
SUBJECTS = agents(langgraph.test_an_item_is_for_those_who_read_its_subject)
IN_USE = agents(prune.test_what_is_in_use_is_left_alone)
LATEST = agents(prune.test_the_latest_checkpoint_of_each_namespace_stays_with_what_it_names)
CONTACT = people(forgotten.test_erasing_a_contact_erases_its_threads_and_what_is_remembered_of_it)
MERGE = people(forgotten.test_a_record_takes_its_items_along_and_a_merge_moves_them)
NINETY = people(forgotten.test_threads_without_a_contact_are_kept_for_ninety_days)

MUTANTS: dict[str, Change] = {
    "a shared thread is not noticed": Change(
        "app.check_thread", "if holder is not null then", "if false then", COLLIDE
    ),
    "who begins a shared thread does not wait": Change(
        "app.check_thread",
        "perform pg_advisory_xact_lock(hashtextextended('langgraph thread ' || new.thread_id, 0));",
        "",
        agents(langgraph.test_of_two_who_begin_a_shared_thread_at_once_one_is_refused),
    ),
    "it is told that another agency has the thread": Change(
        "app.check_thread",
        "holder = new.agency_id or not exists (",
        "holder = new.agency_id or false and not exists (",
        agents(langgraph.test_the_thread_of_another_agency_is_refused_as_if_there_were_none),
    ),
    "people are agents": Change(
        "app.may_as_agent",
        "(proof.agent_id is not null or proof.agency_role = 'ai_agent')",
        "proof.agency_id is not null",
        PEOPLE,
    ),
    "a thread does not ask for its conversation": Change(
        f"langgraph.checkpoints: {THREADS}",
        "and parent.id = langgraph.checkpoints.conversation_id",
        "",
        agents(langgraph.test_an_agent_reaches_the_threads_that_the_person_reads),
    ),
    "what is about a member is for everybody": Change(
        f"langgraph.store: {ITEMS}",
        "membership_id = (select app.membership_id())",
        "true",
        SUBJECTS,
    ),
    "what is an agent's is for every agent": Change(
        f"langgraph.store: {ITEMS}",
        AN_AGENTS,
        "true",
        SUBJECTS,
    ),
    "an item about a contact asks nobody": Change(
        f"langgraph.store: {ITEMS}",
        "and parent.id = langgraph.store.contact_id",
        "",
        SUBJECTS,
    ),
    "anybody adds to what is an agent's": Change(
        f"langgraph.store: {ITEMS_ADDED}",
        AN_AGENTS,
        "true",
        SUBJECTS,
    ),
    "a running run does not matter": Change(
        "app.prune_threads", "r.status in ('running', 'suspended')", "false", IN_USE
    ),
    "a thread in use does not matter": Change(
        "app.prune_threads", "continue when not found;", "", IN_USE
    ),
    "a counted DeltaChannel does not matter": Change(
        "app.prune_threads",
        "or c.metadata ? 'counters_since_delta_snapshot'",
        "",
        IN_USE,
    ),
    "the snapshot of a DeltaChannel does not matter": Change(
        "app.prune_threads", "and v.value = 'true'::jsonb", "and false", IN_USE
    ),
    "old parents are still named": Change(
        "app.prune_threads", "and c.parent_checkpoint_id is not null", "and false", LATEST
    ),
    "values stay": Change(
        "app.prune_threads",
        "c.checkpoint -> 'channel_versions' ->> b.channel = b.version",
        "true",
        LATEST,
    ),
    "the calls of subgraphs stay": Change(
        "app.prune_threads",
        "where strpos(h.checkpoint_ns, ':') > 0",
        "where false",
        agents(prune.test_the_call_of_a_subgraph_goes_with_the_step_that_made_it),
    ),
    "pending sends go": Change(
        "app.prune_threads",
        "where h.is_old",
        "where false",
        agents(prune.test_pruning_leaves_the_same_as_the_library),
    ),
    "what agents remember of others is not searched": Change(
        "app.perform_erasure",
        "replaced := replaced || app.scrub_agents(agency, pattern, loose);",
        "",
        CONTACT,
    ),
    "versions of a checkpoint are searched too": Change(
        "app.scrub_agents",
        "c.checkpoint, '{channel_values}', app.scrubbed(c.checkpoint -> 'channel_values',"
        " pattern, 'erased')",
        "app.scrubbed(c.checkpoint, pattern, 'erased'), '{x}', 'null', false",
        CONTACT,
    ),
    "what is remembered of a member stays": Change(
        "app.erase_member",
        "and s.membership_id = member;",
        "and false;",
        people(forgotten.test_erasing_a_member_erases_what_is_remembered_of_it),
    ),
    "threads with a contact are due": Change(
        "app.due_rows",
        "t.contact_id is null and (select max",
        "(select max",
        NINETY,
    ),
    "values of a thread outlive it": Change(
        "app.remove_due",
        "delete from langgraph.checkpoint_blobs as k",
        "perform 1\n          from langgraph.checkpoint_blobs as k",
        NINETY,
    ),
    "a merge points what cannot point": Change(
        "app.children_of", "and a.attgenerated = ''", "", MERGE
    ),
    "a merge forgets what agents remember": Change(
        "app.merge_contacts", "app.move_items(agency, 'contact', loser, winner)", "'[]'", MERGE
    ),
    "undoing a merge takes what the winner had": Change(
        "app.undo_merge", "coalesce(past.moved -> 'items', '[]')", "null", MERGE
    ),
}


@pytest.fixture(scope="module")
def studio(cluster: Cluster) -> Iterator[Studio]:
    with cluster.migrated() as database, studio_in(database) as found:
        prune.stand_in(found)
        yield found


@pytest.fixture(scope="module")
def pool(studio: Studio) -> Iterator[AgentPool]:
    with AgentPool(studio.address, studio.signer) as opened:
        yield opened


@contextmanager
def broken_policy(database: Database, place: str, old: str, new: str) -> Iterator[None]:
    """The database with one piece of a policy changed, for everybody, until the block ends."""
    table, _, name = place.partition(": ")
    with database.connect() as superuser:
        superuser.execute(policy(table, name, old, new).encode())
    try:
        yield
    finally:
        with database.connect() as superuser:
            superuser.execute(policy(table, name, old, old).encode())


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_guard_is_noticed(
    studio: Studio, pool: AgentPool, name: str, mutant: Mutant
) -> None:
    change = MUTANTS[name]
    mutant("langgraph", change.place, f"{change.old} -> {change.new}")
    breaking = broken_policy if ": " in change.place else broken_function
    with (
        breaking(studio.office.database, change.place, change.old, change.new),
        pytest.raises((AssertionError, psycopg.Error, pytest.fail.Exception)),
    ):
        change.notices(studio, pool)


def test_the_tests_that_must_notice_pass_when_nothing_is_broken(
    studio: Studio, pool: AgentPool
) -> None:
    for test in {change.notices for change in MUTANTS.values()}:
        test(studio, pool)
