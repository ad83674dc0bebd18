"""What agents know never tells more than what it was made of, to anybody.

The cells of the matrix say who reads documents and memories; this says that no cell is wider than
the record behind it. Everybody of an agency looks, in person and through an agent.
"""

import json
from uuid import UUID

import pytest

from tests.policies.access import Connection, acting
from tests.policies.world import World

SOURCES = {
    "file_id": "crm.files",
    "conversation_id": "crm.conversations",
    "activity_id": "crm.activities",
    "contact_id": "crm.contacts",
    "company_id": "crm.companies",
    "deal_id": "crm.deals",
}
GONE = {"suspended", "removed"}
LEAKS = " union all ".join(
    f"select '{table} by {column}' as place, t.id from ai.{table} as t"
    f" where t.{column} is not null and not exists"
    f" (select 1 from {source} as s where s.id = t.{column})"
    for table in ("documents", "memories")
    for column, source in SOURCES.items()
    if table == "documents" or source in ("crm.contacts", "crm.companies", "crm.deals")
)
ORPHANS = " union all ".join(
    f"select '{table} by {column}' as place, t.id from ai.{table} as t"
    f" where t.{column} is not null and not exists"
    f" (select 1 from ai.{source} as s where s.id = t.{column})"
    for table, column, source in (
        ("chunks", "document_id", "documents"),
        ("embeddings_vector_1536", "chunk_id", "chunks"),
        ("embeddings_vector_1536", "memory_id", "memories"),
        ("embeddings_halfvec_3072", "memory_id", "memories"),
    )
)
KNOWN = "select (select count(*) from ai.documents) + (select count(*) from ai.memories) as n"


def leaks(client: Connection) -> tuple[int, list[tuple[str, UUID]]]:
    """How much is seen, and what of it has a source that is not."""
    (row,) = client.execute(KNOWN).fetchall()
    found = client.execute(f"{LEAKS} union all {ORPHANS}".encode()).fetchall()
    return row["n"], [(one["place"], one["id"]) for one in found]


@pytest.mark.parametrize("through_agent", [False, True], ids=["in person", "through an agent"])
def test_nobody_sees_more_than_the_source(
    client: Connection, world: World, *, through_agent: bool
) -> None:
    agent = world.a.members["agent"]
    more = {"act": {"user_id": str(agent.user_id)}} if through_agent else {}
    seen = {}
    for name, member in world.a.members.items():
        if name in GONE or (through_agent and member.role == "ai_agent"):
            continue
        with acting(client, member.claims(**more)):
            seen[name], found = leaks(client)
            assert found == [], name
    assert seen["owner"] > seen["viewer"] > 0 or through_agent
    assert seen["client"] == 0


def test_a_policy_that_forgets_who_takes_part_is_noticed(
    superuser: Connection, world: World
) -> None:
    """A member who reaches everything, and a conversation they take no part in."""
    member = world.a.members["member2"]
    weaker = "using (agency_id = (select app.agency_id()))"
    with superuser.transaction(force_rollback=True):
        superuser.execute(
            f'alter policy "staff read documents within their scope" on ai.documents {weaker}'
        )
        superuser.execute("set local role authenticated")
        superuser.execute(
            "select set_config('request.jwt.claims', %s, true)", [json.dumps(member.claims())]
        )
        _, found = leaks(superuser)
        assert any(place == "documents by conversation_id" for place, _ in found)
