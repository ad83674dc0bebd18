"""The state machine: people act at random, and model and database must never disagree."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.people.choices import Choice, described
from tests.people.facts import MEMBERS, TEAM_MEMBERS, TEAMS, Facts, Record
from tests.people.founding import AGENCIES, AGENTS, EVERYBODY, POSTS, REACHES, found
from tests.people.known import is_known
from tests.people.sight import Sight, Viewer, ids_of
from tests.people.town import TABLES, Answer, Town
from tests.people.verdicts import NOTHING, ROW, Act, Kind, apply, draft, verdict
from tests.policies.matrix import Command, Matrix

PEOPLE = [f"{name}@{agency}" for agency in AGENCIES for name in EVERYBODY]
THROUGH_AGENTS = [
    f"{agent} for {person}"
    for agent in AGENTS
    for person in PEOPLE
    if not person.startswith(AGENTS)
]
RECORDS = ("crm.companies", "crm.contacts", "crm.deals")
TALK = ("crm.conversations", "crm.activities", "crm.calendar_events", "crm.files")
CREATED = (
    *RECORDS,
    *TALK,
    *TALK,
    "crm.messages",
    "crm.messages",
    "crm.participants",
    "crm.participants",
    "crm.contact_points",
    "crm.contact_companies",
    "crm.record_tags",
    "crm.deal_contacts",
    "crm.deal_line_items",
    "crm.saved_views",
    "crm.tags",
    "crm.products",
    "crm.pipelines",
    "crm.pipeline_stages",
    "crm.consents",
    TEAMS,
    TEAM_MEMBERS,
)
EDITED = tuple(
    table
    for table in dict.fromkeys((*CREATED, MEMBERS))
    if table not in ("crm.consents", "crm.record_tags", TEAM_MEMBERS)
)
TRASHED = (
    *RECORDS,
    *TALK,
    "crm.contact_points",
    "crm.messages",
    "crm.saved_views",
    "crm.tags",
    "crm.products",
    "crm.pipelines",
    TEAMS,
)
SHARED = (*TALK, "crm.saved_views")
HANDED_OVER = (*RECORDS, *TALK, "crm.saved_views")
WITH_TEAM = tuple(table for table in HANDED_OVER if table != "crm.files")

viewers = st.sampled_from([*PEOPLE, *PEOPLE, *PEOPLE, *THROUGH_AGENTS])
dice = st.integers(0, 9999)


class Disagreement(AssertionError):
    """The model and the database say different things, in one sentence."""


@dataclass
class Tally:
    """What was done so far, over all examples."""

    steps: int = 0
    looks: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    progress: Callable[["Tally"], None] = lambda tally: None

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

    # --- records ---------------------------------------------------------------------------------

    @rule(who=viewers, table=st.sampled_from(CREATED), dice=dice, back=st.booleans(), eye=viewers)
    def create(self, who: str, table: str, dice: int, back: bool, eye: str) -> None:
        """Somebody adds a row."""
        viewer, choice = self._at(who, dice)
        values = choice.new(table)
        if values is not None:
            told = described(self.facts, values)
            self._do(
                Act(
                    viewer,
                    Kind.INSERT,
                    f"adds to {table} ({told})",
                    draft(table, viewer, values),
                    asks_back=back,
                ),
                eye,
            )

    @rule(who=viewers, table=st.sampled_from(EDITED), dice=dice, eye=viewers)
    def edit(self, who: str, table: str, dice: int, eye: str) -> None:
        """Somebody changes a column that decides nothing."""
        viewer, choice = self._at(who, dice)
        self._change(viewer, choice.row(table, Command.UPDATE), "edits", {}, eye)

    @rule(who=viewers, table=st.sampled_from(SHARED), dice=dice, eye=viewers)
    def share(self, who: str, table: str, dice: int, eye: str) -> None:
        """Somebody opens or closes a row."""
        viewer, choice = self._at(who, dice)
        self._change(
            viewer, choice.row(table, Command.UPDATE), "shares", {"visibility": choice.visibility()}, eye
        )

    @rule(who=viewers, table=st.sampled_from(HANDED_OVER), dice=dice, eye=viewers)
    def hand_over(self, who: str, table: str, dice: int, eye: str) -> None:
        """Somebody gives a row another owner or assignee, or takes it from everybody."""
        viewer, choice = self._at(who, dice)
        columns = ["owner_id"]
        if table in ("crm.activities", "crm.conversations"):
            columns.append("assignee_id")
        column = choice.chance.choice(columns)
        somebody = choice.chance.choice([choice.colleague(), choice.colleague(), None])
        if table == "crm.saved_views" and somebody is None:
            somebody = choice.sight.me
        self._change(viewer, choice.row(table, Command.UPDATE), "hands over", {column: somebody}, eye)

    @rule(who=viewers, table=st.sampled_from(WITH_TEAM), dice=dice, eye=viewers)
    def move(self, who: str, table: str, dice: int, eye: str) -> None:
        """Somebody moves a row to another team."""
        viewer, choice = self._at(who, dice)
        self._change(viewer, choice.row(table, Command.UPDATE), "moves", {"team_id": choice.team()}, eye)

    @rule(who=viewers, dice=dice, eye=viewers)
    def move_deal(self, who: str, dice: int, eye: str) -> None:
        """Somebody moves a deal to another stage, perhaps of another pipeline."""
        viewer, choice = self._at(who, dice)
        deal = choice.row("crm.deals", Command.UPDATE)
        if deal is not None:
            stage = choice.chance.choice(self.facts.of("crm.pipeline_stages", deal.agency))
            self._change(
                viewer,
                deal,
                "moves",
                {"pipeline_id": stage["pipeline_id"], "stage_id": stage.id},
                eye,
            )

    @rule(who=viewers, dice=dice, eye=viewers)
    def queue(self, who: str, dice: int, eye: str) -> None:
        """Somebody sends a draft."""
        viewer, choice = self._at(who, dice)
        self._change(viewer, choice.row("crm.messages", Command.UPDATE), "queues", {"status": "queued"}, eye)

    @rule(
        who=viewers,
        table=st.sampled_from(["crm.deals", *TALK[:3]]),
        dice=dice,
        eye=viewers,
    )
    def point(self, who: str, table: str, dice: int, eye: str) -> None:
        """Somebody points a row to another record."""
        viewer, choice = self._at(who, dice)
        record = choice.row(table, Command.UPDATE)
        if record is not None and (link := choice.link(record)) is not None:
            column, target = link
            self._change(viewer, record, "points", {column: target.id if target else None}, eye)

    @rule(who=viewers, table=st.sampled_from(TABLES), dice=dice, eye=viewers)
    def delete(self, who: str, table: str, dice: int, eye: str) -> None:
        """Somebody deletes a row for good."""
        viewer, choice = self._at(who, dice)
        record = choice.row(table, Command.DELETE)
        if record is not None and table != "crm.deal_stage_history":
            self._do(Act(viewer, Kind.DELETE, f"deletes {record.name} for good", record), eye)

    @rule(who=viewers, table=st.sampled_from(TRASHED), dice=dice, eye=viewers)
    def trash(self, who: str, table: str, dice: int, eye: str) -> None:
        """Somebody deletes a row, so that it can be restored."""
        viewer, choice = self._at(who, dice)
        record = choice.row(table, Command.SOFT_DELETE)
        if record is not None and record["deleted_at"] is None:
            self._change(viewer, record, "trashes", {"deleted_at": self.facts.acts + 1}, eye)

    @rule(who=viewers, table=st.sampled_from(TRASHED), dice=dice, eye=viewers)
    def restore(self, who: str, table: str, dice: int, eye: str) -> None:
        """Somebody restores a deleted row."""
        viewer, choice = self._at(who, dice)
        trash = [one for one in self.facts.of(table) if one["deleted_at"] is not None]
        if trash:
            record = choice.chance.choice(trash)
            self._change(viewer, record, "restores", {"deleted_at": None}, eye)

    # --- people and teams ------------------------------------------------------------------------

    @rule(who=viewers, dice=dice, eye=viewers)
    def lead(self, who: str, dice: int, eye: str) -> None:
        """Somebody makes a member of a team its lead, or no longer."""
        viewer, choice = self._at(who, dice)
        link = choice.row(TEAM_MEMBERS, Command.UPDATE)
        if link is not None:
            self._change(viewer, link, "makes a lead of", {"is_lead": not link["is_lead"]}, eye)

    @rule(who=viewers, dice=dice, eye=viewers)
    def leave_team(self, who: str, dice: int, eye: str) -> None:
        """Somebody takes a member out of a team."""
        viewer, choice = self._at(who, dice)
        link = choice.row(TEAM_MEMBERS, Command.DELETE)
        if link is not None:
            self._do(Act(viewer, Kind.DELETE, f"removes {link.name}", link), eye)

    @rule(who=viewers, dice=dice, eye=viewers)
    def move_team(self, who: str, dice: int, eye: str) -> None:
        """Somebody puts a team below another one."""
        viewer, choice = self._at(who, dice)
        team = choice.row(TEAMS, Command.UPDATE)
        if team is not None:
            self._change(viewer, team, "moves", {"parent_team_id": choice.team()}, eye)

    @rule(
        who=viewers,
        dice=dice,
        status=st.sampled_from(["active", "active", "suspended", "removed"]),
        eye=viewers,
    )
    def suspend(self, who: str, dice: int, status: str, eye: str) -> None:
        """Somebody suspends, removes or lets in a member."""
        viewer, choice = self._at(who, dice)
        self._change(viewer, choice.row(MEMBERS, Command.UPDATE), "lets in or out", {"status": status}, eye)

    @rule(who=viewers, dice=dice, post=st.sampled_from(POSTS), eye=viewers)
    def appoint(self, who: str, dice: int, post: tuple[str, str], eye: str) -> None:
        """Somebody gives a member another role."""
        viewer, choice = self._at(who, dice)
        changes = {"role": post[0], "record_scope": post[1]}
        self._change(viewer, choice.row(MEMBERS, Command.UPDATE), "appoints", changes, eye)

    @rule(who=viewers, dice=dice, scope=st.sampled_from(REACHES), eye=viewers)
    def widen(self, who: str, dice: int, scope: str, eye: str) -> None:
        """Somebody changes how far a member reaches."""
        viewer, choice = self._at(who, dice)
        self._change(viewer, choice.row(MEMBERS, Command.UPDATE), "widens", {"record_scope": scope}, eye)

    @rule(who=viewers, dice=dice, eye=viewers)
    def default_team(self, who: str, dice: int, eye: str) -> None:
        """Somebody says which team the new records of a member get."""
        viewer, choice = self._at(who, dice)
        member = choice.row(MEMBERS, Command.UPDATE)
        self._change(viewer, member, "settles", {"default_team_id": choice.team()}, eye)

    # --- the machinery ---------------------------------------------------------------------------

    def _at(self, who: str, dice: int) -> tuple[Viewer, Choice]:
        viewer = self._viewer(who)
        return viewer, Choice(self.facts, Sight(self.facts, self.matrix, viewer), viewer, dice)

    def _viewer(self, who: str) -> Viewer:
        agent, _, person = who.rpartition(" for ")
        member = self.facts.people[person]
        place = person.partition("@")[2]
        return Viewer(who, member, self.facts.people[f"{agent}@{place}"] if agent else None)

    def _change(
        self, viewer: Viewer, record: Record | None, verb: str, changes: dict[str, Any], eye: str
    ) -> None:
        if record is not None:
            told = f" ({described(self.facts, changes)})" if changes else ""
            self._do(Act(viewer, Kind.UPDATE, f"{verb} {record.name}{told}", record, changes), eye)

    def _do(self, act: Act, eye: str) -> None:
        expected = verdict(self.facts, self.matrix, act)
        sentence = str(act)
        answer = self.town.do(act)
        note(f"# {sentence}: {answer.outcome}")
        if answer.outcome != expected and not is_known(act, expected, answer.outcome):
            raise Disagreement(
                f"{sentence}: the model says {_words(expected)}, the database did"
                f" {_words(answer.outcome)} {answer.message}".rstrip()
            )
        if answer.outcome == ROW:
            self._apply(act, answer)
        self.tally.count(answer.outcome)
        self._look(eye)

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
                raise Disagreement(self._difference(viewer, table, shown[table], expected))

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
        if not self.facts.agencies:
            return
        there = self.town.inventory(self.facts)
        for table in TABLES:
            expected = ids_of(table, self.facts.of(table))
            if there[table] != expected:
                raise Disagreement(f"{table} holds other rows than the model, whoever looks")
        for person in PEOPLE:
            self._look(person)


def _words(outcome: str) -> str:
    return {ROW: "one row", NOTHING: "no row"}.get(outcome, f"refused ({outcome})")
