"""The library's own conformance suite, on our tables, as `authenticated` with an agent's claims."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import pytest
from langgraph.checkpoint.conformance import (  # type: ignore[import-untyped]
    checkpointer_test,
    validate,
)
from langgraph.checkpoint.conformance.capabilities import (  # type: ignore[import-untyped]
    Capability,
)
from langgraph.checkpoint.conformance.report import (  # type: ignore[import-untyped]
    CapabilityReport,
    ProgressCallbacks,
)
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

from tests.ai.threads import Garden, Studio, studio_in
from tests.clients.agent_pool import MAINTENANCE, AsyncAgentPool
from tests.database import Cluster

SUITE = "langgraph.checkpoint.conformance"


@pytest.fixture(scope="module")
def studio(cluster: Cluster) -> Iterator[Studio]:
    with cluster.migrated() as database, studio_in(database) as found:
        yield found


def conformance(
    studio: Studio, garden: Garden, claims: dict[str, Any], roles: set[str]
) -> CapabilityReport:
    """Run the suite; every agent's transaction begins at REPEATABLE READ, as pruning asks."""

    @checkpointer_test(  # type: ignore[untyped-decorator]
        name="AsyncPostgresSaver as authenticated, with claims"
    )
    async def saver() -> AsyncGenerator[AsyncPostgresSaver, None]:
        async with AsyncAgentPool(studio.address, studio.signer, isolation=MAINTENANCE) as pool:
            acting = pool.acting(claims)
            async with acting.connection() as connection:
                cursor = await connection.execute("select current_user::text as who")
                roles.update(row["who"] for row in await cursor.fetchall())
            yield AsyncPostgresSaver(acting)

    return asyncio.run(validate(saver, progress=ProgressCallbacks.quiet()))


def test_the_conformance_suite_passes(
    studio: Studio,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    garden = studio.found()

    def conversation() -> UUID:
        """A conversation for each id that the suite invents: any of them may be a thread's."""
        made = uuid4()
        garden.conversation(made)
        return made

    for module in ("test_utils", *(f"spec.test_{each.value}" for each in Capability)):
        patched: Callable[..., None] = monkeypatch.setattr
        patched(import_module(f"{SUITE}.{module}"), "uuid4", conversation)
    roles: set[str] = set()
    report = conformance(studio, garden, garden.for_owner(), roles)
    with capsys.disabled():
        report.print_report()
    failures = [line for result in report.results.values() for line in result.failures]
    assert failures == []
    assert roles == {"authenticated"}
    assert {name for name, result in report.results.items() if result.detected} == {
        "put",
        "put_writes",
        "get_tuple",
        "list",
        "delete_thread",
        "prune",
    }
    assert report.conformance_level() == "FULL"
    assert sum(result.tests_passed for result in report.results.values()) > 50
