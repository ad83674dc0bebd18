"""A dirty file of people, and what must come of each line: told by what was done to it, in Python.

Nothing here asks the database or repeats its code. `Book` knows who is in the agency before the
import, writes lines with a seed, and plays them one after the other on dictionaries: that is the
expectation which the database is compared with, line by line and person by person.

A line has one fault at most, so nobody has to know which of two faults is told first.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

MAPPING = {
    "Name": "full_name",
    "Mail": "email",
    "Second mail": "email",
    "Phone": "phone",
    "Title": "job_title",
    "Firm": "company_domain",
    "Owner": "owner_id",
}
FIRMS = [f"firm{number}.example" for number in range(20)]
UNSEEN_FIRM = "unseen.example"

Line = dict[str, str]
Key = tuple[str, str]


@dataclass(frozen=True)
class Expected:
    """What must come of a line; a failure with SQLSTATE, field and the beginning of its reason."""

    status: str
    person: int | None = None
    code: str | None = None
    field: str | None = None
    reason: str | None = None


@dataclass
class Person:
    """Somebody, as the database must have them in the end.

    Attributes:
        points: kind and normalised address to whether it is the primary one.
        firms: domain to whether it is the primary one.
        is_hidden: out of reach of whoever imports.
    """

    name: str
    title: str | None = None
    points: dict[Key, bool] = field(default_factory=dict)
    firms: dict[str, bool] = field(default_factory=dict)
    is_hidden: bool = False
    made_by: int | None = None


class Fault(Exception):
    """This line must fail."""

    def __init__(self, code: str, where: str, reason: str) -> None:
        """Say with what."""
        super().__init__(reason)
        self.expected = Expected("failed", None, code, where, reason)


class Book:
    """The file, and what must come of it."""

    def __init__(self, rows: int, seed: int, stranger: str) -> None:
        """Write it.

        Args:
            rows: how many lines.
            seed: the same one writes the same lines.
            stranger: a membership in whose name the importer may write nothing.
        """
        self._chance = random.Random(seed)
        self._stranger = stranger
        self.people: dict[int, Person] = {}
        self._whose: dict[Key, int] = {}
        self.erased: set[Key] = {("email", "gone1@erased.example"), ("phone", "+4930999999")}
        self.before = max(rows // 50, 10)
        for number in range(self.before):
            self._add(Person(f"Known {number}", "Old", {("email", known(number)): True}))
            self._add(
                Person(f"Hidden {number}", points={("email", hidden(number)): True}, is_hidden=True)
            )
        self.lines: list[Line] = []
        self.expected: list[Expected] = []
        kinds = list(KINDS)
        for number in range(1, rows + 1):
            (kind,) = self._chance.choices(kinds, [KINDS[one] for one in kinds])
            line = kind(self, number)
            self.lines.append(line)
            self.expected.append(self._play(number, line))

    # -- what is done to lines

    def fresh(self, number: int) -> Line:
        """Somebody new, written as people write."""
        chance = self._chance
        line = {
            "Name": f"  Zoë Müller {number} ",
            "Mail": chance.choice([f"p{number}@example.org", f" P{number}@Example.ORG "]),
            "Title": chance.choice(["", "Gardener", "Cook", "Boss"]),
        }
        if chance.random() < 0.3:
            line["Second mail"] = f"second{number}@example.org"
        if chance.random() < 0.5:
            line["Phone"] = chance.choice(["+49 (40) {}", "+49-40/{}", "0049 40 {}"]).format(
                f"{number:07d}"
            )
        if chance.random() < 0.3:
            firm = chance.choice(FIRMS)
            line["Firm"] = chance.choice([firm, f"https://www.{firm}/about?x=1", firm.upper()])
        return line

    def nameless(self, number: int) -> Line:
        """Somebody new who is called by the address."""
        return {**self.fresh(number), "Name": " "}

    def again(self, number: int) -> Line:
        """Somebody of an earlier line, with something else."""
        earlier = self._earlier(number)
        same = {name: earlier.get(name, "") for name in ("Mail", "Phone")}
        return {**self.fresh(number), **same}

    def repeated(self, number: int) -> Line:
        """An earlier line once more."""
        return dict(self._earlier(number))

    def known(self, number: int) -> Line:
        """Somebody who is there already."""
        return {**self.fresh(number), "Mail": known(self._chance.randrange(self.before))}

    def hidden(self, number: int) -> Line:
        """Somebody whom the importer does not see."""
        return {**self.fresh(number), "Mail": hidden(self._chance.randrange(self.before)).upper()}

    def erased_mail(self, number: int) -> Line:
        """Somebody who was erased."""
        return {**self.fresh(number), "Second mail": "Gone1@Erased.example"}

    def erased_phone(self, number: int) -> Line:
        """Somebody who was erased, by phone."""
        return {**self.fresh(number), "Phone": "+49 30 999 999"}

    def bad_mail(self, number: int) -> Line:
        """No address."""
        return {**self.fresh(number), "Mail": self._chance.choice(["nobody", "a@b", "a b@c.de"])}

    def bad_phone(self, number: int) -> Line:
        """No number."""
        return {**self.fresh(number), "Phone": self._chance.choice(["-", "none", "1"])}

    def empty(self, _: int) -> Line:
        """Nobody at all."""
        return {"Name": "", "Title": "Boss"}

    def long(self, number: int) -> Line:
        """Too much."""
        return {**self.fresh(number), "Name": "x" * 201}

    def bad_owner(self, number: int) -> Line:
        """An owner who is no id."""
        return {**self.fresh(number), "Owner": "Bea"}

    def strange_owner(self, number: int) -> Line:
        """In the name of somebody else."""
        return {**self.fresh(number), "Owner": self._stranger}

    def no_firm(self, number: int) -> Line:
        """A company that is not there, or not for the importer."""
        return {**self.fresh(number), "Firm": self._chance.choice(["no.example", UNSEEN_FIRM])}

    def two_people(self, number: int) -> Line:
        """The addresses of two."""
        first, second = self._chance.sample(range(self.before), 2)
        return {**self.fresh(number), "Mail": known(first), "Second mail": known(second)}

    def _earlier(self, number: int) -> Line:
        return (
            self.lines[self._chance.randrange(len(self.lines))]
            if self.lines
            else {
                "Name": "First",
                "Mail": f"first{number}@example.org",
            }
        )

    # -- what comes of them

    def _add(self, person: Person) -> int:
        number = len(self.people)
        self.people[number] = person
        self._whose.update(dict.fromkeys(person.points, number))
        return number

    def _play(self, number: int, line: Line) -> Expected:
        try:
            return self._write(number, {name: value.strip() for name, value in line.items()})
        except Fault as fault:
            return fault.expected

    def _write(self, number: int, line: Line) -> Expected:
        points = self._points(line)
        self._check(line, points)
        firm = line.get("Firm", "").lower().removeprefix("https://www.").partition("/")[0]
        if firm and firm not in FIRMS:
            raise Fault("23503", "company_domain", "You see no company with this domain")
        found = {self._whose[key] for key in points if self._sees(key)}
        if len(found) > 1:
            raise Fault("23505", "email", "The e-mail addresses and numbers belong to several")
        if line.get("Owner"):
            raise Fault("42501", "row", "new row violates row-level security policy")
        if found:
            return self._change(found.pop(), line, points, firm)
        self._take(points)
        person = Person(
            line.get("Name") or next(iter(points))[1],
            line.get("Title") or None,
            points,
            {firm: True} if firm else {},
            made_by=number,
        )
        return Expected("created", self._add(person))

    def _change(self, who: int, line: Line, points: dict[Key, bool], firm: str) -> Expected:
        person = self.people[who]
        name = line.get("Name") or person.name
        title = line.get("Title") or person.title
        added = {
            key: is_first
            and not any(primary for (kind, _), primary in person.points.items() if kind == key[0])
            for key, is_first in points.items()
            if not self._sees(key)
        }
        linked = firm and firm not in person.firms
        if (name, title) == (person.name, person.title) and not added and not linked:
            return Expected("skipped")
        self._take(added)
        person.name, person.title = name, title
        person.points.update(added)
        self._whose.update(dict.fromkeys(added, who))
        if linked:
            person.firms[firm] = not any(person.firms.values())
        return Expected("updated", who)

    def _sees(self, key: Key) -> bool:
        return key in self._whose and not self.people[self._whose[key]].is_hidden

    def _take(self, points: dict[Key, bool]) -> None:
        """Addresses of the erased, or of somebody out of reach, are not added."""
        for key in points:
            if key in self.erased:
                raise Fault("23514", key[0], f"This {key[0]} was erased")
            if key in self._whose:
                raise Fault("23505", key[0], f"Another contact has this {key[0]}")

    @staticmethod
    def _points(line: Line) -> dict[Key, bool]:
        """Normalised addresses, e-mail before phone; the first of its kind is the primary one."""
        found: dict[Key, bool] = {}
        for name in ("Mail", "Second mail"):
            mail = line.get(name, "").lower()
            if mail and ("email", mail) not in found:
                found["email", mail] = not found
        phone = "".join(sign for sign in line.get("Phone", "") if sign in "+0123456789")
        if line.get("Phone"):
            found["phone", phone] = True
        return found

    @staticmethod
    def _check(line: Line, points: dict[Key, bool]) -> None:
        for kind, value in points:
            if kind == "email" and ("@" not in value or " " in value or "." not in value):
                raise Fault("23514", "email", "email must be an e-mail address.")
            if kind == "phone" and len(value) < 3:
                raise Fault("23514", "phone", "phone must be a phone number.")
        if line.get("Owner") == "Bea":
            raise Fault("22P02", "owner_id", "owner_id must be an id.")
        if len(line.get("Name", "")) > 200:
            raise Fault("23514", "full_name", "full_name must be at most 200 characters long.")
        if not line.get("Name") and not points:
            raise Fault("23502", "full_name", "full_name must be filled in.")


def known(number: int) -> str:
    """The address of somebody who is there and belongs to the importer."""
    return f"known{number}@example.org"


def hidden(number: int) -> str:
    """The address of somebody who is there and belongs to somebody else."""
    return f"hidden{number}@example.org"


# How often, in parts of a hundred.
KINDS: dict[Callable[[Book, int], Line], int] = {
    Book.fresh: 55,
    Book.nameless: 2,
    Book.again: 10,
    Book.repeated: 5,
    Book.known: 6,
    Book.hidden: 3,
    Book.erased_mail: 2,
    Book.erased_phone: 1,
    Book.bad_mail: 4,
    Book.bad_phone: 2,
    Book.empty: 2,
    Book.long: 1,
    Book.bad_owner: 1,
    Book.strange_owner: 2,
    Book.no_firm: 3,
    Book.two_people: 1,
}
