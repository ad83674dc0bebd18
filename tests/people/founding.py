"""Two agencies as they are before anybody acts: people of given roles, teams, all kinds of rows."""

import random
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from tests.people.facts import MEMBERS, TEAM_MEMBERS, TEAMS, Facts, Record

AGENCIES = ("elm", "oak")
AGENTS = ("bot", "kit")
# everybody in each agency; nia is one user with a membership in both
EVERYBODY = ("ann", "bob", "cat", "dan", "eve", "fay", "nia", *AGENTS)
# role and record_scope: all that the checks of memberships allow; the busiest come more often
POSTS = [
    ("member", "team"),
    ("member", "own"),
    ("member", "all"),
    ("manager", "team"),
    ("manager", "all"),
    ("admin", "all"),
    ("client", "own"),
    ("member", "team"),
    ("member", "own"),
    ("manager", "team"),
    ("client", "all"),
    ("owner", "all"),
    ("viewer", "own"),
    ("viewer", "team"),
    ("viewer", "all"),
]
REACHES = ["own", "team", "all"]
VISIBILITIES = ["private", "team", "agency", "client"]
# team -> the one above it, and who is in it; the first leads it
TREE: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "north": (None, ("bob", "cat")),
    "north-east": ("north", ("dan", "nia")),
    "corner": ("north-east", ("bot",)),
    "south": (None, ("eve", "fay", "cat", "kit")),
    "old": ("north", ("eve", "cat")),
    "attic": ("old", ("dan",)),
}
# a row in so many is in the trash, and so is this team
TRASHED = (None, None, None, None, 0)
OLD = "old"

Posts = Mapping[str, tuple[str, str]]


def found(posts: Posts, user_of: Mapping[str, UUID], tilt: int) -> Facts:
    """Both agencies.

    Args:
        posts: role and record scope of `name@agency`; ann is the owner of each.
        user_of: the user behind each `name@agency`.
        tilt: another number makes other rows.
    """
    facts = Facts()
    chance = random.Random(tilt)
    for name in AGENCIES:
        agency = uuid4()
        facts.agencies[agency] = name
        _hire(facts, agency, name, posts, user_of)
        _group(facts, agency, name, chance)
        _fill(_Shelf(facts, agency, name, chance))
    return facts


def _hire(
    facts: Facts, agency: UUID, place: str, posts: Posts, user_of: Mapping[str, UUID]
) -> None:
    for name in EVERYBODY:
        label = f"{name}@{place}"
        role, scope = posts[label]
        contact = None
        if role == "client":
            contact = facts.add("crm.contacts", agency, {"owner_id": None, "team_id": None}).id
        member = facts.add(
            MEMBERS,
            agency,
            {
                "user_id": user_of[label],
                "role": role,
                "record_scope": scope,
                "status": "active",
                "display_name": name,
                "contact_id": contact,
                "default_team_id": None,
            },
        )
        member.name = label
        facts.people[label] = member


def _group(facts: Facts, agency: UUID, place: str, chance: random.Random) -> None:
    teams: dict[str, UUID] = {}
    for name, (above, people) in TREE.items():
        team = facts.add(
            TEAMS,
            agency,
            {
                "parent_team_id": teams[above] if above else None,
                "deleted_at": 0 if name == OLD else None,
            },
        )
        team.name = f"team {name}@{place}"
        teams[name] = team.id
        for person in people:
            facts.add(
                TEAM_MEMBERS,
                agency,
                {
                    "team_id": team.id,
                    "membership_id": facts.people[f"{person}@{place}"].id,
                    "is_lead": person == people[0],
                },
            )
    for person in ("cat", "fay"):
        member = facts.people[f"{person}@{place}"]
        member.values["default_team_id"] = teams[chance.choice(list(teams))]


class _Shelf:
    """Puts rows into one agency, of people and teams that chance picks."""

    def __init__(self, facts: Facts, agency: UUID, place: str, chance: random.Random) -> None:
        self.facts = facts
        self.agency = agency
        self.chance = chance
        self.members = [facts.people[f"{name}@{place}"].id for name in EVERYBODY]
        self.clients: list[UUID] = [
            member["contact_id"] for member in facts.of(MEMBERS, agency) if member["contact_id"]
        ]

    def add(self, table: str, **values: Any) -> Record:
        """One row."""
        return self.facts.add(table, self.agency, values)

    def any(self, table: str) -> UUID:
        """The id of some row."""
        return self.chance.choice(self.facts.of(table, self.agency)).id

    def someone(self) -> UUID | None:
        """A member, or sometimes nobody."""
        return self.chance.choice([None, None, *self.members])

    def whose(self, *, assigned: bool = False) -> dict[str, Any]:
        """Owner, team and perhaps assignee; sometimes neither."""
        whose = {
            "owner_id": self.someone(),
            "team_id": self.chance.choice([None, self.any(TEAMS)]),
            "deleted_at": self.chance.choice(TRASHED),
        }
        if assigned:
            whose["assignee_id"] = self.chance.choice([None, self.someone()])
        return whose

    def about(self) -> UUID:
        """A contact, rather often a client's."""
        return self.chance.choice([self.any("crm.contacts"), *self.clients])


def _fill(shelf: _Shelf) -> None:
    for number in range(2):
        shelf.add("crm.tags", deleted_at=0 if number else None)
        pipeline = shelf.add("crm.pipelines", deleted_at=0 if number else None).id
        for position in range(2):
            shelf.add(
                "crm.pipeline_stages", pipeline_id=pipeline, position=position, outcome="open"
            )
        shelf.add(
            "crm.saved_views",
            owner_id=shelf.chance.choice(shelf.members),
            team_id=shelf.any(TEAMS),
            visibility=VISIBILITIES[number + 1],
            deleted_at=None,
        )
    shelf.add("crm.products", deleted_at=None)
    for _ in range(4):
        company = shelf.add("crm.companies", **shelf.whose())
        contact = shelf.add("crm.contacts", **shelf.whose())
        shelf.add("crm.contact_points", contact_id=contact.id, deleted_at=contact["deleted_at"])
        shelf.add("crm.contact_companies", contact_id=contact.id, company_id=company.id)
        stage = shelf.chance.choice(shelf.facts.of("crm.pipeline_stages", shelf.agency))
        deal = shelf.add(
            "crm.deals",
            pipeline_id=stage["pipeline_id"],
            stage_id=stage.id,
            company_id=company.id,
            **shelf.whose(),
        )
        shelf.facts.note_stay(deal)
        shelf.add("crm.deal_contacts", deal_id=deal.id, contact_id=contact.id)
    _engage(shelf)


def _engage(shelf: _Shelf) -> None:
    for visibility in VISIBILITIES:
        activity = shelf.add(
            "crm.activities",
            visibility=visibility,
            contact_id=shelf.about(),
            company_id=shelf.any("crm.companies"),
            deal_id=None,
            **shelf.whose(assigned=True),
        )
        event = shelf.add("crm.calendar_events", visibility=visibility, **shelf.whose())
        guests: list[dict[str, Any]] = [
            {"calendar_event_id": event.id, "contact_id": shelf.about()},
            {"calendar_event_id": event.id, "membership_id": shelf.chance.choice(shelf.members)},
        ]
        for _ in range(2):
            talk = shelf.add(
                "crm.conversations",
                visibility=visibility,
                contact_id=shelf.about(),
                deal_id=None,
                **shelf.whose(assigned=True),
            )
            guest = shelf.chance.choice(shelf.members)
            guests.append({"conversation_id": talk.id, "membership_id": guest})
            for direction, status, sender in (
                ("outbound", "draft", guest),
                ("inbound", "received", None),
            ):
                message = shelf.add(
                    "crm.messages",
                    conversation_id=talk.id,
                    direction=direction,
                    status=status,
                    sender_membership_id=sender,
                    deleted_at=None,
                )
        for guest_values in guests:
            shelf.add("crm.participants", **guest_values)
        for column, target in (
            ("activity_id", activity.id),
            ("message_id", message.id),
            ("contact_id", shelf.about()),
            ("deal_id", shelf.any("crm.deals")),
        ):
            shelf.add(
                "crm.files",
                owner_id=shelf.someone(),
                visibility=shelf.chance.choice(VISIBILITIES),
                purpose="attachment",
                deleted_at=None,
                **{column: target},
            )
