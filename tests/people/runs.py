"""Runs of the state machine: so many steps, with a seed that plays them again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from psycopg.rows import dict_row

from tests.database import Database
from tests.people.machine import Disagreement, People, Tally
from tests.people.town import Town

STEPS_OF_AN_EXAMPLE = 50
# after some more examples hypothesis varies those it had, and these grow short
EXAMPLES_OF_A_ROUND = 40
SEARCH = (Phase.generate,)
SEARCH_AND_SHRINK = (Phase.generate, Phase.shrink)


@contextmanager
def opened(database: Database) -> Iterator[Town]:
    """The town in this database, with nobody in it yet."""
    with (
        database.connect(autocommit=True, row_factory=dict_row) as superuser,
        database.connect("authenticator", autocommit=True, row_factory=dict_row) as client,
    ):
        town = Town(superuser, client)
        town.settle()
        yield town


def play(
    town: Town,
    steps: int,
    number: int,
    phases: tuple[Phase, ...] = SEARCH_AND_SHRINK,
    progress: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """Play until so many steps are done.

    Args:
        town: where.
        steps: at least so many.
        number: the seed; the same one plays the same acts. Each round of examples has the next.
        phases: whether a disagreement is shrunk to few steps, which takes a minute.
        progress: called after each step.

    Raises:
        Disagreement: model and database do not say the same; a note names the seed of the round.
    """
    tally = Tally(progress=progress)
    while tally.steps < steps:
        examples = min(EXAMPLES_OF_A_ROUND, ceil((steps - tally.steps) / STEPS_OF_AN_EXAMPLE) + 1)
        # a class of its own: hypothesis keeps the seed in it
        machine = type("People", (People,), {"town": town, "tally": tally})
        try:
            run_state_machine_as_test(
                seed(number)(machine),
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=STEPS_OF_AN_EXAMPLE,
                    phases=phases,
                    # a busy machine is no disagreement, and nothing is kept between runs
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                    report_multiple_bugs=False,
                ),
            )
        except Disagreement as error:
            error.add_note(f"seed {number}")
            raise
        number += 1
    return tally
