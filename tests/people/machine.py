"""The state machine: people act at random, and model and database must never disagree."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.people.choices import PROPOSALS, Choice, described
from tests.people.facts import Facts, Record
from tests.people.founding import AGENCIES, AGENTS, EVERYBODY, POSTS, REACHES, found
from tests.people.sight import Sight, Viewer, ids_of
from tests.people.town import TABLES, Answer, Town
from tests.people.verdicts import NOTHING, ROW, Act, apply, verdict
from tests.policies.matrix import Matrix

PEOPLE = [f"{name}@{agency}" for agency in AGENCIES for name in EVERYBODY]
THROUGH_AGENTS = [
    f"{agent} for {person}"
    for agent in AGENTS
    for person in PEOPLE
    if not person.startswith(AGENTS)
]
viewers = st.sampled_from([*PEOPLE, *PEOPLE, *PEOPLE, *THROUGH_AGENTS])
dice = st.integers(0, 9999)


def verbs(names: str) -> st.SearchStrategy[str]:
    """One of these proposals."""
    return st.sampled_from(names.split())


class Disagreement(AssertionError):
    """The model and the database say different things, in one sentence."""


@dataclass
class Tally:
    """What was done so far, over all examples."""

    steps: int = 0
    looks: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    progress: Callable[["Tally"], None] = lambda tally: None

    def __str__(self) -> str:
        """Steps, looks, and what came of the steps."""
        outcomes = ", ".join(f"{count} {name}" for name, count in sorted(self.outcomes.items()))
        return f"{self.steps} steps ({outcomes}), {self.looks} looks"

    def count(self, outcome: str) -> None:
        """One more act, and what came of it."""
        self.steps += 1
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.progress(self)


class People(RuleBasedStateMachine):
    """People of two agencies; each rule is one act of one of them, and a look by another."""

    town: ClassVar[Town]
    tally: ClassVar[Tally]
    matrix: ClassVar[Matrix] = Matrix()

    def __init__(self) -> None:
        """Nothing is founded yet."""
        super().__init__()
        self.facts = Facts()
        self.disagreed = False

    @initialize(
        posts=st.fixed_dictionaries(
            {
                person: st.just(("owner", "all"))
                if person.startswith("ann")
                else st.tuples(st.just("ai_agent"), st.sampled_from(REACHES))
                if person.startswith(AGENTS)
                else st.sampled_from(POSTS)
                for person in PEOPLE
            }
        ),
        tilt=dice,
    )
    def found(self, posts: Mapping[str, tuple[str, str]], tilt: int) -> None:
        """Found both agencies with these people in them."""
        self.facts = found(posts, {person: self.town.user(person) for person in PEOPLE}, tilt)
        self.town.write(self.facts)

    @rule(who=viewers, verb=verbs("create"), dice=dice, eye=viewers)
    def add(self, who: str, verb: str, dice: int, eye: str) -> None:
        """Somebody adds a row."""
        self._act(who, verb, dice, eye)

    @rule(who=viewers, verb=verbs("edit assign move_deal queue point"), dice=dice, eye=viewers)
    def change(self, who: str, verb: str, dice: int, eye: str) -> None:
        """Somebody changes what a row says or points to."""
        self._act(who, verb, dice, eye)

    @rule(who=viewers, verb=verbs("share hand_over move"), dice=dice, eye=viewers)
    def give(self, who: str, verb: str, dice: int, eye: str) -> None:
        """Somebody changes whose a row is, or who may read it."""
        self._act(who, verb, dice, eye)

    @rule(who=viewers, verb=verbs("trash trash restore delete"), dice=dice, eye=viewers)
    def discard(self, who: str, verb: str, dice: int, eye: str) -> None:
        """Somebody deletes a row, or restores one."""
        self._act(who, verb, dice, eye)

    @rule(
        who=viewers,
        verb=verbs("lead leave_team move_team suspend appoint widen settle"),
        dice=dice,
        eye=viewers,
    )
    def govern(self, who: str, verb: str, dice: int, eye: str) -> None:
        """Somebody changes who is in a team, where it stands, or what a member may."""
        self._act(who, verb, dice, eye)

    # --- the machinery ---------------------------------------------------------------------------

    def _act(self, who: str, verb: str, dice: int, eye: str) -> None:
        viewer = self._viewer(who)
        sight = Sight(self.facts, self.matrix, viewer)
        act = Choice(self.facts, sight, viewer, dice).act(PROPOSALS[verb])
        # what changed nothing shows nobody anything else
        if act is not None and self._do(act, verdict(sight, act)) == ROW:
            self._look(eye)

    def _viewer(self, who: str) -> Viewer:
        agent, _, person = who.rpartition(" for ")
        member = self.facts.people[person]
        place = person.partition("@")[2]
        return Viewer(who, member, self.facts.people[f"{agent}@{place}"] if agent else None)

    def _do(self, act: Act, expected: str) -> str:
        sentence = str(act)
        answer = self.town.do(act)
        note(f"# {sentence}: {answer.outcome}")
        if answer.outcome != expected:
            raise self._disagreement(
                f"{sentence}: the model says {_words(expected)}, the database did"
                f" {_words(answer.outcome)} {answer.message}".rstrip()
            )
        if answer.outcome == ROW:
            self._apply(act, answer)
        self.tally.count(answer.outcome)
        return answer.outcome

    def _apply(self, act: Act, answer: Answer) -> None:
        if answer.id is not None:
            act.record.id = answer.id
        apply(self.facts, act)

    def _look(self, who: str) -> None:
        """Compare what one viewer is shown with what the model says."""
        viewer = self._viewer(who)
        sight = Sight(self.facts, self.matrix, viewer)
        shown = self.town.look(viewer)
        self.tally.looks += 1
        for table in TABLES:
            expected = sight.seen(table)
            if shown[table] != ids_of(table, expected):
                raise self._disagreement(self._difference(viewer, table, shown[table], expected))

    def _disagreement(self, sentence: str) -> Disagreement:
        self.disagreed = True
        return Disagreement(sentence)

    def _difference(
        self, viewer: Viewer, table: str, shown: list[str], expected: list[Record]
    ) -> str:
        names = {str(id_): one.name for (_, id_), one in self.facts.rows.get(table, {}).items()}
        hidden = sorted(set(ids_of(table, expected)) - set(shown))
        extra = sorted(set(shown) - set(ids_of(table, expected)))
        parts = [
            f"{what} {', '.join(self._named(table, id_, names) for id_ in ids)}"
            for what, ids in (("shows", extra), ("hides", hidden))
            if ids
        ]
        return (
            f"{viewer} reads {table}: the database {' and '.join(parts) or 'counts otherwise'}"
            ", the model says the contrary"
        )

    def _named(self, table: str, id_: str, names: Mapping[str, str]) -> str:
        record = next((one for one in self.facts.of(table) if str(one.id) == id_), None)
        told = f" ({described(self.facts, record.values)})" if record else ""
        return f"{names.get(id_, id_)}{told}"

    def teardown(self) -> None:
        """At the end nothing is there that the model does not know, and everybody has looked."""
        if not self.facts.agencies or self.disagreed:
            return
        there = self.town.inventory(self.facts)
        for table in TABLES:
            expected = ids_of(table, self.facts.of(table))
            if there[table] != expected:
                raise self._disagreement(f"{table} holds other rows than the model, whoever looks")
        for person in PEOPLE:
            self._look(person)


def _words(outcome: str) -> str:
    return {ROW: "one row", NOTHING: "no row"}.get(outcome, f"refused ({outcome})")
