"""Who decides a call of an agent: who reads its run, and is in charge or the one it acts for.

And the policies of runs and steps, broken on purpose: for each rule the cell that must go red.
"""

from collections.abc import Iterable

import pytest

from tests.conftest import Mutant
from tests.policies.access import Connection, acting, attempt
from tests.policies.broken import Broken, assert_noticed, function, policy
from tests.policies.matrix import Command, Role
from tests.policies.world import PEOPLE, World

IN_CHARGE = (Role.OWNER, Role.ADMIN, Role.MANAGER)
WAITING = (
    "select s.id, r.on_behalf_of_id from ai.agent_steps as s"
    " join ai.agent_runs as r on r.agency_id = s.agency_id and r.id = s.run_id"
    " where s.approval = 'required'"
)


def disagreements(connection: Connection, world: World, names: Iterable[str]) -> list[str]:
    """Steps that somebody decides and should not, or the other way round.

    What people read is asked of the policies. app.decide_step looks past them, and repeats them.
    """
    waiting = [
        row["id"]
        for row in world.rows["ai.agent_steps"]
        if row["agency_id"] == world.a.id and row["approval"] == "required"
    ]
    found, deciding = [], set()
    for name in names:
        me = world.a.members[name]
        with acting(connection, me.claims(), counted=False):
            rows = connection.execute(WAITING).fetchall()
            read = {row["id"]: row["on_behalf_of_id"] for row in rows}
            for step in waiting:
                expected = step in read and (me.role in IN_CHARGE or read[step] == me.membership_id)
                outcome = attempt(connection, "select app.decide_step(%s, true)", [step])
                assert outcome.sqlstate is None or outcome.refused_by_trigger, (name, outcome)
                if (outcome.sqlstate is None) is not expected:
                    found.append(f"{name}: {step} is {'not ' if expected else ''}decided")
                elif expected:
                    deciding.add(name)
    assert deciding or found, "somebody must decide something"
    return found


def test_who_reads_a_run_decides_when_in_charge_or_when_it_acts_for_them(
    client: Connection, world: World
) -> None:
    assert disagreements(client, world, PEOPLE) == []


THREAD = "            place.id is null\n"
LOOSE = {
    "the thread is not asked": (THREAD, "            true\n", ["member", "manager"]),
    "private runs are decided": ("run.visibility <> 'private'\n", "true\n", ["owner"]),
    "a manager decides for any team": (
        "(proof.agency_role <> 'manager' or run.team_id = any(app.my_teams()))",
        "true",
        ["manager"],
    ),
    "who set it off decides": ("and me = run.on_behalf_of_id", "", ["member"]),
}


@pytest.mark.parametrize("mutation", LOOSE)
def test_a_decision_that_asks_less_is_noticed(
    superuser: Connection, world: World, mutation: str, mutant: Mutant
) -> None:
    old, new, names = LOOSE[mutation]
    change = function("app.decide_step", old, new)
    mutant("policy", "test_decisions", mutation)
    with superuser.transaction(force_rollback=True):
        superuser.execute(change.encode())
        assert disagreements(superuser, world, names)


RUNS, STEPS = "ai.agent_runs", "ai.agent_steps"
READ_RUNS = (RUNS, "staff and agents read runs whose conversation they see")
START_RUNS = (RUNS, "agents start runs")
ADD_STEPS = (STEPS, "agents add steps to the runs they act in")
ANY_THREAD = ("conversation_id is null\n", "true\n")
MINE = "(select app.membership_id()) in (agent_membership_id, triggered_by_id, on_behalf_of_id)"
BROKEN = {
    "a run is shown without its thread": Broken(
        policy(*READ_RUNS, *ANY_THREAD), (RUNS, Role.MEMBER, Command.SELECT)
    ),
    "an agent starts a run in a thread that its person cannot read": Broken(
        policy(*START_RUNS, *ANY_THREAD), (RUNS, Role.MEMBER, Command.INSERT), agent=True
    ),
    "private runs are shown to the owner of the agency": Broken(
        policy(*READ_RUNS, "when 'all' then", "when 'all' then true or"),
        (RUNS, Role.OWNER, Command.SELECT),
    ),
    "runs without a team are of every team": Broken(
        policy(
            *READ_RUNS,
            "and team_id = any((select app.my_teams())::uuid[])",
            "and (team_id is null or team_id = any((select app.my_teams())::uuid[]))",
        ),
        (RUNS, Role.MANAGER, Command.SELECT),
    ),
    "a member sees every run": Broken(
        policy(*READ_RUNS, f"when 'own' then\n            {MINE}", "when 'own' then true"),
        (RUNS, Role.MEMBER, Command.SELECT),
    ),
    "the line of the person decides too": Broken(
        function(
            "app.agent_reach",
            "case when proof.agent_id is null then proof.agency_role else 'ai_agent' end",
            "proof.agency_role",
        ),
        (RUNS, Role.VIEWER, Command.SELECT),
        agent=True,
    ),
    "any agent takes steps in a run": Broken(
        policy(*ADD_STEPS, "and parent.agent_membership_id = (select app.acting_agent_id())", ""),
        (STEPS, Role.MEMBER, Command.INSERT),
        agent=True,
    ),
    "an agent takes steps for somebody whom the run does not name": Broken(
        policy(
            *ADD_STEPS,
            "and parent.on_behalf_of_id is not distinct from (select app.acting_for_id())",
            "",
        ),
        (STEPS, Role.OWNER, Command.INSERT),
        agent=True,
    ),
    "the scopes of a key are forgotten": Broken(
        function("app.agent_reach", "if proof.scopes is not null and", "if false and"),
        (RUNS, Role.OWNER, Command.SELECT),
        scopes=("crm.conversations:select",),
    ),
}


@pytest.mark.parametrize("mutation", BROKEN)
def test_matrix_notices(superuser: Connection, world: World, mutation: str, mutant: Mutant) -> None:
    broken = BROKEN[mutation]
    mutant("policy", f"matrix {' '.join(broken.cell)}", mutation)
    assert_noticed(superuser, world, broken)
