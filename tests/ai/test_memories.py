"""Memories: about the same for life, never telling what a record hides, written by who may."""

from uuid import UUID, uuid4

import pytest

from tests.ai.desk import Shelf
from tests.audit.trail import Person
from tests.policies.access import Outcome, acting, attempt

FACT = {"kind": "semantic", "content": "Fact", "visibility": "agency"}


def written(shelf: Shelf, who: Person, **values: object) -> Outcome:
    """How it goes when somebody writes a memory; it is not kept."""
    row: dict[str, object] = {**FACT, **values}
    office = shelf.desk.office
    with acting(office.client, who.claims()):
        return attempt(
            office.client,
            f"insert into ai.memories ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})",
            list(row.values()),
        )


def test_a_memory_about_a_record_is_the_owners_of_the_record(shelf: Shelf) -> None:
    contact = shelf.sources["contact"]
    assert written(shelf, shelf.desk.owner, subject="contact", contact_id=contact).count == 1
    shelf.run(
        "update crm.contacts set owner_id = %s where id = %s",
        shelf.colleague.membership_id,
        contact,
    )
    outcome = written(shelf, shelf.desk.owner, subject="contact", contact_id=contact)
    assert outcome.refused_by_policy, outcome
    assert written(shelf, shelf.colleague, subject="contact", contact_id=contact).count == 1


def test_nobody_writes_about_a_record_that_they_cannot_read(shelf: Shelf) -> None:
    """An agent that reaches its team only; the link is refused, not the row."""
    agent = shelf.desk.office.hire(shelf.desk.owner)
    other = shelf.sources["contact"]
    new = {"subject": "agency", "owner_id": agent.membership_id}
    hidden = shelf.memory("agency", owner_id=shelf.desk.owner.membership_id, visibility="private")
    assert written(shelf, agent, **new).count == 1
    outcome = written(shelf, agent, **new, superseded_by_id=hidden)
    assert outcome.refused_by_trigger, outcome
    outcome = written(shelf, agent, subject="contact", contact_id=other)
    assert outcome.refused_by_policy, outcome


def test_only_the_colleague_reads_what_is_about_the_colleague(shelf: Shelf) -> None:
    memory = shelf.memories["member"]
    office = shelf.desk.office
    for who, seen in ((shelf.desk.owner, 1), (shelf.colleague, 0)):
        with acting(office.client, who.claims()):
            found = attempt(office.client, "select 1 from ai.memories where id = %s", [memory])
            assert found.count == seen
    outcome = written(
        shelf,
        shelf.desk.owner,
        subject="member",
        membership_id=shelf.colleague.membership_id,
        owner_id=shelf.desk.owner.membership_id,
        visibility="private",
    )
    assert outcome.sqlstate == "23514", outcome


@pytest.mark.parametrize(
    "change",
    ["subject = 'agency', contact_id = null", "contact_id = null, company_id = {company}"],
)
def test_what_a_memory_is_about_never_changes(shelf: Shelf, change: str) -> None:
    company = f"'{shelf.sources['company']}'"
    statement = f"update ai.memories set {change.format(company=company)} where id = %s"
    assert shelf.desk.refused(statement, shelf.memories["contact"]) == "PT403"


def test_an_agent_neither_opens_nor_deletes_a_memory(shelf: Shelf) -> None:
    agent = shelf.desk.office.hire(shelf.desk.owner)
    memory = shelf.memory("agency", owner_id=agent.membership_id)
    for change, sqlstate in (
        ("importance = 1", None),
        ("visibility = 'team'", "42501"),
        ("owner_id = null", "42501"),
        ("deleted_at = now()", "42501"),
    ):
        refused = shelf.desk.refused(
            f"update ai.memories set {change} where id = %s", memory, who=agent
        )
        assert refused == sqlstate, change


def test_the_hash_is_that_of_the_content_whatever_is_written(shelf: Shelf) -> None:
    memory = shelf.memories["agency"]
    shelf.run("update ai.memories set content_sha256 = %s where id = %s", bytes(32), memory)
    shelf.run("update ai.memories set content = 'Other' where id = %s", memory)
    (row,) = shelf.run(
        "select content_sha256 = sha256('Other') as same from ai.memories where id = %s", memory
    )
    assert row["same"]


def test_a_merge_takes_memories_and_documents_along(shelf: Shelf) -> None:
    owner, loser = shelf.desk.owner, shelf.sources["contact"]
    winner = shelf.add("crm.contacts", full_name="Zoë", team_id=shelf.teams[0])
    merge = shelf.desk.do("select app.merge_contacts(%s, %s)", winner, loser)
    for table, row in (
        ("ai.memories", shelf.memories["contact"]),
        ("ai.documents", shelf.documents["contact"]),
    ):
        moved = shelf.desk.row(table, row)
        assert (moved["contact_id"], moved["deleted_at"]) == (winner, None), table
        assert moved["team_id"] == shelf.teams[0], table
    shelf.desk.do("select app.undo_merge(%s)", merge)
    back = shelf.desk.row("ai.memories", shelf.memories["contact"])
    assert (back["contact_id"], back["owner_id"]) == (loser, owner.membership_id)
    assert back["deleted_at"] is None


def test_a_model_that_is_used_is_not_deleted(shelf: Shelf) -> None:
    shelf.run(
        "update tenancy.agencies set embedding_model_id = %s where id = %s",
        shelf.model,
        shelf.agency,
    )
    outcome = attempt(
        shelf.desk.office.superuser,
        "delete from ai.embedding_models where id = %s",
        [shelf.model],
    )
    assert outcome.sqlstate == "23503"
    outcome = attempt(
        shelf.desk.office.superuser,
        "update tenancy.agencies set embedding_model_id = %s where id = %s",
        [uuid4(), shelf.agency],
    )
    assert outcome.sqlstate == "23503"


def run_of(shelf: Shelf, visibility: str, team: UUID | None = None) -> UUID:
    """A run of an agent for the owner."""
    return shelf.add(
        "ai.agent_runs",
        agent_key="helper",
        agent_membership_id=shelf.desk.office.hire(shelf.desk.owner).membership_id,
        on_behalf_of_id=shelf.desk.owner.membership_id,
        visibility=visibility,
        team_id=team,
    )


def seen_by(shelf: Shelf, memory: UUID) -> set[str]:
    """How visible a memory is, and its vector."""
    return {
        row["visibility"]
        for table, column in (("memories", "id"), ("embeddings_vector_1536", "memory_id"))
        for row in shelf.run(
            f"select visibility::text from ai.{table} where agency_id = %s and {column} = %s",
            shelf.agency,
            memory,
        )
    }


def test_a_memory_is_never_more_visible_than_its_run(shelf: Shelf) -> None:
    mine, other = shelf.teams
    owner = shelf.desk.owner.membership_id
    for run, memory, wanted in (
        (("private", None), ("agency", mine), "private"),
        (("team", mine), ("agency", mine), "team"),
        (("team", mine), ("team", mine), "team"),
        (("team", mine), ("team", other), "private"),
        (("agency", None), ("team", other), "team"),
        (("agency", None), ("agency", None), "agency"),
    ):
        visibility, team = memory
        written = shelf.memory(
            "agency",
            owner_id=owner,
            visibility=visibility,
            team_id=team,
            source_run_id=run_of(shelf, *run),
        )
        assert seen_by(shelf, written) == {wanted}, (run, memory)
        shelf.run("update ai.memories set visibility = 'agency' where id = %s", written)
        widest = "agency" if run[0] == "agency" else wanted
        assert seen_by(shelf, written) == {widest}, (run, memory)


def test_a_memory_becomes_narrower_with_its_run(shelf: Shelf) -> None:
    run = run_of(shelf, "agency")
    memory = shelf.memory(
        "agency", owner_id=shelf.desk.owner.membership_id, visibility="agency", source_run_id=run
    )
    narrower = "update ai.agent_runs set visibility = %s where id = %s"
    shelf.run("alter table ai.agent_runs disable trigger narrow_memories")
    try:
        shelf.run(narrower, "team", run)
        assert seen_by(shelf, memory) == {"agency"}, "it is the trigger that narrows"
    finally:
        shelf.run("alter table ai.agent_runs enable trigger narrow_memories")
    shelf.run(narrower, "private", run)
    assert seen_by(shelf, memory) == {"private"}
    shelf.run(narrower, "agency", run)
    assert seen_by(shelf, memory) == {"private"}, "what was private stays so"


def test_what_a_private_run_remembers_is_of_who_takes_part(shelf: Shelf) -> None:
    new = {"subject": "agency", "visibility": "agency", "source_run_id": run_of(shelf, "private")}
    for owner, refused in ((shelf.desk.owner, None), (shelf.colleague, "23514")):
        values = {**FACT, **new, "agency_id": shelf.agency, "owner_id": owner.membership_id}
        outcome = attempt(
            shelf.desk.office.superuser,
            f"insert into ai.memories ({', '.join(values)})"
            f" values ({', '.join(['%s'] * len(values))})",
            list(values.values()),
        )
        assert outcome.sqlstate == refused, outcome
