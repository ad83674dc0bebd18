"""How an agent gives LangGraph's savers and stores their connections: reference code for a team.

The library works in autocommit and takes a connection for each call; claims hold for a transaction.
So it is given a pool whose `connection()` opens a transaction, binds it to signed claims, finds the
library's tables by a local `search_path`, and commits when the call returns. Every call is one
short bound transaction; nothing is set for the session, none is open while a model answers.

    with AgentPool(address, signer) as pool:
        saver = PostgresSaver(pool.acting(claims))
        store = PostgresStore(pool.acting(claims), index={"dims": 1536, "embed": embed})

Make them for each run: they hold its claims, and `AsyncPostgresStore` joins calls that come
together, so one that people share would answer one of them with the claims of another. The tables
are there: never call `setup()`. Connect to the primary: reading an item may put off its expiry.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

from psycopg import AsyncConnection, Connection, IsolationLevel
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from tests.clients.sessions import Signed, Signer

BIND = (
    "select app.bind_session(%s, %s, %s), set_config('search_path', 'langgraph, extensions', true)"
)
# Statements are not prepared: a pooler may give the next transaction another session.
OPTIONS: dict[str, Any] = {"autocommit": True, "prepare_threshold": None, "row_factory": dict_row}

# The library's `prune(strategy="keep_latest")` wants its transaction to begin so.
MAINTENANCE = IsolationLevel.REPEATABLE_READ


def _signed(signer: Signer, claims: Mapping[str, Any]) -> Callable[[], Signed]:
    """What signs these claims anew for each transaction: a signature does not live long."""
    text = json.dumps(dict(claims), default=str)
    return lambda: signer.sign(text)


def _parameters(signed: Signed) -> list[Any]:
    return [signed.claims, signed.expires_at, signed.signature]


class _Acting(ConnectionPool[Connection[DictRow]]):
    """To the library a pool; it lends the connections of another one, bound to claims."""

    def __init__(
        self, shared: ConnectionPool[Connection[DictRow]], sign: Callable[[], Signed]
    ) -> None:
        # no super().__init__(): it has no connections of its own
        self._shared = shared
        self._sign = sign

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[Connection[DictRow]]:
        """One bound transaction, committed at the end of the block."""
        with self._shared.connection(timeout) as connection, connection.transaction():
            connection.execute(BIND, _parameters(self._sign()))
            yield connection


class _AsyncActing(AsyncConnectionPool[AsyncConnection[DictRow]]):
    """The same for savers and stores that are awaited."""

    def __init__(
        self, shared: AsyncConnectionPool[AsyncConnection[DictRow]], sign: Callable[[], Signed]
    ) -> None:
        self._shared = shared
        self._sign = sign

    @asynccontextmanager
    async def connection(
        self, timeout: float | None = None
    ) -> AsyncIterator[AsyncConnection[DictRow]]:
        """One bound transaction, committed at the end of the block."""
        async with self._shared.connection(timeout) as connection, connection.transaction():
            await connection.execute(BIND, _parameters(self._sign()))
            yield connection


class AgentPool:
    """Connections of the login `gardenos_app`, for all agents of a process."""

    def __init__(
        self,
        address: str,
        signer: Signer,
        *,
        isolation: IsolationLevel | None = None,
        max_size: int = 4,
    ) -> None:
        """Describe it; `with` opens it.

        Args:
            address: a libpq URL of the primary.
            signer: holds the key of the login.
            isolation: how transactions begin: MAINTENANCE for the library's own pruning.
            max_size: how many connections at most.
        """

        def prepare(connection: Connection[DictRow]) -> None:
            connection.set_isolation_level(isolation)

        def forget(connection: Connection[DictRow]) -> None:
            connection.execute("discard all")

        self._signer = signer
        self._pool: ConnectionPool[Connection[DictRow]] = ConnectionPool(
            address,
            kwargs=OPTIONS,
            min_size=1,
            max_size=max_size,
            configure=prepare,
            reset=forget,
            open=False,
        )

    def __enter__(self) -> Self:
        """Open it."""
        self._pool.open()
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._pool.close()

    def acting(self, claims: Mapping[str, Any]) -> ConnectionPool[Connection[DictRow]]:
        """A pool for the savers and stores of one run.

        Args:
            claims: verified claims, of an agent or with `act` of the agent that acts for a person.
        """
        return _Acting(self._pool, _signed(self._signer, claims))


class AsyncAgentPool:
    """The same for savers and stores that are awaited."""

    def __init__(
        self,
        address: str,
        signer: Signer,
        *,
        isolation: IsolationLevel | None = None,
        max_size: int = 4,
    ) -> None:
        """Describe it; `async with` opens it. The arguments are those of `AgentPool`."""

        async def prepare(connection: AsyncConnection[DictRow]) -> None:
            await connection.set_isolation_level(isolation)

        async def forget(connection: AsyncConnection[DictRow]) -> None:
            await connection.execute("discard all")

        self._signer = signer
        self._pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            address,
            kwargs=OPTIONS,
            min_size=1,
            max_size=max_size,
            configure=prepare,
            reset=forget,
            open=False,
        )

    async def __aenter__(self) -> Self:
        """Open it."""
        await self._pool.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close its connections."""
        await self._pool.close()

    def acting(self, claims: Mapping[str, Any]) -> AsyncConnectionPool[AsyncConnection[DictRow]]:
        """See `AgentPool.acting`."""
        return _AsyncActing(self._pool, _signed(self._signer, claims))
