"""Does the state machine see it? Policies broken on purpose, on which it must disagree."""

from dataclasses import dataclass

import pytest

from tests.conftest import Mutant
from tests.database import ROOT
from tests.people.machine import Disagreement
from tests.people.runs import SEARCH, play
from tests.people.town import Town

# so many steps at the most; most are seen much earlier
STEPS = 1500
SEED = 3


@dataclass(frozen=True)
class Broken:
    """A file, the statement in it that is broken, and how."""

    what: str
    file: str
    begins: str
    old: str
    new: str

    def statements(self) -> tuple[str, str]:
        """The broken statement and the sound one."""
        text = (ROOT / self.file).read_text(encoding="utf-8")
        start = text.index(self.begins)
        end = text.index("$function$;" if "function" in self.begins else ";", start)
        sound = text[start:end] + ("$function$;" if "function" in self.begins else ";")
        assert self.old in sound, f"{self.file} no longer says {self.old!r}: break something else"
        return sound.replace(self.old, self.new), sound


BROKEN = [
    Broken(
        "a team no longer reads its contacts",
        "policies/crm.contacts.sql",
        'create policy "staff read contacts within their scope"',
        "or team_id = any((select app.my_teams())::uuid[])",
        "",
    ),
    Broken(
        "private conversations are read by all who read the others",
        "policies/crm.conversations.sql",
        'create policy "people read conversations they take part in, staff by role"',
        "visibility <> 'private'",
        "true",
    ),
    Broken(
        "everybody reads the deals in the trash",
        "policies/crm.deals.sql",
        'create policy "staff read deals within their scope"',
        "deleted_at is null",
        "true",
    ),
    Broken(
        "an agent that acts for somebody may all that they may",
        "sql/functions/app.reach.sql",
        "create or replace function app.reach(",
        "if proof.agent_id is null or mine is null then",
        "if true then",
    ),
]


def install(town: Town, statement: str) -> None:
    """Put a policy or a function in the place of the one that is there."""
    with town.superuser.transaction():
        if statement.startswith("create policy"):
            name, _, rest = statement.removeprefix('create policy "').partition('"')
            table = rest.split()[1]
            town.superuser.execute(f'drop policy "{name}" on {table}'.encode())
        else:
            town.superuser.execute("set local role gardenos_owner")
        town.superuser.execute(statement.encode())


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.what.replace(" ", "-"))
def test_a_broken_rule_is_noticed(town: Town, broken: Broken, mutant: Mutant) -> None:
    mutant("policy", "people", broken.what)
    wrong, sound = broken.statements()
    install(town, wrong)
    try:
        with pytest.raises(Disagreement):
            play(town, STEPS, SEED, SEARCH)
    finally:
        install(town, sound)
