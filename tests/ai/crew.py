"""People and an agent that works for them: runs, steps and what stands in the way of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.audit.trail import Office, Person
from tests.crm.desk import Desk
from tests.policies.access import Outcome, Row, acting, attempt

Claims = Mapping[str, Any]


@dataclass(frozen=True)
class Crew:
    """An agency at work: its owner, a member, an agent that acts as itself or for one of them."""

    desk: Desk
    member: Person
    agent: Person

    @property
    def office(self) -> Office:
        """The database, and those who act in it."""
        return self.desk.office

    def through(self, person: Person) -> Claims:
        """The claims of the agent when it acts for somebody."""
        return person.claims(act={"user_id": str(self.agent.user_id)})

    def thread(self, owner: Person, **values: Any) -> UUID:
        """A conversation with the agent."""
        return self.desk.insert("crm.conversations", owner, channel="assistant", **values)

    def start(self, claims: Claims, thread: UUID | None = None, **more: Any) -> UUID:
        """Start a run."""
        found: UUID = self.call(
            claims, "app.start_run", agent_key="helper", conversation_id=thread, **more
        )
        return found

    def step(self, claims: Claims, run: UUID, **more: Any) -> UUID:
        """Add a step: a model call, when nothing else is said."""
        found: UUID = self.call(
            claims, "app.record_step", **{"run_id": run, "node": "think", "kind": "llm", **more}
        )
        return found

    def ask(self, claims: Claims, run: UUID) -> UUID:
        """Add a tool call that a person has to approve; the run is suspended."""
        call = {"node": "act", "kind": "tool", "tool_name": "send_mail", "args": '{"to": "x"}'}
        return self.step(claims, run, needs_approval=True, **call)

    def call(self, claims: Claims, function: str, **named: Any) -> Any:
        """Call a function as PostgREST does, and commit."""
        return self.office.do(claims, f"select {calling(function, named)}", *named.values())

    def refusal(self, claims: Claims, statement: str, *parameters: Any) -> Outcome:
        """What becomes of a statement; it is rolled back."""
        with acting(self.office.client, claims):
            return attempt(self.office.client, statement, parameters)

    def work(self, statement: str, *parameters: Any) -> Outcome:
        """What becomes of a statement of the worker, bound to the agency; it is rolled back."""
        with (
            self.office.database.connect("gardenos_worker") as worker,
            worker.transaction(force_rollback=True),
        ):
            worker.execute("select app.bind_worker(%s)", [self.desk.owner.agency_id])
            return attempt(worker, statement, parameters)

    def run(self, run: UUID) -> Row:
        """A run as it stands."""
        return self.desk.row("ai.agent_runs", run)


def calling(function: str, named: Mapping[str, Any]) -> str:
    """A call with named arguments."""
    return f"{function}({', '.join(f'{name} => %s' for name in named)})"


def hired(desk: Desk) -> Crew:
    """A crew at this desk."""
    return Crew(desk, desk.colleague("Mel"), desk.office.hire(desk.owner))
