"""People of random roles act at random; a model in Python and the database must agree, always."""

from collections.abc import Callable

import pytest

from tests.people.known import LINKS_NOT_ASKED
from tests.people.runs import play
from tests.people.town import Town

STEPS = 2000
SEED = 6


@pytest.mark.slow
def test_people_do_and_see_what_the_model_says(town: Town, say: Callable[[str], None]) -> None:
    """`make people STEPS=50000` plays more, with another seed each time."""
    tally = play(town, STEPS, SEED)
    say(f"{tally}, no disagreement (seed {SEED})")
    for reason in LINKS_NOT_ASKED.values():
        say(f"not asked: {reason}")
    assert tally.steps >= STEPS
    # it did get things done, and it was refused
    assert tally.outcomes["one row"] > STEPS / 5
    assert tally.outcomes["42501"] > STEPS / 50
