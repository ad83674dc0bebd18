"""What the failover suite needs of a cluster: its nodes, ways to reach them, and who says it leads.

The harness of the real cluster fits `Reach` by its shape. A private server fits it too, so that the
witnesses and the invariants are tested without a cluster.
"""

import time
from typing import Any, Protocol, cast

import psycopg
from psycopg import Connection

# A witness must not wait for a node that does not answer: the next try may find another one.
CONNECT_SECONDS = 2
# Data that the other end does not acknowledge: a cut cable, not a slow statement. Milliseconds.
UNACKNOWLEDGED_MS = 4000
PAUSE_SECONDS = 0.1


class Reach(Protocol):
    """A cluster, as far as a client and an operator can see it."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of the nodes."""

    def url(self, role: str, dbname: str = "gardenos", *, through: str = "rw") -> str:
        """A libpq URL.

        Args:
            role: who logs in.
            dbname: the database.
            through: `rw` and `ro` are the ports of the proxy; the name of a node is its own socket,
                which works while the node is cut off the network.
        """

    def primaries(self) -> set[str]:
        """The nodes that answer 200 to /primary now; takes a second at most."""


def connect(
    reach: Reach,
    role: str,
    *,
    through: str = "rw",
    dbname: str = "gardenos",
    autocommit: bool = False,
) -> Connection[Any]:
    """Log in with short timeouts. The caller closes the connection: use `with`."""
    return psycopg.connect(
        reach.url(role, dbname, through=through),
        autocommit=autocommit,
        connect_timeout=CONNECT_SECONDS,
        tcp_user_timeout=UNACKNOWLEDGED_MS,
        application_name="failover suite",
    )


def rows(
    reach: Reach, through: str, query: str, *arguments: Any, role: str = "postgres"
) -> list[tuple[Any, ...]]:
    """All rows of one query in a READ ONLY transaction."""
    with connect(reach, role, through=through) as connection:
        connection.read_only = True
        return connection.execute(query.encode(), arguments or None).fetchall()


def leader(reach: Reach) -> str | None:
    """The one node that answers and is not in recovery; None while there is none, or two."""
    found = []
    for node in reach.nodes:
        try:
            ((in_recovery,),) = rows(reach, node, "select pg_is_in_recovery()")
        except psycopg.Error:
            continue
        if not in_recovery:
            found.append(node)
    return found[0] if len(found) == 1 else None


def wait_for_leader(reach: Reach, seconds: float = 60) -> str:
    """The node that leads, as soon as there is exactly one.

    Raises:
        TimeoutError: there is none in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = leader(reach)
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"no single leader within {seconds:g} s")
        time.sleep(PAUSE_SECONDS)


def wait_for_replay(reach: Reach, seconds: float = 60) -> None:
    """Return when every node has replayed what the leader has written by now.

    Raises:
        TimeoutError: a node is away or behind; its name is in the message.
    """
    deadline = time.monotonic() + seconds
    position = _mark(reach, wait_for_leader(reach, seconds))
    query = """
        select not pg_is_in_recovery() or pg_last_wal_replay_lsn() >= %s::pg_lsn
    """
    for node in reach.nodes:
        while True:
            try:
                ((done,),) = rows(reach, node, query, position)
            except psycopg.Error:
                done = False
            if done:
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"{node} has not replayed {position} within {seconds:g} s")
            time.sleep(PAUSE_SECONDS)


def _mark(reach: Reach, node: str) -> str:
    """Write a record of our own and flush it, so that a standby gets all of what is before it.

    Neither position of the leader would do: what is inserted may stay in its memory until somebody
    commits, and what is flushed may end at a page, in the middle of a record that nobody replays.
    """
    with connect(reach, "postgres", through=node) as connection:
        connection.execute("set local synchronous_commit = local")
        (position,) = connection.execute(
            "select pg_logical_emit_message(true, 'gardenos.mark', '')::text"
        ).fetchall()[0]
    return cast(str, position)


def addresses(reach: Reach) -> dict[str, str]:
    """Address to node, as `answering_address` gives it; nodes that are down now are left out."""
    found: dict[str, str] = {}
    query = "select current_setting('listen_addresses'), current_setting('port')"
    for node in reach.nodes:
        try:
            ((hosts, port),) = rows(reach, node, query)
        except psycopg.Error:
            continue
        for host in ["socket", *cast(str, hosts).split(",")]:
            found[f"{host.strip()}:{port}"] = node
    return found


# The address under which a session was answered, as an SQL expression.
ANSWERING_ADDRESS = "coalesce(host(inet_server_addr()), 'socket') || ':' || current_setting('port')"
