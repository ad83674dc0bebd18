"""Does the state machine see it? Policies broken on purpose, on which it must disagree."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.conftest import Mutant
from tests.people.machine import Disagreement
from tests.people.runs import SEARCH, play
from tests.people.town import Town
from tests.policies.broken import function, policy

# so many steps at the most; most are seen much earlier
STEPS = 1500
SEED = 3


@dataclass(frozen=True)
class Broken:
    """A policy or a function that loses one piece of its text.

    Attributes:
        make: `policy` or `function`, which read the file.
        place: the arguments that say which one.
    """

    what: str
    make: Callable[..., str]
    place: tuple[str, ...]
    old: str
    new: str


BROKEN = [
    Broken(
        "a team no longer reads its contacts",
        policy,
        ("crm.contacts", "staff read contacts within their scope"),
        "or team_id = any((select app.my_teams())::uuid[])",
        "",
    ),
    Broken(
        "private conversations are read by all who read the others",
        policy,
        ("crm.conversations", "people read conversations they take part in, staff by role"),
        "visibility <> 'private'",
        "true",
    ),
    Broken(
        "everybody reads the deals in the trash",
        policy,
        ("crm.deals", "staff read deals within their scope"),
        "deleted_at is null",
        "true",
    ),
    Broken(
        "an agent that acts for somebody may all that they may",
        function,
        ("app.reach",),
        "if proof.agent_id is null or mine is null then",
        "if true then",
    ),
]


def install(town: Town, broken: Broken, text: str) -> None:
    """Put the policy or function in place, with this text instead of the old one."""
    with town.superuser.transaction():
        town.superuser.execute(broken.make(*broken.place, broken.old, text).encode())


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.what.replace(" ", "-"))
def test_a_broken_rule_is_noticed(town: Town, broken: Broken, mutant: Mutant) -> None:
    mutant("policy", "people", broken.what)
    install(town, broken, broken.new)
    try:
        with pytest.raises(Disagreement):
            play(town, STEPS, SEED, SEARCH)
    finally:
        install(town, broken, broken.old)
