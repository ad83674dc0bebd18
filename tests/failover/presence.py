"""What is known of each key from the evidence, and what is in the tables."""

from collections.abc import Collection
from typing import Literal
from uuid import UUID

from psycopg import sql

from tests.failover.evidence import Evidence
from tests.failover.reach import Reach, connect

# open: its writer may still be trying
Fate = Literal["acked", "refused", "unknown", "open"]

# Where a key is written, and the column that holds it.
LEDGER, TEAMS = ("chaos.ledger", "key"), ("tenancy.teams", "id")


def fates(evidence: Evidence) -> dict[UUID, Fate]:
    """Key to what its writer was told, all tries together."""
    told: dict[UUID, set[str]] = {}
    last: dict[str, UUID] = {}
    for attempt in evidence.attempts:
        told.setdefault(attempt.key, set()).add(attempt.outcome)
        last[attempt.writer] = attempt.key
    found: dict[UUID, Fate] = {}
    for key, outcomes in told.items():
        if "acked" in outcomes:
            found[key] = "acked"
        elif not evidence.finished and key in last.values():
            found[key] = "open"
        else:
            found[key] = "refused" if outcomes == {"refused"} else "unknown"
    return found


def presence(reach: Reach, node: str, keys: Collection[UUID]) -> dict[UUID, tuple[int, int]]:
    """Key to how often it is in the ledger and among the teams of a node.

    No index is asked: after a crash one may have lost a row that the table has, or the reverse.

    Raises:
        psycopg.OperationalError: the node does not answer.
    """
    found: list[dict[UUID, int]] = []
    with connect(reach, "postgres", through=node) as connection:
        connection.read_only = True
        for way in ("indexscan", "indexonlyscan", "bitmapscan"):
            connection.execute(sql.SQL("set local enable_{} = off").format(sql.SQL(way)))
        for table, column in (LEDGER, TEAMS):
            query = sql.SQL(
                "select {column}, count(*) from {table} where {column} = any(%s) group by 1"
            ).format(column=sql.Identifier(column), table=sql.SQL(table))
            found.append(dict(connection.execute(query, (list(keys),)).fetchall()))
    ledger, teams = found
    return {key: (ledger.get(key, 0), teams.get(key, 0)) for key in keys}


def lost(evidence: Evidence, reach: Reach, node: str) -> list[UUID]:
    """Keys that were acked and are not in both tables of a node."""
    acked = [key for key, fate in fates(evidence).items() if fate == "acked"]
    return [key for key, there in presence(reach, node, acked).items() if 0 in there]
