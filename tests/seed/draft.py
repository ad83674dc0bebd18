"""What the rows of one agency are made from, and what is known of those that were made."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.seed import ids
from tests.seed.load import Loader
from tests.seed.words import PLACES, Place, Words, words

# Shares of a hundred.
DELETED = 5
UNASSIGNED = 12


@dataclass(frozen=True)
class Member:
    """Somebody of the agency."""

    id: str
    user_id: str
    role: str
    name: str
    team: str | None


@dataclass
class Draft:
    """One agency in the making.

    Attributes:
        number: 0 for the first and biggest.
        rows: how many it gets.
        random: the seed of the whole run.
        month: the first instant of a month that the tables of events have; their ids begin there.
        load: where the rows go.
    """

    number: int
    rows: int
    random: int
    month: datetime
    load: Loader
    members: list[Member] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    lookups: dict[str, list[str]] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    pipelines: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    contacts: list[str] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)
    companies: list[str] = field(default_factory=list)
    deals: list[str] = field(default_factory=list)
    conversations: list[tuple[str, str | None]] = field(default_factory=list)
    samples: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Set the generators up."""
        self.rng = Random(f"{self.random}/{self.number}")
        self._ids: Iterator[str] = ids.ids(self.rng, self.rows)
        # Each agency is at home somewhere else and has people of three more places.
        home = self.number * 3
        self.places: list[Place] = [PLACES[(home + step) % len(PLACES)] for step in (0, 1, 2, 4)]
        self.id = self.new_id()
        self.slug = f"seed-{self.random}-{self.number + 1}"
        self.currency = self.places[0].currency
        self._numbers = 0

    def new_id(self) -> str:
        """The next id."""
        return next(self._ids)

    def new_number(self) -> int:
        """A number that nothing else in the agency has."""
        self._numbers += 1
        return self._numbers

    def chance(self, percent: float) -> bool:
        """True so often."""
        return self.rng.random() * 100 < percent

    def words(self) -> Words:
        """The words of one of its places, mostly of the first."""
        place = self.places[min(int(self.rng.expovariate(1.2)), len(self.places) - 1)]
        return words(place, self.random)

    def instant(self) -> datetime:
        """Some moment of the two years, more often a late one."""
        return ids.BEGIN + (ids.END - ids.BEGIN) * self.rng.betavariate(1.6, 1)

    def after(self, at: datetime, days: float) -> datetime:
        """A moment after another, up to so many days."""
        return at + timedelta(days=self.rng.uniform(0, days))

    def some(self, population: list[str], at_most: int) -> list[str]:
        """A few different ones."""
        return self.rng.sample(population, min(len(population), self.rng.randint(1, at_most)))

    def skewed(self, population: list[str]) -> str:
        """One of them, the first ones far more often: a few have most of the work."""
        return population[int(len(population) * self.rng.random() ** 2)]

    def member(self, *roles: str) -> Member:
        """Somebody of the staff, or of these roles."""
        wanted = roles or ("owner", "admin", "manager", "member", "viewer", "ai_agent")
        return self.rng.choice([one for one in self.members if one.role in wanted])

    def whose(self) -> dict[str, str | None]:
        """Owner and team of a record: of somebody, of a team only, or unassigned."""
        if self.chance(UNASSIGNED):
            team = self.rng.choice(self.teams) if self.chance(40) else None
            return {"owner_id": None, "team_id": team}
        staff = [one for one in self.members if one.role not in ("client", "ai_agent", "viewer")]
        owner = staff[int(len(staff) * self.rng.random() ** 1.5)]
        team = owner.team if self.chance(70) else self.rng.choice([None, *self.teams])
        return {"owner_id": owner.id, "team_id": team}

    def deletion(self, percent: float = DELETED) -> dict[str, Any]:
        """When it was deleted and by whom, if it was."""
        if not self.chance(percent):
            return {"deleted_at": None, "deleted_by": None}
        return {"deleted_at": self.instant(), "deleted_by": self.member().id}

    def sample(self, table: str, record: str) -> None:
        """Keep some ids of a table that is too big to remember."""
        kept = self.samples.setdefault(table, [])
        if len(kept) < 2000:
            kept.append(record)
        elif self.chance(2):
            kept[self.rng.randrange(len(kept))] = record
