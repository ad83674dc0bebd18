"""What agents do: who acts is proved, every step is attributable, and a person approves."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.ai.crew import Claims, Crew, hired
from tests.audit.trail import Office, opened
from tests.conftest import Mutant
from tests.crm.desk import Desk
from tests.database import Cluster
from tests.policies.access import acting, attempt
from tests.policies.broken import broken_function

DECIDE = "select app.decide_step(%s, %s)"
SET_STATUS = "update ai.agent_runs set status = %s where id = %s returning 1"
FINISH_STEP = "select app.finish_step(%s, result => '{}')"
FINISHED = ("succeeded", "failed", "cancelled")
Statement = tuple[str, list[UUID]]
WAYS: dict[str, set[str]] = {
    "queued": {"running", "failed", "cancelled"},
    "running": {"suspended", *FINISHED},
    "suspended": {"running", "failed", "cancelled"},
    **{over: set() for over in FINISHED},
}


@pytest.fixture(scope="module")
def office(cluster: Cluster) -> Iterator[Office]:
    """A database for the tests of this file, each with an agency of its own."""
    with cluster.migrated() as database, opened(database) as found:
        yield found


@pytest.fixture
def crew(office: Office) -> Crew:
    """A new agency with an agent."""
    return hired(Desk(office, office.found(Desk.new_slug())))


# --- who acts -------------------------------------------------------------------------------------


def test_every_step_tells_who_took_it_for_whom_and_in_which_request(crew: Crew) -> None:
    office, member = crew.office, crew.member
    thread = crew.thread(member)
    with acting(office.client, crew.through(member), keep=True):
        office.client.execute(
            "select set_config('request.headers', %s, true)",
            [json.dumps({"x-request-id": "req-42"})],
        )
        (row,) = office.client.execute(
            "select app.start_run('helper', %s) as run", [thread]
        ).fetchall()
        run = row["run"]
        office.client.execute("select app.record_step(%s, 'think', 'llm')", [run])
    found = crew.run(run)
    assert (found["agent_membership_id"], found["on_behalf_of_id"], found["triggered_by_id"]) == (
        crew.agent.membership_id,
        member.membership_id,
        member.membership_id,
    )
    assert found["request_id"] == "req-42"
    (told,) = [row for row in office.rows(table="agent_runs") if row["record_id"] == run]
    (step,) = [
        row for row in office.rows(table="agent_steps") if row["agency_id"] == member.agency_id
    ]
    for row in (told, step):
        assert row["actor_kind"] == "agent"
        assert row["actor_membership_id"] == crew.agent.membership_id
        assert row["on_behalf_of_id"] == member.user_id
        assert row["request_id"] == "req-42"
    assert told["new_values"]["agent_key"] == "helper"
    assert step["new_values"] is None, "a step is recorded without its values"
    for header in ('{"x-request-id": ""}', "not json"):
        with acting(office.client, crew.through(member)):
            office.client.execute("select set_config('request.headers', %s, true)", [header])
            start = "select app.start_run('helper')"
            assert attempt(office.client, start).sqlstate is None, "a header stops no run"


def test_who_acts_cannot_be_made_up(crew: Crew) -> None:
    member, agent = crew.member, crew.agent
    claims = crew.through(member)
    insert = "insert into ai.agent_runs (agent_key, {}) values ('helper', %s)"
    for column in ("agent_membership_id", "on_behalf_of_id", "triggered_by_id", "team_id"):
        assert crew.refusal(claims, insert.format(column), member.membership_id).refused_by_grant
    run = crew.start(claims)
    itself = crew.run(crew.start(agent.claims()))
    assert (itself["agent_membership_id"], itself["on_behalf_of_id"]) == (agent.membership_id, None)
    # nobody but the agent that acts, for the one it acts for, takes its steps
    other = crew.office.hire(crew.desk.owner)
    for stranger in (
        agent.claims(),
        other.claims(),
        member.claims(act={"user_id": str(other.user_id)}),
        crew.through(crew.desk.owner),
        member.claims(),
    ):
        outcome = crew.refusal(
            stranger,
            "insert into ai.agent_steps (run_id, seq, node, kind) values (%s, 1, 'n', 'llm')",
            run,
        )
        assert outcome.refused_by_policy, (stranger, outcome)
    for who, what in ((member, None), (agent, agent.membership_id)):
        outcome = crew.work(
            "insert into ai.agent_runs (agent_key, agent_membership_id, on_behalf_of_id)"
            " values ('x', %s, %s)",
            who.membership_id,
            what,
        )
        assert outcome.sqlstate == "23514", "a service names an agent, and no agent as a person"
    change = "update ai.agent_runs set on_behalf_of_id = null where id = %s"
    assert crew.work(change, run).sqlstate == "PT403"


def test_the_agents_line_alone_decides_and_the_thread_must_be_readable(crew: Crew) -> None:
    """A viewer reads no run, and the agent that acts for the viewer reads and writes its own."""
    member, owner = crew.member, crew.desk.owner
    claims = crew.through(member)
    run = crew.start(claims)
    crew.office.do(
        owner,
        "update tenancy.memberships set role = 'viewer' where id = %s returning 1",
        member.membership_id,
    )
    look = "select 1 from ai.agent_runs where id = %s"
    assert crew.refusal(member.claims(), look, run).count == 0
    assert crew.refusal(claims, look, run).count == 1
    crew.step(claims, run)
    # a thread that the person cannot read, before and after
    hidden = crew.thread(owner, visibility="private")
    start = "select app.start_run('helper', %s)"
    assert crew.refusal(claims, start, hidden).refused_by_policy
    crew.office.do(
        owner,
        "update tenancy.memberships set role = 'member' where id = %s returning 1",
        member.membership_id,
    )
    thread = crew.thread(member)
    run = crew.start(claims, thread)
    assert crew.refusal(claims, look, run).count == 1
    crew.office.do(
        owner,
        "update crm.conversations set owner_id = %s where id = %s returning 1",
        owner.membership_id,
        thread,
    )
    for who in (claims, member.claims()):
        assert crew.refusal(who, look, run).count == 0
    assert crew.refusal(claims, "select app.record_step(%s, 'n', 'llm')", run).sqlstate == "22023"


def test_a_run_is_seen_as_its_thread_is_from_the_moment_that_changes(crew: Crew) -> None:
    owner, office = crew.desk.owner, crew.office
    thread = crew.thread(owner, visibility="agency")
    run = crew.start(crew.through(owner), thread)
    below = crew.start(crew.through(owner), parent_run_id=run)
    team = office.team(owner)
    crew.desk.do(
        "update crm.conversations set visibility = 'private', team_id = %s where id = %s"
        " returning 1",
        team,
        thread,
    )
    for one in (run, below):
        found = crew.run(one)
        assert (found["visibility"], found["team_id"]) == ("private", team)
        assert found["conversation_id"] == thread


def sqlstate_meanwhile(
    crew: Crew, claims: Claims, first: Statement, other: Statement
) -> str | None:
    """What becomes of another statement while the first one is not committed yet."""
    with (
        crew.office.database.connect(
            "authenticator", autocommit=True, row_factory=dict_row
        ) as another,
        acting(crew.office.client, claims),
    ):
        crew.office.client.execute(*first)
        with acting(another, claims if "app." in other[0] else crew.desk.owner.claims()):
            another.execute("set local lock_timeout = '100ms'")
            return attempt(another, *other).sqlstate


def test_what_would_be_missed_waits(crew: Crew, mutant: Mutant) -> None:
    """A thread that becomes private while a run starts, and a run that ends during a step."""
    claims = crew.through(crew.desk.owner)
    thread = crew.thread(crew.desk.owner)
    run = crew.start(claims, thread)
    for name, lock, first, other in (
        (
            "app.keep_run_access",
            "for share",
            ("select app.start_run('helper', %s)", [thread]),
            ("update crm.conversations set visibility = 'private' where id = %s", [thread]),
        ),
        (
            "app.guard_step",
            "for no key update",
            (
                "insert into ai.agent_steps (run_id, seq, node, kind) values (%s, 1, 'n', 'llm')",
                [run],
            ),
            ("select app.finish_run(%s)", [run]),
        ),
    ):
        assert sqlstate_meanwhile(crew, claims, first, other) == "55P03", name
        mutant("agents", "test_agents", f"{name} without {lock}")
        with broken_function(crew.office.database, name, lock, ""):
            assert sqlstate_meanwhile(crew, claims, first, other) is None, name


# --- the way of a run -----------------------------------------------------------------------------


def test_a_run_goes_its_way_and_no_other(crew: Crew) -> None:
    claims = crew.agent.claims()
    for before, after in ((one, other) for one in WAYS for other in WAYS if one != other):
        run = crew.desk.serve(
            "ai.agent_runs",
            agent_key="helper",
            agent_membership_id=crew.agent.membership_id,
            status=before,
        )
        outcome = crew.refusal(claims, SET_STATUS, after, run)
        assert (outcome.sqlstate is None) is (after in WAYS[before]), (before, after, outcome)
    run = crew.start(claims)
    assert crew.run(run)["started_at"] is not None
    crew.call(claims, "app.finish_run", run_id=run, outcome='{"done": true}', cost=Decimal("0.25"))
    found = crew.run(run)
    assert (found["status"], found["cost"]) == ("succeeded", Decimal("0.25"))
    assert found["finished_at"] is not None
    for statement in (
        "update ai.agent_runs set outcome = '{}' where id = %s",
        "insert into ai.agent_steps (run_id, seq, node, kind) values (%s, 1, 'n', 'llm')",
    ):
        assert crew.refusal(claims, statement, run).sqlstate == "23514", statement
    crew.call(claims, "app.finish_run", run_id=run), "a retry changes nothing"


def test_a_retry_finds_what_is_there(crew: Crew) -> None:
    claims = crew.through(crew.member)
    run, step = uuid4(), uuid4()
    for _ in range(2):
        assert crew.start(claims, run_id=run) == run
        assert crew.step(claims, run, step_id=step, tokens_in=3) == step
    assert crew.run(run)["tokens_in"] == 3
    again = "select app.start_run('helper', run_id => %s)"
    assert crew.refusal(crew.agent.claims(), again, run).sqlstate == "PT409"
    # a service queues, the agent takes it up
    queued = crew.desk.serve(
        "ai.agent_runs",
        agent_key="helper",
        agent_membership_id=crew.agent.membership_id,
        on_behalf_of_id=crew.member.membership_id,
    )
    assert crew.refusal(crew.agent.claims(), again, queued).sqlstate == "PT409"
    assert crew.start(claims, run_id=queued) == queued
    assert crew.run(queued)["status"] == "running"


def test_tokens_are_the_sum_of_the_steps_and_no_change_of_the_run(crew: Crew) -> None:
    claims = crew.through(crew.member)
    run = crew.start(claims)
    crew.step(claims, run, tokens_in=10, tokens_out=1)
    step = crew.step(claims, run, tokens_in=5)
    crew.call(claims, "app.finish_step", step_id=step, tokens_in=7, tokens_out=2)
    found = crew.run(run)
    assert (found["tokens_in"], found["tokens_out"], found["row_version"]) == (17, 3, 1)
    assert len(crew.office.rows(run, "agent_runs")) == 1
    set_tokens = "update ai.agent_runs set tokens_in = 1 where id = %s"
    assert crew.refusal(claims, set_tokens, run).refused_by_grant
    assert crew.work(set_tokens, run).count == 1
    crew.office.serve("update ai.agent_runs set tokens_in = 1 where id = %s returning 1", run)
    assert crew.run(run)["tokens_in"] == 17, "nor does a service set the sums"
    crew.call(claims, "app.finish_run", run_id=run, status="suspended", cost=Decimal("0.5"))
    cheaper = "update ai.agent_runs set cost = 0.1 where id = %s"
    assert crew.refusal(claims, cheaper, run).sqlstate == "23514"


def test_one_run_waits_in_a_thread(crew: Crew) -> None:
    owner = crew.desk.owner
    claims, thread = crew.through(owner), crew.thread(owner)
    first, second = crew.start(claims, thread), crew.start(claims, thread)
    crew.ask(claims, first)
    call = "select app.record_step(%s, 'n', 'tool', 't', needs_approval => true)"
    assert crew.refusal(claims, call, second).sqlstate == "PT409"
    suspend = "update ai.agent_runs set status = 'suspended' where id = %s"
    assert crew.refusal(claims, suspend, second).sqlstate == "23505"


# --- approvals ------------------------------------------------------------------------------------


def test_a_call_that_needs_approval_waits_for_a_person(crew: Crew) -> None:
    owner, member = crew.desk.owner, crew.member
    claims = crew.through(member)
    run = crew.start(claims, crew.thread(member))
    call, second = crew.ask(claims, run), crew.ask(claims, run)
    assert crew.run(run)["status"] == "suspended"
    assert crew.refusal(claims, FINISH_STEP, call).sqlstate == "23514"
    assert crew.work("update ai.agent_steps set result = '{}' where id = %s", call).sqlstate == (
        "23514"
    )
    for statement, sqlstate in (
        ("update ai.agent_runs set status = 'running' where id = %s", "23514"),
        ("update ai.agent_steps set approval = 'not_needed' where run_id = %s", "42501"),
        ("update ai.agent_steps set args = '{}' where run_id = %s", "PT403"),
        ("update ai.agent_steps set decided_at = now() where run_id = %s", "42501"),
    ):
        assert crew.refusal(claims, statement, run).sqlstate == sqlstate, statement
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="A person decides"):
        crew.office.serve("update ai.agent_steps set approval = 'not_needed' where id = %s", call)
    for nobody in (
        claims,
        crew.agent.claims(),
        crew.through(owner),
        crew.desk.colleague().claims(),
    ):
        assert crew.refusal(nobody, DECIDE, call, True).sqlstate == "42501", nobody
    key = crew.office.do(owner, "select app.create_api_key('Key')")
    ids = crew.office.superuser.execute(
        "select id from tenancy.api_keys where agency_id = %s", [owner.agency_id]
    ).fetchall()
    keyed = owner.claims(api_key_id=str(ids[0]["id"]))
    assert key
    assert crew.refusal(keyed, DECIDE, call, True).sqlstate == "42501", "a key is a program"

    assert crew.office.do(owner, DECIDE, call, True) == "suspended", "the second one waits"
    assert crew.office.do(member, DECIDE, second, False) == "running"
    assert crew.desk.row("ai.agent_steps", call)["decided_by_id"] == owner.membership_id
    assert crew.refusal(owner.claims(), DECIDE, call, False).sqlstate == "PT409"
    crew.call(claims, "app.finish_step", step_id=call, result='{"sent": true}')
    assert crew.refusal(claims, FINISH_STEP, second).sqlstate == "23514", "it was rejected"
    decided = crew.office.rows(call, "agent_steps")[1]
    assert (decided["actor_kind"], decided["actor_membership_id"]) == ("user", owner.membership_id)


def test_a_draft_names_only_a_run_that_its_writer_sees(crew: Crew) -> None:
    owner, member = crew.desk.owner, crew.member
    thread = crew.thread(member, visibility="agency")
    hidden = crew.start(crew.through(owner))
    run = crew.start(crew.through(member), thread)
    write = (
        "insert into crm.messages (conversation_id, direction, status, agent_run_id)"
        " values (%s, 'outbound', 'draft', %s)"
    )
    assert crew.refusal(crew.through(member), write, thread, hidden).refused_by_trigger
    assert crew.refusal(crew.through(member), write, thread, run).count == 1


# --- how long they are kept -----------------------------------------------------------------------


def test_runs_go_after_their_end_and_are_held_with_the_person(crew: Crew) -> None:
    office, owner = crew.office, crew.desk.owner
    contact = crew.desk.contact()
    about = crew.thread(owner, contact_id=contact)
    runs = {
        thread: crew.desk.serve(
            "ai.agent_runs",
            agent_key="helper",
            agent_membership_id=crew.agent.membership_id,
            status="succeeded",
            finished_at="2020-01-01",
            conversation_id=thread,
        )
        for thread in (None, about)
    }
    young = crew.start(crew.agent.claims())
    crew.desk.do(
        "insert into governance.erasure_requests (subject_kind, subject_id, legal_hold)"
        " values ('contact', %s, true)",
        contact,
    )
    message = crew.desk.serve(
        "crm.messages", conversation_id=about, direction="internal", agent_run_id=runs[None]
    )
    with office.database.connect("gardenos_worker", row_factory=dict_row) as worker:
        worker.execute("select app.bind_worker(%s)", [owner.agency_id])
        lines = worker.execute("select * from app.run_retention()").fetchall()
    assert {one["entity"]: one["removed"] for one in lines if one["removed"]} == {
        "ai.agent_runs": 1
    }
    left = office.superuser.execute(
        "select id from ai.agent_runs where agency_id = %s", [owner.agency_id]
    ).fetchall()
    assert {row["id"] for row in left} == {runs[about], young}
    assert crew.desk.row("crm.messages", message)["agent_run_id"] is None


# --- each guard is what refuses -------------------------------------------------------------------


def guards(crew: Crew) -> dict[str, Callable[[], str | None]]:
    """What breaks a guard, with a statement that only this guard refuses, and how it fares."""
    claims: Claims = crew.through(crew.member)
    run = crew.start(claims)
    call = crew.ask(claims, run)
    other = crew.start(crew.through(crew.desk.owner))

    def of(who: Claims, statement: str, *parameters: UUID) -> Callable[[], str | None]:
        return lambda: crew.refusal(who, statement, *parameters).sqlstate

    return {
        "alter table ai.agent_runs disable trigger guard": of(
            claims, "update ai.agent_runs set status = 'running' where id = %s", run
        ),
        "alter table ai.agent_steps disable trigger guard": of(
            claims, "update ai.agent_steps set args = '{}' where id = %s", call
        ),
        "alter table ai.agent_steps drop constraint agent_steps_no_result_before_approval": of(
            claims, FINISH_STEP, call
        ),
        "alter table ai.agent_runs disable trigger keep_definition": lambda: (
            crew.work("update ai.agent_runs set agent_key = 'other' where id = %s", run).sqlstate
        ),
        "alter table ai.agent_runs disable trigger check_agent": lambda: (
            crew.work(
                "insert into ai.agent_runs (agent_key, agent_membership_id) values ('x', %s)",
                crew.member.membership_id,
            ).sqlstate
        ),
        "alter table ai.agent_runs disable trigger forbid_hidden_links": of(
            claims, "select app.start_run('helper', parent_run_id => %s)", other
        ),
    }


def test_each_guard_is_what_refuses(crew: Crew, mutant: Mutant) -> None:
    probes = guards(crew)
    for change, probe in probes.items():
        mutant("agents", "test_agents", change)
        assert probe() is not None, change
    survived = []
    for change, probe in probes.items():
        crew.office.superuser.execute(change.encode())
        if probe() is not None:
            survived.append(change)
        if "disable" in change:
            crew.office.superuser.execute(change.replace("disable", "enable").encode())
    assert survived == [], "something else refuses it too, so the test of the guard proves nothing"
