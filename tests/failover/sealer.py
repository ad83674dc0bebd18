"""The witness that seals the trail during a run, as the worker's job does.

So there are seals from before, during and after a fault, and verifying on the new leader (I9) has
something to hold its rows against.
"""

import time

import psycopg

from tests.failover.crew import Crew, is_absence
from tests.failover.evidence import Probe, Verdict

# the proxy still led to a node that is a standby by now
NOT_PRIMARY = {"25006", "55000"}
QUESTION = "what no transaction can add to is sealed"


def seal(crew: Crew, name: str, pause: float) -> None:
    """Seal, until the run ends.

    Args:
        crew: this witness belongs to it.
        name: of this witness.
        pause: seconds between two batches.

    Raises:
        psycopg.Error: sealing was refused for a reason that is no outage.
    """
    while crew.wait_turn(pause):
        begun = time.monotonic()
        verdict: Verdict = "held"
        detail = ""
        try:
            with crew.connect("gardenos_worker", "rw") as connection:
                connection.execute("select audit.seal()")
        except psycopg.Error as error:
            if not is_absence(error) and error.sqlstate not in NOT_PRIMARY:
                raise
            verdict, detail = "down", str(error).strip()
        seconds = time.monotonic() - begun
        crew.evidence.add(Probe(name, "rw", QUESTION, verdict, begun, seconds, detail))
