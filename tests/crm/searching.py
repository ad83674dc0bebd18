"""Random questions to the search functions, and what plain SQL through the policies answers.

`python -m tests.crm.searching [QUESTIONS] [SEED]`: so many questions (10 000 unless told) of random
people with random rights, in a server of its own. It prints every difference; none means that the
functions of the search role find exactly the rows that row-level security shows. `test_search.py`
asks a few hundred.
"""

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from tests.database import Cluster, private_server
from tests.policies.town import AGENCIES, MEMBERSHIPS, TEAMS, USERS, Stage, Town, named, team_id

ROWS = 400
PAGE = 1000

# Names that differ by case, accent, script or one letter; and what is syntax somewhere else.
WORDS = [
    *("Zoë", "Zoe", "ZOE", "Müller", "Muller", "Mueller", "Muler", "O'Brien", "Smith", "Smyth"),
    *("Åsa", "Łukasz", "Straße", "Ærø", "José", "Jose\u0301", "Anne-Marie", "van der Berg", "Li"),
    *("محمد", "مُحَمَّد", "עדי", "עָדִי", "李明", "李", "Ελένη", "Иванов", "Й"),
    *("100%", "a_b", r"back\slash", "'quoted'", '"double"', "a:b", "x & y", "!not", "(one", "*"),
    *("garden", "Garden GmbH", "gardens", "gardening", "offer", "invoice 2026", "rose", "roses"),
]
TYPED = [
    *WORDS,
    *(word[:2] for word in WORDS),
    *(word[:3] for word in WORDS),
    *(word[1:] for word in WORDS),
    *(
        "",
        " ",
        "%",
        "_",
        "%%%",
        "\\",
        "\\\\\\",
        "'",
        "''",
        ":*",
        "&",
        "| !",
        "a' | 'b",
        "<->",
        "\t",
    ),
    *("example", "@example.org", "zoe@", "7@", "030", "+49 30", "(030) 12", "0049 30 1", "12", "x"),
    "no such word anywhere",
]

ROLES_OF_SCOPE = ("member", "viewer", "ai_agent")
SCOPES = ("own", "team", "all")


@dataclass(frozen=True)
class Entity:
    """A list that can be searched, and its condition as plain SQL."""

    search: str
    table: str
    condition: str
    candidates: str | None = None


def _folded(expression: str) -> str:
    marks = r"'[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]'"
    return f"lower(regexp_replace(normalize({expression}, nfd), {marks}, '', 'g'))"


WANTED = "(select app.search_text(%(query)s))"
FOUND_WORDS = "(select app.search_words(%(query)s))"


def _named(expression: str) -> str:
    """A name that is like the text: part of it, similar, or for a short text a word of it."""
    name = _folded(expression)
    return rf"""(
        case when length({WANTED}) >= 3
            then strpos({name}, {WANTED}) > 0 or {WANTED} operator(extensions.<%%) {name}
            else starts_with({name}, {WANTED}) or strpos({name}, ' ' || {WANTED}) > 0
        end
    )"""


ENTITIES = {
    entity.search: entity
    for entity in (
        Entity(
            "search_contacts",
            "crm.contacts",
            f"""
            r.search @@ {FOUND_WORDS}
            or {_named("r.full_name")}
            or exists (
                select 1
                  from crm.contact_points as p
                 where p.agency_id = r.agency_id
                   and p.contact_id = r.id
                   and p.deleted_at is null
                   and (
                       (length(btrim(%(query)s)) >= 3
                        and strpos(p.value_norm, lower(btrim(%(query)s))) > 0)
                       or (
                           p.kind = 'phone'
                           and %(query)s ~ '^[-0-9+()./ ]+$'
                           and length(ltrim(regexp_replace(%(query)s, '[^0-9]', '', 'g'), '0')) > 2
                           and strpos(
                               p.value_norm,
                               ltrim(regexp_replace(%(query)s, '[^0-9]', '', 'g'), '0')
                           ) > 0
                       )
                   )
            )
            """,
            "contact_candidates",
        ),
        Entity(
            "search_companies",
            "crm.companies",
            f"r.search @@ {FOUND_WORDS} or " + _named("r.name || ' ' || coalesce(r.domain, '')"),
            "company_candidates",
        ),
        Entity(
            "search_deals",
            "crm.deals",
            f"r.search @@ {FOUND_WORDS} or {_named('r.title')}",
            "deal_candidates",
        ),
        Entity(
            "search_activities",
            "crm.activities",
            f"r.search @@ {FOUND_WORDS}",
            "activity_candidates",
        ),
        Entity(
            "search_conversations",
            "crm.conversations",
            f"to_tsvector('pg_catalog.simple', coalesce(r.subject, '')) @@ {FOUND_WORDS}",
            "conversation_candidates",
        ),
        Entity(
            "search_messages",
            "crm.messages",
            f"""
            r.search @@ {FOUND_WORDS}
            and exists (
                select 1
                  from crm.conversations as c
                 where c.agency_id = r.agency_id
                   and c.id = r.conversation_id
                   and c.deleted_at is null
            )
            """,
            "message_candidates",
        ),
        Entity(
            "search_events",
            "crm.calendar_events",
            f"r.search @@ {FOUND_WORDS}",
            "event_candidates",
        ),
        Entity("search_products", "crm.products", _named("r.name || ' ' || r.sku")),
        Entity("search_files", "crm.files", _named("r.file_name")),
    )
}


class Crowd:
    """Records of two agencies, owned by everybody and nobody, in the town."""

    def __init__(self, town: Town, seed: int = 1) -> None:
        """Write them, past the triggers: a search does not care who stamped them."""
        self.town = town
        self.rng = random.Random(seed)
        with (
            town.database.connect("postgres", autocommit=True) as connection,
            connection.transaction(),
        ):
            connection.execute("set local session_replication_role = replica")
            for agency in ("alpha", "beta"):
                self._fill(connection, agency)
        with town.database.connect("postgres", autocommit=True) as connection:
            connection.execute("analyze")

    def _text(self, words: int = 3) -> str:
        return " ".join(self.rng.choices(WORDS, k=self.rng.randint(1, words)))

    def _fill(self, connection: psycopg.Connection[Any], agency: str) -> None:
        rng, place = self.rng, AGENCIES[agency].id
        members = [m.id for (name, _), m in MEMBERSHIPS.items() if name == agency]
        teams = [team_id(name) for name, team in TEAMS.items() if team[0] == agency]
        client = named("contact", "cli")

        def insert(table: str, **values: Any) -> UUID:
            key = UUID(int=rng.getrandbits(128), version=4)
            row = {
                "agency_id": place,
                "id": key,
                "deleted_at": "2026-01-01" if rng.random() < 0.1 else None,
                **values,
            }
            if row["deleted_at"] is None:
                del row["deleted_at"]
            marks = ", ".join(["%s"] * len(row))
            connection.execute(
                f"insert into {table} ({', '.join(row)}) values ({marks})".encode(),
                list(row.values()),
            )
            return key

        def whose() -> dict[str, Any]:
            return {
                "owner_id": rng.choice([None, *members]),
                "team_id": rng.choice([None, *teams]),
            }

        def opened() -> str:
            return rng.choice(["private", "team", "agency", "client"])

        def moment() -> str:
            return f"2026-0{rng.randint(1, 9)}-01 {rng.randint(0, 3):02}:00+00"

        contacts = [client] if agency == "alpha" else []
        if contacts:
            connection.execute(
                "update crm.contacts set full_name = 'Clio Müller', owner_id = null where id = %s",
                [client],
            )
        for number in range(ROWS):
            contact = insert(
                "crm.contacts",
                full_name=self._text(),
                job_title=rng.choice([None, self._text(2)]),
                **whose(),
            )
            contacts.append(contact)
            insert(
                "crm.contact_points",
                contact_id=contact,
                kind="email",
                value=f"{rng.choice(['Zoe', 'office', 'a_b'])}{number}@example.{rng.choice('ab')}",
            )
            insert(
                "crm.contact_points",
                contact_id=contact,
                kind="phone",
                value=f"(030) {number:05}",
                e164=rng.choice([None, f"+4930{number:05}"]),
            )
        for number in range(ROWS):
            insert(
                "crm.companies",
                name=self._text(),
                domain=rng.choice([None, f"garden{number}.example"]),
                **whose(),
            )
            insert(
                "crm.deals",
                title=self._text(),
                currency="EUR",
                pipeline_id=place,
                stage_id=place,
                **whose(),
            )
            insert(
                "crm.activities",
                kind="note",
                subject=self._text(),
                body=rng.choice([None, self._text(20)]),
                occurred_at=moment(),
                visibility=opened(),
                assignee_id=rng.choice([None, *members]),
                contact_id=rng.choice([client, rng.choice(contacts)]),
                **whose(),
            )
            guests = rng.sample(members, k=2)
            event = insert(
                "crm.calendar_events",
                title=self._text(),
                starts_at=moment(),
                ends_at="2027-01-01",
                visibility=opened(),
                participant_ids=guests,
                **whose(),
            )
            if rng.random() < 0.3:
                connection.execute(
                    "insert into crm.participants (agency_id, calendar_event_id, contact_id)"
                    " values (%s, %s, %s)",
                    [place, event, client],
                )
            insert(
                "crm.products", name=self._text(), sku=f"sku-{number}", unit_price=1, currency="EUR"
            )
            talk = insert(
                "crm.conversations",
                channel="email",
                subject=rng.choice([None, self._text()]),
                last_message_at=rng.choice([None, moment()]),
                visibility=opened(),
                assignee_id=rng.choice([None, *members]),
                contact_id=rng.choice([client, rng.choice(contacts)]),
                participant_ids=rng.sample(members, k=2),
                **whose(),
            )
            for _ in range(2):
                message = insert(
                    "crm.messages",
                    conversation_id=talk,
                    direction=rng.choice(["inbound", "outbound", "internal"]),
                    status=rng.choice(["draft", "sent", "received"]),
                    body_text=self._text(10),
                    sent_at=moment(),
                )
            insert(
                "crm.files",
                provider="minio",
                bucket="b",
                object_path=f"{place}/{number}",
                file_name=self._text(),
                mime="a/b",
                byte_size=1,
                owner_id=rng.choice([None, *members]),
                visibility=opened(),
                **rng.choice([{"contact_id": rng.choice(contacts)}, {"message_id": message}]),
            )


def give_scopes(stage: Stage, rng: random.Random) -> None:
    """Other rights for everybody: the rungs that a role may have, at random."""
    stage.service()
    for (agency, user), member in MEMBERSHIPS.items():
        if agency == "alpha" and member.role in (*ROLES_OF_SCOPE, "manager"):
            scopes = SCOPES[1:] if member.role == "manager" else SCOPES
            stage.run(
                "update tenancy.memberships set record_scope = %s where id = %s",
                rng.choice(scopes),
                MEMBERSHIPS["alpha", user].id,
            )


def enter(stage: Stage, rng: random.Random) -> str:
    """Become somebody at random, in person, by key or through an agent; say who."""
    user = rng.choice(
        ["ann", "olga", "adam", "mia", "max", "mel", "vic", "cli", "both", "bot", "removed"]
    )
    match rng.randrange(6):
        case 0 if user != "bot":
            stage.become(user, act={"iss": "https://id.example", "user_id": str(USERS["bot"].id)})
            return f"bot for {user}"
        case 1:
            scopes = rng.choice(
                [
                    ["crm.contacts:select"],
                    ["crm.contacts:select", "crm.contact_points:select"],
                    ["crm.messages:select"],
                    ["crm.conversations:select", "crm.messages:select", "crm.files:select"],
                ]
            )
            key = named("api_key", "whole")
            stage.service().run(
                "update tenancy.api_keys set scopes = %s where id = %s", scopes, key
            )
            stage.become("ann", api_key_id=str(key))
            return f"a key of ann for {scopes}"
        case 2 if user == "both":
            stage.become("both", "beta")
            return "both of beta"
    stage.become(user)
    return user


def ask(stage: Stage, rng: random.Random, entities: list[Entity]) -> Iterator[str]:
    """Ask one question; each line is a difference between the search and plain SQL."""
    if rng.random() < 0.1:
        give_scopes(stage, rng)
    who = enter(stage, rng)
    entity = rng.choice(entities)
    query = rng.choice(TYPED)
    if rng.random() < 0.2:
        query = f"{query} {rng.choice(TYPED)}"
    text = f"{who}: {entity.search}({query!r})"
    rows = stage.connection.execute(
        f"select r.id from {entity.table} as r"
        f" where r.deleted_at is null and ({entity.condition})".encode(),
        {"query": query},
    )
    wanted = {row[0] for row in rows}
    found = stage.rows(f"select id from app.{entity.search}(%s, %s)", query, PAGE)
    if set(found) != wanted or len(found) != len(wanted):
        lost, extra = len(wanted - set(found)), len(set(found) - wanted)
        yield f"{text}: {lost} rows lost, {extra} too many, of {len(wanted)}"
    if entity.candidates is not None:
        named_ids = stage.value(f"select app.{entity.candidates}(%s, %s, null)", query, PAGE)
        if named_ids != found:
            yield f"{text}: {entity.candidates} tells {len(named_ids)}, not {len(found)}"
    size = rng.randint(1 + len(found) // 5, len(found) + 1)
    paged: list[UUID] = []
    after = None
    while page := stage.rows(f"select id from app.{entity.search}(%s, %s, %s)", query, size, after):
        paged += page
        after = page[-1]
        if len(page) < size:
            break
    if paged != found:
        yield f"{text}: in pages of {size} it is another list"


def differences(
    town: Town, questions: int, seed: int, entities: list[Entity] | None = None
) -> Iterator[str]:
    """Ask that many questions, of all lists or of some."""
    rng = random.Random(seed)
    with town.stage() as stage:
        # a busy machine is no difference
        stage.run("set local statement_timeout = 0")
        for _ in range(questions):
            yield from ask(stage, rng, entities or list(ENTITIES.values()))


def main() -> int:
    """Print the differences; the exit code says whether there are any."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.crm.searching", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("questions", type=int, nargs="?", default=10_000)
    parser.add_argument("seed", type=int, nargs="?", default=random.randrange(2**32))
    arguments = parser.parse_args()
    questions, seed = arguments.questions, arguments.seed
    print(f"{questions} questions, seed {seed}", flush=True)
    count = 0
    with private_server() as server, Cluster(server).migrated() as database:
        for line in differences(Crowd(Town(database), seed).town, questions, seed):
            print(line, flush=True)
            count += 1
    print(f"{count} differences")
    return int(count > 0)


if __name__ == "__main__":
    raise SystemExit(main())
