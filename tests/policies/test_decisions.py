"""Who decides a call of an agent: who reads its run, and is in charge or the one it acts for."""

from tests.policies.access import Connection, acting, attempt
from tests.policies.matrix import Role
from tests.policies.world import PEOPLE, World

IN_CHARGE = (Role.OWNER, Role.ADMIN, Role.MANAGER)
WAITING = (
    "select s.id, r.on_behalf_of_id from ai.agent_steps as s"
    " join ai.agent_runs as r on r.agency_id = s.agency_id and r.id = s.run_id"
    " where s.approval = 'required'"
)


def test_who_reads_a_run_decides_when_in_charge_or_when_it_acts_for_them(
    client: Connection, world: World
) -> None:
    """app.decide_step looks past the policies and repeats them: here both are compared."""
    waiting = [
        row["id"]
        for row in world.rows["ai.agent_steps"]
        if row["agency_id"] == world.a.id and row["approval"] == "required"
    ]
    fates = set()
    for name in PEOPLE:
        me = world.a.members[name]
        with acting(client, me.claims(), counted=False):
            read = {row["id"]: row["on_behalf_of_id"] for row in client.execute(WAITING).fetchall()}
            for step in waiting:
                expected = step in read and (me.role in IN_CHARGE or read[step] == me.membership_id)
                outcome = attempt(client, "select app.decide_step(%s, true)", [step])
                assert (outcome.sqlstate is None) is expected, (name, step, outcome)
                assert expected or outcome.refused_by_trigger, (name, outcome)
                fates.add((me.role, expected))
    assert {role for role, decides in fates if decides} == {*IN_CHARGE, Role.MEMBER}
