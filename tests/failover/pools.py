"""Witnesses behind a connection pool: what the next user of a connection finds in it."""

import itertools
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from tests.clients.idempotent import abandon
from tests.failover.crew import Crew, is_absence
from tests.failover.evidence import Probe
from tests.failover.readers import HELD, Finding, counts, sees_nothing, sees_own
from tests.failover.stand import Agency, Stage, become

# The pool tries again after 1, 2, 4 … seconds. After this long it begins anew at its next use;
# with its default of 300 seconds a cluster that is back may wait 16 more.
RECONNECT_SECONDS = 5
CHECKOUT_SECONDS = 3

TRANSACTION = "a pooled connection keeps no claims of a transaction"
SESSION = "claims of a session end with its connection"


def reuse(crew: Crew, stage: Stage, foreign: sql.Composed, name: str, pause: float) -> None:
    """Set claims for a transaction, as services must; the next user of the connection has none."""
    with _pool(crew) as pool:
        for turn in itertools.count():
            if not crew.wait_turn(pause):
                return
            agency = stage.agencies[turn % len(stage.agencies)]
            _probe(crew, pool, name, TRANSACTION, agency, foreign, lose=False)


def lose(crew: Crew, stage: Stage, foreign: sql.Composed, name: str, pause: float) -> None:
    """Set claims for the session, as nobody must, and lose the connection: the next has none."""
    with _pool(crew) as pool:
        for turn in itertools.count():
            if not crew.wait_turn(pause):
                return
            agency = stage.agencies[turn % len(stage.agencies)]
            _probe(crew, pool, name, SESSION, agency, foreign, lose=True)


@contextmanager
def _pool(crew: Crew) -> Iterator[ConnectionPool[Connection[Any]]]:
    """A pool of one connection, so that the next user gets what the last one left."""
    # it tells of each connection that it replaces, and here that is the point
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    pool: ConnectionPool[Connection[Any]] = ConnectionPool(
        crew.reach.url("authenticator"),
        kwargs={"connect_timeout": 2, "application_name": "failover suite, pooled"},
        min_size=1,
        max_size=1,
        reconnect_timeout=RECONNECT_SECONDS,
        timeout=CHECKOUT_SECONDS,
        configure=lambda connection: (crew.watch(connection), None)[1],
        open=True,
    )
    try:
        yield pool
    finally:
        pool.close(timeout=CHECKOUT_SECONDS)


def _probe(
    crew: Crew,
    pool: ConnectionPool[Connection[Any]],
    name: str,
    question: str,
    agency: Agency,
    foreign: sql.Composed,
    *,
    lose: bool,
) -> None:
    begun = time.monotonic()
    try:
        with pool.connection() as connection:
            verdict, detail = (_leave_claims if lose else sees_own)(connection, agency, foreign)
            connection.rollback()
            if lose:
                _lose(connection)
        if verdict == "held":
            with pool.connection() as connection:
                verdict, detail = finds_nothing(connection, foreign)
    except psycopg.Error as error:
        verdict = "down" if is_absence(error) else "broken"
        detail = f"{error.sqlstate or ''} {error}".strip()
    crew.evidence.add(Probe(name, "rw", question, verdict, begun, time.monotonic() - begun, detail))


def _leave_claims(connection: Connection[Any], agency: Agency, foreign: sql.Composed) -> Finding:
    """Leave role and claims in the session, and see that they work."""
    become(connection, "authenticated", agency.claims(agency.owner))
    connection.execute(
        "select set_config(name, current_setting(name), false)"
        "  from unnest(array['role', 'request.jwt.claims']) as s (name)"
    )
    connection.commit()
    leaked = counts(connection, foreign, agency)
    return ("broken", f"{agency.id} sees {leaked}") if leaked else HELD


def _lose(connection: Connection[Any]) -> None:
    """Cut the connection, and let its pool notice: it finds out at the next statement."""
    abandon(connection)
    with suppress(psycopg.OperationalError):
        connection.execute("select")


def finds_nothing(connection: Connection[Any], foreign: sql.Composed) -> Finding:
    """The session is the bare login: no claims, null or empty, and then no rows either."""
    row = connection.execute(
        "select current_user::text, coalesce(current_setting('request.jwt.claims', true), '')"
    ).fetchone()
    if row != ("authenticator", ""):
        return "broken", f"the connection came with {row}"
    return sees_nothing(connection, None, foreign)
