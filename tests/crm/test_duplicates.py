"""Who might be the same: found by index among 100 000, and only among what the caller sees.

The plan is that of the statements inside the functions, as PostgreSQL ran them for the caller.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.audit.trail import Office, Person
from tests.conftest import Mutant
from tests.crm.desk import Desk
from tests.crm.merging import Pair, client, merge
from tests.crm.test_plans import nodes
from tests.database import Databases
from tests.policies.access import Row
from tests.policies.broken import broken_function
from tests.policies.town import AGENCIES, MEMBERSHIPS, TEAMS, Stage, Town, team_id

ROWS = 100_000
PEOPLE = ("ann", "adam", "max", "mia", "mel", "both", "vic", "bot", "cli")
FIRST = "Anna Zoë Max Mia Paul Lena Jonas Sofia Emil Ida Karl Nora Hugo Ella Otto Rosa"
SYLLABLES = "ber mül hof stein bach ler mann wald gar ten schmi del ko va nek ros si ni tar ek"
# Names as they are in real lists: a few given names, thousands of family names. Every 50th is
# deleted, the owners and teams are those of the town, and every tenth belongs to nobody.
LOAD = """
insert into {table} (agency_id, id, {name}, owner_id, team_id, deleted_at)
select %(agency)s, md5('{table}' || i)::uuid,
       (string_to_array(%(first)s, ' '))[1 + i %% 16] || ' '
       || initcap(s.list[1 + i / 7 %% 20] || s.list[1 + i / 140 %% 20] || s.list[1 + i %% 20]),
       (%(members)s::uuid[])[1 + i %% 9], (%(teams)s::uuid[])[1 + i %% 3],
       case when i %% 50 = 0 then '2026-01-01'::timestamptz end
  from generate_series(1, {rows}) as i,
       (select string_to_array(%(syllables)s, ' ') as list) as s
"""
POINTS = f"""
insert into crm.contact_points (agency_id, contact_id, kind, value, is_shared)
select %(agency)s, md5('crm.contacts' || i)::uuid, 'phone', '+49 30 ' || i / 3, true
  from generate_series(1, {ROWS}) as i
"""
DOMAINS = "update crm.companies set domain = id || '.example' where agency_id = %(agency)s"


def candidates(desk: Desk, table: str, record: UUID, who: Person | None = None) -> list[Row]:
    """What is offered for a record."""
    found: list[Row] | None = desk.office.do(
        who or desk.owner,
        "select jsonb_agg(to_jsonb(c)) from app.duplicate_candidates(%s, %s) as c",
        table,
        record,
    )
    return found or []


def ids(found: list[Row]) -> list[str]:
    """The records offered, in their order."""
    return [row["id"] for row in found]


def test_the_same_address_comes_first_and_then_similar_names(desk: Desk) -> None:
    mine = desk.contact(full_name="Zoë Müller")
    namesake = desk.contact(full_name="Zoë Müller")
    alike = desk.contact(full_name="Zoe Mueller")
    colleague = desk.contact(full_name="Bob Gardener")
    desk.contact(full_name="Karl Novak")
    for person, number in ((mine, "+49 30 12345"), (colleague, "(+49)30-12345")):
        desk.insert(
            "crm.contact_points", contact_id=person, kind="phone", value=number, is_shared=True
        )
    found = candidates(desk, "crm.contacts", mine)
    assert ids(found) == [str(colleague), str(namesake), str(alike)]
    assert [row["same"] for row in found] == [["phone"], [], []]
    assert found[1]["similarity"] == 1
    assert found[0]["name"] == "Bob Gardener"


def test_a_company_is_found_by_its_domain_and_name(desk: Desk) -> None:
    mine = desk.insert("crm.companies", name="Garden Ltd", domain="www.garden.example")
    same = desk.insert("crm.companies", name="Something else", domain="garden.example")
    alike = desk.insert("crm.companies", name="Gardens Limited")
    desk.insert("crm.companies", name="Novak", domain="novak.example")
    found = candidates(desk, "crm.companies", mine)
    assert [(row["id"], row["same"]) for row in found] == [
        (str(same), ["domain"]),
        (str(alike), []),
    ]


def test_deleted_and_merged_records_are_not_offered(desk: Desk) -> None:
    mine, gone, merged = (desk.contact(full_name="Zoë Müller") for _ in "abc")
    assert len(candidates(desk, "crm.contacts", mine)) == 2
    desk.do("update crm.contacts set deleted_at = now() where id = %s", gone)
    merge(desk, Pair("crm.contacts", mine, merged))
    assert candidates(desk, "crm.contacts", mine) == []


def test_nothing_is_offered_to_who_does_not_see_the_record(desk: Desk, office: Office) -> None:
    mine, other = (desk.contact(full_name="Zoë Müller") for _ in "ab")
    stranger = Desk(office, office.found(Desk.new_slug()))
    theirs = stranger.contact(full_name="Zoë Müller")
    bea = desk.colleague()
    for who in (bea, client(desk, mine), stranger.owner):
        assert candidates(desk, "crm.contacts", mine, who) == []
        seen = office.do(who, "select count(*) from app.similar_names('contact', 'Zoë Müller')")
        assert seen == (who is stranger.owner)
    assert ids(candidates(desk, "crm.contacts", mine)) == [str(other)]
    assert candidates(stranger, "crm.contacts", theirs) == []


def test_only_contacts_and_companies_have_duplicates(desk: Desk) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        candidates(desk, "crm.deals", uuid4())


# --- among 100 000 --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large_town(cluster: Databases) -> Iterator[Town]:
    """The town, with 100 000 contacts and a fifth of that in companies in one of its agencies."""
    with cluster.migrated() as database:
        town = Town(database)
        members = [m.id for (place, _), m in MEMBERSHIPS.items() if place == "alpha"][:8]
        with database.connect("postgres", autocommit=True) as connection:
            connection.execute("set session_replication_role = replica")
            for statement in (
                LOAD.format(table="crm.contacts", name="full_name", rows=ROWS),
                LOAD.format(table="crm.companies", name="name", rows=ROWS // 5),
                POINTS,
                DOMAINS,
            ):
                connection.execute(
                    statement.encode(),
                    {
                        "agency": AGENCIES["alpha"].id,
                        "first": FIRST,
                        "syllables": SYLLABLES,
                        "members": members,
                        "teams": [team_id(name) for name in TEAMS if TEAMS[name][0] == "alpha"],
                    },
                )
            connection.execute("vacuum analyze")
        yield town


def plans(stage: Stage, statement: str) -> list[dict[str, Any]]:
    """The plan of every statement that this one runs, also inside functions."""
    found: list[dict[str, Any]] = []

    def hear(notice: psycopg.errors.Diagnostic) -> None:
        text = notice.message_primary or ""
        if "plan:\n" in text:
            found.append(json.loads(text.partition("plan:\n")[2]))

    connection = stage.connection
    connection.add_notice_handler(hear)
    try:
        connection.execute(statement.encode())
    finally:
        connection.remove_notice_handler(hear)
    return found


@pytest.mark.parametrize("user", ["ann", "mia", "both"])
@pytest.mark.parametrize(
    ("table", "index"),
    [
        ("crm.contacts", "contacts_full_name_trgm_idx"),
        ("crm.companies", "companies_name_trgm_idx"),
    ],
)
def test_duplicates_are_found_by_index(large_town: Town, table: str, index: str, user: str) -> None:
    """Names by trigrams within the agency, addresses by normal form; nothing is read whole."""
    with large_town.stage(login="postgres") as stage:
        stage.connection.execute("load 'auto_explain'")
        for name, value in (
            ("log_min_duration", "0"),
            ("log_nested_statements", "on"),
            ("log_level", "notice"),
            ("log_format", "json"),
        ):
            stage.connection.execute(f"set local auto_explain.{name} = '{value}'".encode())
        stage.become(user)
        (record,) = stage.rows(
            f"select id from {table} where deleted_at is null order by id limit 1"
        )
        found = [
            node
            for plan in plans(
                stage, f"select count(*) from app.duplicate_candidates('{table}', '{record}')"
            )
            for node in nodes(plan["Plan"])
        ]
    searched = [node for node in found if node.get("Index Name") == index]
    assert searched
    for node in searched:
        assert "agency_id = " in node["Index Cond"]
        assert "%" in node["Index Cond"]
    wanted = {
        "crm.contacts": "contact_points_value_norm_idx",
        "crm.companies": "companies_domain_key",
    }
    assert any(
        node.get("Index Name") == wanted[table] and "AND" in node["Index Cond"] for node in found
    ), {node.get("Index Name") for node in found}
    whole = [
        node["Relation Name"]
        for node in found
        if node["Node Type"] == "Seq Scan" and node["Plan Rows"] > 1000
    ]
    assert not whole


BY_HAND = """
select c.id
  from {table} as c
 where c.agency_id = app.agency_id()
   and c.deleted_at is null
   and extensions.similarity(c.{name}, %(like)s) >= 0.3
 order by extensions.similarity(c.{name}, %(like)s) desc, c.id
 limit 100
"""


@pytest.mark.parametrize("user", PEOPLE)
def test_names_are_those_that_rls_would_show(large_town: Town, user: str) -> None:
    """The search past RLS finds exactly what a search under RLS finds, for every kind of person."""
    with large_town.stage() as stage:
        stage.become(user)
        for table, name, entity in (
            ("crm.contacts", "full_name", "contact"),
            ("crm.companies", "name", "company"),
        ):
            for like in ("Zoë Müllerhof", "rosa wald", "Anna Kovanek"):
                found = stage.rows("select id from app.similar_names(%s, %s, 100)", entity, like)
                by_hand = stage.connection.execute(
                    BY_HAND.format(table=table, name=name).encode(), {"like": like}
                ).fetchall()
                assert found == [row[0] for row in by_hand]
                assert bool(found) is (user != "cli"), (table, like)


def test_a_search_past_the_scope_is_noticed(large_town: Town, mutant: Mutant) -> None:
    function = "app.similar_names"
    mutant("duplicates", "test_names_are_those_that_rls_would_show", f"own is all: {function}")
    own = "when 'own' then c.owner_id = proof.membership_id"
    with (
        broken_function(large_town.database, function, own, "else true"),
        pytest.raises(AssertionError),
    ):
        test_names_are_those_that_rls_would_show(large_town, "mel")
