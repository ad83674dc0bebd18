"""Witnesses that write, each key once, and remember what they were told about it."""

import itertools
import random
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection

from tests.clients.idempotent import Client, Fate, GaveUp, Try
from tests.failover.crew import Crew, Stopped, is_absence
from tests.failover.evidence import Attempt, Outcome, Probe
from tests.failover.reach import ANSWERING_ADDRESS
from tests.failover.stand import Agency, Stage, become

# Longer than any fault: a writer goes on with its key until it knows.
PATIENCE_SECONDS = 600

OUTCOMES: dict[Fate, Outcome] = {
    Fate.ACKED: "acked",
    Fate.REFUSED: "refused",
    Fate.UNKNOWN: "unknown",
}


def write(
    crew: Crew, stage: Stage, name: str, addresses: Mapping[str, str], per_second: float
) -> None:
    """Write one key after the other, going round the agencies, until the run ends.

    Args:
        crew: the run.
        stage: the agencies; their owners write.
        name: who this is.
        addresses: address to node.
        per_second: how many writes, when each is answered at once.
    """
    client = Client(lambda: crew.connect("authenticator", "rw"))
    start = random.randrange(len(stage.agencies))
    try:
        for turn in itertools.count(start):
            if not crew.wait_turn(random.uniform(0.5, 1.5) / per_second):
                return
            _write_one(crew, client, stage.agencies[turn % len(stage.agencies)], name, addresses)
    finally:
        client.close()


def _write_one(
    crew: Crew, client: Client, agency: Agency, name: str, addresses: Mapping[str, str]
) -> None:
    key = uuid4()
    attempts: dict[int, Attempt] = {}
    facts: dict[str, Any] = {}

    def work(connection: Connection[Any]) -> None:
        become(connection, "authenticated", agency.claims(agency.owner))
        facts.update(write_row(connection, agency.id, key))

    def watch(attempt: Try) -> None:
        record = attempts.get(attempt.number)
        if record is None:
            record = Attempt(key, agency.id, name, attempt.number, attempt.begun)
            attempts[attempt.number] = record
            facts.clear()
            crew.evidence.add(record)
        crew.evidence.update(record, lambda kept: _copy(attempt, facts, addresses, kept))

    try:
        client.once(work, patience=PATIENCE_SECONDS, watch=watch)
    except GaveUp:
        return
    except Stopped:
        for record in attempts.values():
            if record.outcome == "in flight":
                crew.evidence.update(record, lambda kept: setattr(kept, "outcome", "refused"))
        raise
    except psycopg.Error as error:
        if is_absence(error):
            return
        crew.evidence.add(
            Probe(
                name,
                "rw",
                "a member writes rows of its own",
                "broken",
                next(reversed(attempts.values())).begun,
                0,
                f"{error.sqlstate} {error}",
            )
        )


def write_row(connection: Connection[Any], agency_id: UUID, key: UUID) -> dict[str, Any]:
    """Write the key to all tables, or lock what is there; say who answers, and with which id.

    The other rows are written only with the first: were one missing alone, a part of a transaction
    would have survived, and a retry must not cover that up. The company leaves an event.
    """
    inserted = connection.execute(
        "insert into tenancy.teams (agency_id, id, name) values (%s, %s, %s)"
        " on conflict (agency_id, id) do nothing",
        (agency_id, key, f"chaos {key}"),
    ).rowcount
    if inserted:
        connection.execute(
            "insert into chaos.ledger (key, agency_id) values (%s, %s)", (key, agency_id)
        )
        connection.execute(
            "insert into crm.companies (agency_id, id, name) values (%s, %s, %s)",
            (agency_id, key, f"chaos {key}"),
        )
    else:
        connection.execute("select from tenancy.teams where id = %s for update", (key,))
    row = connection.execute(
        f"""
        select
            (select l.id from chaos.ledger as l where l.key = %s),
            {ANSWERING_ADDRESS},
            ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
        """.encode(),
        (key,),
    ).fetchone()
    assert row is not None
    return dict(zip(("ledger_id", "address", "timeline"), row, strict=True))


def _copy(
    attempt: Try, facts: Mapping[str, Any], addresses: Mapping[str, str], record: Attempt
) -> None:
    record.sent = attempt.commit_sent
    record.answered = attempt.answered
    if attempt.fate is not None:
        record.outcome = OUTCOMES[attempt.fate]
    if attempt.error is not None:
        record.sqlstate = attempt.error.sqlstate
        record.message = str(attempt.error).strip()
    if facts:
        record.ledger_id = facts["ledger_id"]
        record.timeline = facts["timeline"]
        record.node = addresses.get(facts["address"], facts["address"])
