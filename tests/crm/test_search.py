"""Search: what is found, how it is typed, and that it is exactly what the policies show."""

import random
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from tests.audit.trail import Office
from tests.conftest import Mutant
from tests.crm.desk import Desk
from tests.crm.searching import ENTITIES, Crowd, differences
from tests.database import ROOT, Cluster
from tests.policies.broken import broken_function
from tests.policies.town import MEMBERSHIPS, Stage, Town, named

QUESTIONS = 300


@pytest.fixture(scope="module")
def crowd(cluster: Cluster) -> Iterator[Town]:
    """The town, with records of everybody and nobody whose names collide."""
    with cluster.migrated() as database:
        yield Crowd(Town(database)).town


def contacts(desk: Desk, query: str, **more: Any) -> list[str]:
    """The names that a search of the owner finds, in its order."""
    names = ", ".join(f"{name} => %s" for name in more)
    found: list[str] = desk.do(
        "select array(select s.full_name::text from app.search_contacts("
        f"query => %s{', ' if more else ''}{names}) as s)",
        query,
        *more.values(),
    )
    return found


# --- exactly what the policies show ---------------------------------------------------------------


@pytest.mark.slow
def test_a_search_finds_exactly_what_plain_sql_finds_through_the_policies(crowd: Town) -> None:
    """Every role and record scope, agents and keys; `python -m tests.crm.searching` asks 10 000."""
    assert list(differences(crowd, QUESTIONS, seed=7)) == []


MUTANTS = {
    "the rows of other agencies": (
        "contact_candidates",
        "t.agency_id = proof.agency_id",
        "t.agency_id is not null",
    ),
    "the scope of a member": (
        "deal_candidates",
        "when 'own' then t.owner_id = proof.membership_id",
        "when 'own' then true",
    ),
    "the teams": ("company_candidates", "or t.team_id = any(teams)", ""),
    "what nobody has": (
        "contact_candidates",
        "or (t.owner_id is null and t.team_id is null)",
        "",
    ),
    "private activities": (
        "activity_candidates",
        "t.visibility <> 'private' or proof.membership_id in (t.owner_id, t.assignee_id)",
        "true",
    ),
    "what a client is not shown": (
        "message_candidates",
        "t.direction <> 'internal'",
        "true",
    ),
    "guests of an event": (
        "event_candidates",
        "or proof.membership_id = any(t.participant_ids)",
        "",
    ),
    "deleted conversations": ("message_candidates", "and c.deleted_at is null", ""),
    "the scopes of a key": (
        "contact_candidates",
        "if app.may('crm.contact_points:select', 'owner', 'admin', 'manager', 'member', 'viewer',"
        " 'ai_agent') then",
        "if true then",
    ),
    "the place in the list": (
        "activity_candidates",
        "order by f.rank desc, f.id desc",
        "order by f.rank desc",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_look_up_that_forgets_a_rule_is_found_out(crowd: Town, mutant: Mutant, name: str) -> None:
    function, rule, instead = MUTANTS[name]
    mutant("search", "test_search.py", f"{function}: {rule} -> {instead}")
    with broken_function(crowd.database, f"app.{function}", rule, instead):
        asked = [one for one in ENTITIES.values() if one.candidates == function]
        assert next(differences(crowd, QUESTIONS, 3, asked), None) is not None


@pytest.mark.parametrize(
    "entity", [one for one in ENTITIES.values() if one.candidates], ids=lambda one: one.table
)
def test_a_look_up_names_the_cells_of_the_policy(entity: Any) -> None:
    """Who reaches how far is written in the policy, and repeated in the look-up."""
    tables = {
        "crm.messages": ["crm.conversations", "crm.messages"],
        "crm.contacts": ["crm.contacts", "crm.contact_points"],
    }.get(entity.table, [entity.table])
    function = (ROOT / "sql/functions" / f"app.{entity.candidates}.sql").read_text()
    for table in tables:
        policy = (ROOT / "policies" / f"{table}.sql").read_text()
        call = rf"app\.(?:reach|may)\(\s*'{re.escape(table)}:select'[^)]*\)"
        (wanted,) = {"".join(found.split()) for found in re.findall(call, policy)}
        (repeated,) = {"".join(found.split()) for found in re.findall(call, function)}
        assert repeated == wanted


def test_a_member_with_few_records_among_many_gets_a_full_page(crowd: Town) -> None:
    """The limit counts what the member may read, not what the agency has."""
    with crowd.stage() as stage:
        mine = MEMBERSHIPS["alpha", "mel"].id
        stage.service().run(
            "insert into crm.contacts (agency_id, full_name, owner_id)"
            " select a.agency_id, 'Rosamunde ' || i, case when i %% 100 = 0 then %s::uuid end"
            " from tenancy.memberships as a, generate_series(1, 1000) as i where a.id = %s",
            mine,
            mine,
        )
        stage.become("mel")
        found = stage.rows("select owner_id from app.search_contacts('rosamunde', 10)")
        assert found == [mine] * 10


@pytest.mark.parametrize("user", ["loner", "removed", "paused", "disabled", "cli"])
def test_who_reads_no_contact_finds_none(crowd: Town, user: str) -> None:
    with crowd.stage() as stage:
        stage.become(user)
        assert stage.rows("select id from app.search_contacts('zoe')") == []
        assert stage.value("select app.contact_candidates('zoe', 9, null)") == []


def test_a_client_finds_what_is_shared_with_it(crowd: Town) -> None:
    with crowd.stage() as stage:
        stage.become("cli")
        for search, column, shared in (
            ("conversations", "visibility", {"client"}),
            ("messages", "direction", {"inbound", "outbound"}),
        ):
            shown = stage.rows(f"select {column} from app.search_{search}('g', 100)")
            assert set(shown) == shared
        assert stage.rows("select id from app.search_products('g')") == []


# --- what is found --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Zoë Müller", "zoe"),
        ("Zoë Müller", "MULLER"),
        ("Zoe Muller", "zoë müller"),
        ("Zoë Müller", "üll"),
        ("Jose\u0301 Álvarez", "josé"),
        ("José Álvarez", "jose\u0301 alv"),
        ("Christoph Schmidt", "Schmit"),
        ("Christoph Schmidt", "schmidt christoph"),
        ("Li Wei", "li"),
        ("Anna Ó Briain", "o"),
        ("李明", "李"),
        ("李明", "李明"),
        ("مُحَمَّد علي", "محمد"),
        ("محمد علي", "علي"),
        ("עָדִי כהן", "עדי"),
        ("Ελένη", "ελενη"),
        ("Иванов", "ИВА"),
        ("Bob O'Brien", "o'brien"),
        ("100% Garden", "100%"),
        (r"a\b_c", r"a\b_"),
        ('"Quoted" & (Son)', '"quoted" & (son'),
        ("  Anne-Marie   Huber", "anne-marie huber"),
    ],
)
def test_a_name_is_found_as_people_type_it(desk: Desk, name: str, typed: str) -> None:
    desk.contact(full_name=name)
    desk.contact(full_name="Somebody Else")
    assert contacts(desk, typed) == [name]


@pytest.mark.parametrize("typed", ["%", "_", "%%%", "___", "\\", "'", "", "   ", "\t", "zzz", ":*"])
def test_what_is_syntax_elsewhere_finds_nothing_here(desk: Desk, typed: str) -> None:
    desk.contact(full_name="Zoë Müller", job_title="Head of Gardens")
    assert contacts(desk, typed) == []


def test_a_contact_is_found_by_its_job_title(desk: Desk) -> None:
    desk.contact(full_name="Zoë", job_title="Head of Gardens")
    assert contacts(desk, "gard") == ["Zoë"]


@pytest.mark.parametrize(
    "typed", ["zoe@example.org", "ZOE@EXAMPLE.ORG ", "@example.org", "zoe@", "ample.o"]
)
def test_a_contact_is_found_by_an_address(desk: Desk, typed: str) -> None:
    desk.email(desk.contact(full_name="Somebody"), "Zoe@Example.org")
    desk.email(desk.contact(full_name="Somebody Else"), "bob@elsewhere.test")
    assert contacts(desk, typed) == ["Somebody"]


@pytest.mark.parametrize(
    "typed", ["+49 30 12345", "+493012345", "0049 30 123-45", "030 12345", "(030) 123", "12345"]
)
def test_a_contact_is_found_by_a_number_however_it_is_typed(desk: Desk, typed: str) -> None:
    person = desk.contact(full_name="Somebody")
    desk.insert(
        "crm.contact_points",
        contact_id=person,
        kind="phone",
        value="030 123-45",
        e164="+493012345",
    )
    assert contacts(desk, typed) == ["Somebody"]


def test_whose_address_it_is_comes_first(desk: Desk) -> None:
    desk.contact(full_name="zoe@example.org")
    desk.email(desk.contact(full_name="Somebody"), "zoe@example.org")
    assert contacts(desk, "zoe@example.org") == ["Somebody", "zoe@example.org"]


def test_the_most_similar_name_comes_first(desk: Desk) -> None:
    for name in ("Rosemarie Miller", "Rose", "Rosalie Rose Rosenbaum"):
        desk.contact(full_name=name)
    assert contacts(desk, "rose")[0] == "Rose"


def test_deleted_records_and_addresses_find_nobody(desk: Desk) -> None:
    gone, moved = desk.contact(full_name="Zoë Gone"), desk.contact(full_name="Zoë Moved")
    point = desk.email(moved, "old@example.org")
    desk.do("update crm.contacts set deleted_at = now() where id = %s", gone)
    desk.do("update crm.contact_points set deleted_at = now() where id = %s", point)
    assert contacts(desk, "zoe") == ["Zoë Moved"]
    assert contacts(desk, "old@example.org") == []


def test_a_company_is_found_by_its_domain(desk: Desk) -> None:
    company = desk.insert("crm.companies", name="Garden & Söhne", domain="green-fingers.example")
    for typed in ("fingers", "green-fingers.example", "sohne", "Garden &"):
        assert desk.do("select id from app.search_companies(%s)", typed) == company


@pytest.mark.parametrize(
    ("search", "place"),
    [
        (
            "activities",
            lambda desk: desk.insert(
                "crm.activities", kind="note", subject="Call", body="She likes old roses."
            ),
        ),
        (
            "conversations",
            lambda desk: desk.insert(
                "crm.conversations", channel="email", subject="Your old roses"
            ),
        ),
        (
            "events",
            lambda desk: desk.insert(
                "crm.calendar_events",
                title="Planting old roses",
                starts_at="2026-05-01",
                ends_at="2026-05-02",
            ),
        ),
        (
            "products",
            lambda desk: desk.insert(
                "crm.products", sku="r1", name="Old roses", unit_price=1, currency="EUR"
            ),
        ),
        ("deals", lambda desk: desk.deal(*_first(desk.pipeline("open")), title="Old roses")),
        (
            "messages",
            lambda desk: desk.insert(
                "crm.messages",
                direction="internal",
                body_text="old roses",
                conversation_id=desk.insert("crm.conversations", channel="email"),
            ),
        ),
        (
            "files",
            lambda desk: desk.insert(
                "crm.files",
                provider="minio",
                bucket="b",
                mime="a/b",
                byte_size=1,
                object_path=f"{desk.owner.agency_id}/a",
                file_name="Old roses.pdf",
                contact_id=desk.contact(),
                owner_id=desk.owner.membership_id,
            ),
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_every_list_is_searched(
    desk: Desk, office: Office, search: str, place: Callable[[Desk], UUID]
) -> None:
    record = place(desk)
    assert desk.do(f"select id from app.search_{search}('rose')") == record
    assert desk.do(f"select id from app.search_{search}('tulip')") is None
    other = Desk(office, office.found(Desk.new_slug()))
    assert other.do(f"select id from app.search_{search}('rose')") is None


def _first(pipeline: tuple[UUID, list[UUID]]) -> tuple[UUID, UUID]:
    return pipeline[0], pipeline[1][0]


# --- pages and refusals ---------------------------------------------------------------------------


def test_a_page_goes_on_after_the_last_one(desk: Desk) -> None:
    for number in range(5):
        desk.contact(full_name=f"Zoë {number}")
    all_of_them = contacts(desk, "zoe")
    last = desk.do("select id from app.search_contacts('zoe', 2) offset 1")
    assert contacts(desk, "zoe", page_size=2) == all_of_them[:2]
    assert contacts(desk, "zoe", page_size=9, after=last) == all_of_them[2:]


def test_a_page_that_follows_nothing_is_refused(desk: Desk, office: Office) -> None:
    """The same for a record that is not there, is not found, or belongs to somebody else."""
    other = Desk(office, office.found(Desk.new_slug()))
    for record in (desk.contact(full_name="Bob"), other.contact(full_name="Zoë"), UUID(int=7)):
        assert desk.refused("select app.search_contacts('zoe', 2, %s)", record) == "22023", record


@pytest.mark.parametrize("search", [entity.search for entity in ENTITIES.values()])
@pytest.mark.parametrize(
    "arguments", ["repeat('x', 201)", "'zoe', 0", "'zoe', 1001", "'zoe', null"]
)
def test_a_search_that_makes_no_sense_is_refused(desk: Desk, search: str, arguments: str) -> None:
    assert desk.refused(f"select app.{search}({arguments})") == "22023"


def test_no_text_is_no_search(desk: Desk) -> None:
    desk.contact()
    for entity in ENTITIES.values():
        assert desk.do(f"select count(*) from app.{entity.search}(null)") == 0


def test_a_key_finds_by_address_only_when_it_may_read_addresses(crowd: Town) -> None:
    key = named("api_key", "whole")
    with crowd.stage() as stage:
        for scopes, count in (
            (["crm.contacts:select"], 0),
            (["crm.contacts:select", "crm.contact_points:select"], 1),
            (["crm.contact_points:select"], 0),
        ):
            assert _found_by_address(stage, key, scopes) == count


def _found_by_address(stage: Stage, key: UUID, scopes: list[str]) -> int:
    stage.service().run("update tenancy.api_keys set scopes = %s where id = %s", scopes, key)
    address = stage.value(
        "select p.value from crm.contact_points as p join crm.contacts as c"
        " on c.agency_id = p.agency_id and c.id = p.contact_id and c.deleted_at is null"
        " where p.agency_id = (select k.agency_id from tenancy.api_keys as k where k.id = %s)"
        " and p.deleted_at is null and p.kind = 'email' order by p.id limit 1",
        key,
    )
    stage.become("ann", api_key_id=str(key))
    return len(stage.rows("select id from app.search_contacts(%s)", address))


def test_random_bytes_are_a_search_too(desk: Desk) -> None:
    """Whatever is typed, the answer is rows or the refusal of a long text."""
    rng = random.Random(5)
    desk.contact()
    for entity in [*ENTITIES.values()] * 10:
        typed = "".join(
            chr(rng.choice([rng.randrange(1, 128), rng.randrange(128, 0xD7FF)]))
            for _ in range(rng.randrange(1, 30))
        )
        assert desk.refused(f"select * from app.{entity.search}(%s)", typed) is None, typed
