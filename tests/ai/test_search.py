"""ai.search: what is found, in which order, by whom, and how it is refused."""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.ai.searching import DIMS, STORAGE, Library, differences, move_agency
from tests.conftest import Mutant
from tests.crm.test_plans import nodes
from tests.database import Cluster
from tests.policies.broken import broken_function
from tests.policies.town import AGENCIES, MEMBERSHIPS, Stage, Town

QUESTIONS = 60
SIDE = [1.0] + [0.0] * (DIMS - 1)


@pytest.fixture(scope="module")
def library(cluster: Cluster) -> Iterator[Library]:
    """The town, with documents and memories of everybody and nobody."""
    with cluster.migrated() as database:
        yield Library(Town(database))


@pytest.fixture
def stage(library: Library) -> Iterator[Stage]:
    """An open transaction."""
    with library.town.stage() as open_stage:
        yield open_stage


# --- exactly what the policies show ---------------------------------------------------------------

MUTANTS = {
    "the chunks of other agencies": (
        "text_candidates",
        "where c.agency_id = proof.agency_id",
        "where true",
    ),
    "private documents": (
        "text_candidates",
        "when 'all' then c.visibility <> 'private'",
        "when 'all' then true",
    ),
    "who takes part": ("text_candidates", "c.participant_ids is null", "true"),
    "the reach of a record": (
        "text_candidates",
        "when 'contact' then contact_reach",
        "when 'contact' then 'all'",
    ),
    "memories for a team": (
        "text_candidates",
        "and m.team_id = any(teams)\n                   )",
        ")",
    ),
    "the scopes of a key": ("text_candidates", "and reads_memories", "and true"),
    "words of what expired": (
        "text_candidates",
        "and (m.expires_at is null or m.expires_at > now())",
        "",
    ),
    "vectors of what expired": (
        "vector_candidates",
        "and (m.expires_at is null or m.expires_at > now())\n                );",
        ");",
    ),
    "that more is asked for": (
        "vector_candidates",
        "exit when found >= page_limit or coalesce(cardinality(distances), 0) < wanted;",
        "exit;",
    ),
    "the other model": ("vector_candidates", " and e.model_id = %L", " and %L is not null"),
    "the filter of a type": ("vector_candidates", " and d.source_kind = any($7)", ""),
    "the place among words": ("search", "/ (60 + w.place)", "/ 60"),
    "how a memory fades": ("search", "1.2 * exp", "1.1 * exp"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_search_that_forgets_a_rule_is_found_out(
    library: Library, mutant: Mutant, name: str
) -> None:
    function, rule, instead = MUTANTS[name]
    mutant("search", "test_search.py", f"{function}: {rule} -> {instead}")
    signature = "ai.search" if function == "search" else f"app.{function}"
    with broken_function(library.town.database, signature, rule, instead):
        assert next(differences(library, 10 * QUESTIONS, seed=3), None) is not None


@pytest.mark.slow
def test_a_search_finds_exactly_what_the_policies_show_in_every_state(library: Library) -> None:
    """Every role and scope, agents and keys; `python -m tests.ai.searching` asks more."""
    for state, batches in (("small", 0), ("moving", 2), ("large", None)):
        if state != "small":
            library.move("large", batches=batches)
        assert list(differences(library, QUESTIONS, seed=7)) == [], state
    library.move("small")


def test_who_reads_nothing_finds_nothing(stage: Stage) -> None:
    for user in ("loner", "removed", "paused", "disabled", "cli"):
        stage.become(user)
        for query, vector in (("rose", None), (None, SIDE)):
            found = stage.rows("select id from ai.search(%s, %s::real[])", query, vector)
            assert found == [], user


def test_a_member_with_few_rows_among_many_gets_all_of_them(library: Library) -> None:
    """The index of a large agency is asked on, and then all is compared: none is hidden."""
    library.move("large")
    with library.town.stage() as stage:
        stage.service().run(
            "update tenancy.memberships set record_scope = 'own' where id = %s",
            MEMBERSHIPS["alpha", "mel"].id,
        )
        stage.become("mel")
        readable = stage.value(
            "select count(*) from ai.embeddings_vector_1536 as e"
            " join tenancy.agencies as a on a.id = e.agency_id"
            " and a.embedding_model_id = e.model_id"
            " left join ai.memories as m on m.id = e.memory_id"
            " where m.id is null or (m.superseded_by_id is null"
            " and (m.expires_at is null or m.expires_at > now()))"
        )
        assert 0 < readable < 50
        found = stage.rows("select id from ai.search(null, %s::real[], 100)", SIDE)
        assert len(found) == len(set(found)) == readable
    library.move("small")


# --- plans ----------------------------------------------------------------------------------------


def plans(library: Library, filters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The nodes of every plan that a search of the owner of alpha runs, seen by auto_explain."""
    notices: list[str] = []
    with library.town.database.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("load 'auto_explain'")
        # the tables of the test are small: as if they were not
        connection.execute("set local enable_seqscan = off")
        for setting, value in (
            ("log_min_duration", "0"),
            ("log_nested_statements", "on"),
            ("log_format", "json"),
            ("log_level", "notice"),
        ):
            connection.execute(f"set local auto_explain.{setting} = '{value}'".encode())
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        Stage(connection).become("ann").rows(
            "select id from ai.search('rose', %s::real[], 10, %s)", SIDE, json.dumps(filters or {})
        )
    found = [json.loads(one[one.index("{") :])["Plan"] for one in notices if "{" in one]
    return [node for plan in found for node in nodes(plan)]


def scans(seen: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Partition of vectors to the indexes that it is read by."""
    found: dict[str, set[str]] = {}
    for node in seen:
        relation = node.get("Relation Name", "")
        if relation.startswith("embeddings_"):
            found.setdefault(relation, set()).add(node.get("Index Name", node["Node Type"]))
    return found


def test_a_small_agency_is_compared_and_a_large_one_asks_its_own_index(library: Library) -> None:
    """No other partition is in the plan, whoever has one."""
    small = f"embeddings_{STORAGE}_small"
    move_agency(library.town.database, AGENCIES["beta"].id, "large")
    assert scans(plans(library)).keys() == {small}
    assert not any("Order By" in node for node in plans(library))

    library.move("large")
    own = f"embeddings_{STORAGE}_large_{AGENCIES['alpha'].id.hex}"
    for filters in ({}, {"type": "note"}, {"type": "memory", "after": "2020-01-01"}):
        seen = plans(library, filters)
        assert scans(seen).keys() == {own}, filters
        asked = [node for node in seen if "Order By" in node]
        assert {node["Node Type"] for node in asked} == {"Index Scan"}, filters
        assert "embedding" in asked[0]["Order By"]
        # what it finds is looked up by key, not among all texts
        keys = {node["Index Name"] for node in seen if "_pkey" in node.get("Index Name", "")}
        assert {"chunks_pkey", "memories_pkey"} <= keys, filters
        scanned = {node.get("Relation Name") for node in seen if node["Node Type"] == "Seq Scan"}
        assert not scanned & {"chunks", "documents", "memories"}, filters

    library.move("small", batches=1)
    assert scans(plans(library)).keys() == {own, small}
    library.move("small")
    assert scans(plans(library)).keys() == {small}
    move_agency(library.town.database, AGENCIES["beta"].id, "small")


def test_the_settings_of_the_index_hold_from_the_first_search_of_a_session(
    library: Library,
) -> None:
    """The library is loaded by the search itself, after its settings were set."""
    with library.town.database.connect() as connection:
        begun = connection.execute("select current_setting('hnsw.ef_search', true)").fetchone()
        assert begun == (None,)
        with connection.transaction():
            Stage(connection).become("ann").rows("select * from ai.search(null, %s::real[])", SIDE)
        row = connection.execute("select current_setting('hnsw.ef_search')").fetchone()
        assert row == ("40",)


# --- reading and touching -------------------------------------------------------------------------


def test_a_search_writes_nothing(library: Library) -> None:
    """So it works on a replica: a transaction that can only read is as strict."""
    with library.town.stage() as stage:
        stage.connection.execute("set transaction read only")
        stage.become("ann")
        assert len(stage.rows("select id from ai.search('rose', %s::real[])", SIDE)) == 10


def test_a_memory_that_was_used_comes_forward_again(library: Library) -> None:
    agency = AGENCIES["alpha"].id
    with (
        library.town.database.connect("gardenos_worker", autocommit=True) as worker,
        worker.transaction(force_rollback=True),
    ):
        worker.execute("select app.bind_worker(%s)", [agency])
        (old, gone) = (
            worker.execute(
                "select id from ai.memories where (deleted_at is null) = %s"
                " order by last_accessed_at, id limit 1",
                [is_live],
            ).fetchone()
            for is_live in (True, False)
        )
        assert old is not None
        assert gone is not None
        touched = worker.execute(
            "select app.touch_memories(%s)", [[old[0], gone[0], old[0], agency]]
        ).fetchone()
        assert touched == (1,)
        row = worker.execute(
            "select last_accessed_at = now(), access_count, row_version from ai.memories"
            " where id = %s",
            [old[0]],
        ).fetchone()
        assert row == (True, 2, 1)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("null, null", "needs a query"),
        ("'rose', null, 0", "k is from 1 to 100"),
        ("'rose', null, 101", "k is from 1 to 100"),
        ("'rose', null, null", "k is from 1 to 100"),
        ("repeat('x', 201)", "200 are the most"),
        ("null, '{1,2}'", "has 2 numbers, and those of ours have 1536"),
        ("null, '{}'", "has 0 numbers"),
        ("null, array_fill(0::real, '{1536}')", "is no vector"),
        ("null, array_fill('NaN'::real, '{1536}')", "is no vector"),
        ("null, array_fill('Infinity'::real, '{1536}')", "is no vector"),
        ("null, array_fill(null::real, '{1536}')", "is no vector"),
        ("null, array_fill(1::real, '{2,768}')", "no vector|has 1536 numbers"),
        ("'rose', null, 1, null", "Filters are an object"),
        ("'rose', null, 1, '[]'", "Filters are an object"),
        ("""'rose', null, 1, '{"colour": "red"}'""", "no filter colour"),
        ("""'rose', null, 1, '{"type": []}'""", "no filter type"),
        ("""'rose', null, 1, '{"type": "book"}'""", "no type book"),
        ("""'rose', null, 1, '{"type": ["note", null]}'""", "no type null"),
        ("""'rose', null, 1, '{"contact_id": "me"}'""", "no filter contact_id of"),
        ("""'rose', null, 1, '{"owner_id": null}'""", "no filter owner_id of"),
        ("""'rose', null, 1, '{"after": "soon"}'""", "after is a time"),
        ("""'rose', null, 1, '{"before": 7}'""", "no filter before of"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(stage: Stage, arguments: str, told: str) -> None:
    stage.become("ann")
    with pytest.raises(psycopg.Error, match=told) as caught:
        stage.rows(f"select id from ai.search({arguments})")
    assert caught.value.sqlstate == "22023"


def test_an_agency_without_a_model_searches_by_words_alone(stage: Stage) -> None:
    stage.service().run("update tenancy.agencies set embedding_model_id = null")
    stage.become("ann")
    assert stage.rows("select id from ai.search('rose')")
    with stage.refused("22023") as caught:
        stage.rows("select id from ai.search(null, %s::real[])", SIDE)
    assert "no embedding model" in str(caught.value)
