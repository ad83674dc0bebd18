"""Witnesses that publish the outbox during a run, and remember what left the house.

The publisher notes what it delivered; the courier dies each time before it can note anything, so
it goes on delivering while commits wait for a standby, which is when an event may leave and its
transaction be lost (the cancel hole). What either was given counts as delivered, at once.
"""

import time

import psycopg

from tests.failover.crew import Crew, Line, is_absence
from tests.failover.evidence import Delivery, Probe, Verdict
from tests.failover.sealer import NOT_PRIMARY

QUESTION = "what is safe leaves the house"
# Of one claim: while no standby answers, a round takes this long for each agency with work.
PATIENCE = "100 milliseconds"

CLAIM = """
select agency_id, id, aggregate_id
  from app.claim_outbox_stream(10000, %s::interval)
"""


def publish(crew: Crew, name: str, pause: float, *, notes: bool) -> None:
    """Deliver what is safe, agency by agency, until the run ends.

    Args:
        crew: this witness belongs to it.
        name: of this witness.
        pause: seconds between two rounds.
        notes: whether it marks as published what it delivered.

    Raises:
        psycopg.Error: publishing was refused for a reason that is no outage.
    """
    line = Line(crew, "gardenos_worker", "rw")
    try:
        while crew.wait_turn(pause):
            begun = time.monotonic()
            verdict: Verdict = "held"
            detail = ""
            try:
                _round(crew, line, name, notes=notes)
            except psycopg.Error as error:
                if not is_absence(error) and error.sqlstate not in NOT_PRIMARY:
                    raise
                line.close()
                verdict, detail = "down", str(error).strip()
            seconds = time.monotonic() - begun
            crew.evidence.add(Probe(name, "rw", QUESTION, verdict, begun, seconds, detail))
    finally:
        line.close()


def _round(crew: Crew, line: Line, name: str, *, notes: bool) -> None:
    connection = line.get()
    with connection.transaction():
        agencies = connection.execute("select * from app.agencies_with_work()").fetchall()
    for agency in agencies:
        with connection.transaction(force_rollback=not notes):
            connection.execute("select app.bind_worker(%s)", agency)
            events = connection.execute(CLAIM, [PATIENCE]).fetchall()
            for agency_id, event, record in events:
                crew.evidence.add(Delivery(name, agency_id, event, record, time.monotonic()))
            if notes:
                sent = [event for _, event, _ in events]
                connection.execute("select app.publish_events(%s)", [sent])
