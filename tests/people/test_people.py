"""People of random roles act at random; a model in Python and the database must agree, always."""

from collections.abc import Callable

import pytest

from tests.people.runs import play
from tests.people.town import TABLES, Town
from tests.policies.matrix import Command, Matrix

STEPS = 2000
SEED = 6
# the matrix alone looks at these: no record hangs on them, or functions write them
NOT_PLAYED = {
    "ai.chunks",
    "ai.documents",
    "ai.embedding_models",
    "ai.embeddings_halfvec_3072",
    "ai.embeddings_vector_1536",
    "ai.memories",
    "audit.log",
    "audit.retired",
    "audit.seals",
    "audit.verifications",
    "crm.custom_field_defs",
    "crm.lookup_values",
    "crm.merge_records",
    "governance.erasure_requests",
    "governance.retention_policies",
    "integration.import_jobs",
    "integration.import_rows",
    "integration.webhook_deliveries",
    "integration.webhook_endpoints",
    "tenancy.agencies",
    "tenancy.api_keys",
    "tenancy.invitations",
    "tenancy.user_identities",
    "tenancy.users",
}


@pytest.mark.slow
def test_people_do_and_see_what_the_model_says(town: Town, say: Callable[[str], None]) -> None:
    """`make people STEPS=50000` plays more, with another seed each time."""
    tally = play(town, STEPS, SEED)
    say(f"{tally}, no disagreement (seed {SEED})")
    assert tally.steps >= STEPS
    # it did get things done, and it was refused
    assert tally.outcomes["one row"] > STEPS / 5
    assert tally.outcomes["42501"] > STEPS / 50


def test_every_table_that_somebody_reads_is_played_or_named() -> None:
    matrix = Matrix()
    readable = {table for table in matrix.tables if matrix.granted(table, Command.SELECT)}
    assert readable - set(TABLES) == NOT_PLAYED
    assert set(TABLES) <= readable
