"""Vectors are in the partition of their agency's tier, and nobody reaches a partition by itself."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.ai.desk import NUMBERS, Shelf
from tests.policies.access import acting, attempt

LEAVES = tuple(
    f"ai.embeddings_{storage}_{tier}"
    for storage in ("vector_1536", "halfvec_3072")
    for tier in ("small", "large")
)
INSERT = (
    "insert into ai.embeddings_vector_1536"
    " (agency_id, memory_id, model_id, content_sha256, embedding)"
    " values (%s, %s, %s, %s, %s) returning tier"
)


def test_every_agency_has_a_tier_for_every_storage(shelf: Shelf) -> None:
    found = shelf.run(
        "select storage, tier, state from ai.agency_tiers where agency_id = %s order by 1",
        shelf.agency,
    )
    assert [tuple(row.values()) for row in found] == [
        ("halfvec_3072", "small", "ready"),
        ("vector_1536", "small", "ready"),
    ]


def test_no_vector_goes_to_another_tier(shelf: Shelf, mutant: Any) -> None:
    text = {"memory_id": shelf.add("ai.memories", subject="agency", kind="semantic",
                                   content="New", visibility="agency")}  # fmt: skip
    make_large(shelf)
    with pytest.raises(psycopg.errors.CheckViolation, match="go to the tier small"):
        shelf.vector(tier="large", **text)
    switch_off = "alter table ai.embeddings_vector_1536 disable trigger guard_tier"
    mutant("trigger", "test_no_vector_goes_to_another_tier", switch_off)
    with shelf.desk.office.superuser.transaction(force_rollback=True):
        shelf.run(switch_off)
        shelf.vector(tier="large", **text)


def make_large(shelf: Shelf) -> None:
    """A partition for the agency, as the promotion makes it; without an index."""
    name = f"ai.embeddings_vector_1536_{shelf.agency.hex}"
    shelf.run(
        f"create table {name} partition of ai.embeddings_vector_1536_large"
        f" for values in ('{shelf.agency}')"
    )


def test_a_vector_that_moves_keeps_what_it_says(shelf: Shelf) -> None:
    make_large(shelf)
    shelf.run(
        "update ai.agency_tiers set tier = 'large', state = 'moving' where agency_id = %s",
        shelf.agency,
    )
    everything = "select * from ai.embeddings_vector_1536 where agency_id = %s order by id"
    before = shelf.run(everything, shelf.agency)
    shelf.run(
        "update ai.embeddings_vector_1536 set tier = 'large' where agency_id = %s", shelf.agency
    )
    after = shelf.run(everything, shelf.agency)
    assert after == [{**row, "tier": "large"} for row in before]


def test_an_agency_is_not_moved_while_a_vector_is_written(shelf: Shelf) -> None:
    """The worker leaves the tier out: its default is right, and stays so until the end."""
    database = shelf.desk.office.database
    memory = shelf.add(
        "ai.memories", subject="agency", kind="semantic", content="New", visibility="agency"
    )
    with database.connect("gardenos_worker") as one, database.connect("gardenos_worker") as two:
        for worker in (one, two):
            worker.execute("select app.bind_worker(%s)", [shelf.agency])
        values = [shelf.agency, memory, shelf.model, bytes(32), NUMBERS]
        assert one.execute(INSERT, values).fetchall() == [("small",)]
        two.execute("set local lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            two.execute("update ai.agency_tiers set tier = 'large'")
        two.rollback()
        one.rollback()


def test_nobody_reaches_a_partition_by_itself(shelf: Shelf) -> None:
    office = shelf.desk.office
    make_large(shelf)
    for leaf in LEAVES:
        with acting(office.client, shelf.desk.owner.claims()):
            assert attempt(office.client, f"select 1 from {leaf}").sqlstate == "42501", leaf
        for role in ("service_role", "gardenos_worker", "gardenos_auditor", "gardenos_search"):
            with office.superuser.transaction(force_rollback=True):
                office.superuser.execute(f"set local role {role}".encode())
                outcome = attempt(office.superuser, f"select 1 from {leaf}")
                assert outcome.sqlstate == "42501", (role, leaf)
        with office.superuser.transaction(force_rollback=True):
            office.superuser.execute("set local role gardenos_owner")
            assert attempt(office.superuser, f"select 1 from {leaf}").count == 0, leaf


def unique_vector(shelf: Shelf, **text: UUID) -> str | None:
    """The SQLSTATE of a second vector of a text."""
    try:
        shelf.vector(tier="small", **text)
    except psycopg.Error as error:
        return error.sqlstate
    return None


def test_a_text_has_one_vector_of_a_model(shelf: Shelf) -> None:
    assert unique_vector(shelf, memory_id=shelf.memories["agency"]) == "23505"


def test_a_deleted_text_has_no_vector(shelf: Shelf) -> None:
    memory = shelf.memories["agency"]
    shelf.run("update ai.memories set deleted_at = now() where id = %s", memory)
    assert shelf.vectors(memory_id=memory) == 0
    assert unique_vector(shelf, memory_id=memory) == "23514"
