"""Merging two records and taking them apart again: nothing is lost, nothing is left behind."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.audit.trail import Office, Person
from tests.conftest import Mutant
from tests.crm import merging
from tests.crm.desk import Desk
from tests.crm.merging import MAKERS, STAYS, Pair, count, dump, merge, undo, unstamped
from tests.policies.broken import broken_function

KINDS = list(MAKERS)


@pytest.fixture
def two(desk: Desk) -> Pair:
    """Two contacts with nothing on them."""
    return pair_of(desk)


@pytest.mark.parametrize("kind", KINDS)
def test_every_child_moves(desk: Desk, kind: str) -> None:
    """Whatever points there by a foreign key; one that nothing hangs on here fails the test."""
    pair = MAKERS[kind](desk)
    places = merging.children(desk, pair.table)
    for table, column in places:
        if table != "crm.merge_records":
            assert count(desk, table, column, pair.loser), f"nothing in {table}.{column}"
    total = len(dump(desk))
    merge(desk, pair)
    for table, column in places:
        if table not in STAYS:
            left = count(desk, table, column, pair.loser)
            # the switchboard that both have stays, and goes with the loser
            assert left == (table == "crm.contact_points"), f"{table}.{column}"
    # one tag, and for a contact also a deal, an employer, a conversation and an event, were doubles
    dropped = {"contacts": 5, "companies": 2}[kind]
    assert len(dump(desk)) == total - dropped + 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_merge_that_is_undone_leaves_no_trace(desk: Desk, kind: str) -> None:
    """Every row of the agency, byte for byte; versions and updated_* count on and say who."""
    pair = MAKERS[kind](desk)
    before = dump(desk)
    merged = merge(desk, pair)
    between = dump(desk)
    assert unstamped(between) != unstamped(before)
    assert undo(desk, merged) == {"changed_since": [], "stayed": {}, "lost": []}
    after = dump(desk)
    assert unstamped(after) == unstamped(before)
    for key, row in after.items():
        if key[0] == "crm.merge_records" and row["id"] == str(merged):
            assert row["undone_at"] is not None
            assert row["undone_by_id"] == str(desk.owner.membership_id)
        elif key not in between or between[key] == before[key]:
            assert row == before[key], "a row that the merge did not touch, or dropped"
        elif "row_version" in row:
            assert row["row_version"] > between[key]["row_version"] > before[key]["row_version"]
            assert row["updated_by"] == str(desk.owner.membership_id)
            assert row["updated_at"] > between[key]["updated_at"] > before[key]["updated_at"]


@pytest.mark.parametrize("kind", KINDS)
def test_merging_again_after_an_undo_is_the_same_merge(desk: Desk, kind: str) -> None:
    pair = MAKERS[kind](desk)
    merged = merge(desk, pair)
    once = unstamped(dump(desk))
    undo(desk, merged)
    merge(desk, pair)
    again = unstamped(dump(desk))
    for rows in (once, again):
        for row in rows.values():
            if "deleted_at" in row:
                row["deleted_at"] = row["deleted_at"] is not None
    assert again == once


# --- what the winner gets -------------------------------------------------------------------------


def test_the_winner_keeps_what_it_has_and_fills_what_it_lacks(desk: Desk) -> None:
    winner = desk.contact(full_name="Zoë Müller", first_name="Zoë", timezone="Europe/Vienna")
    loser = desk.contact(full_name="Z. M.", first_name="Zoe", last_name="Müller", locale="de")
    merge(desk, Pair("crm.contacts", winner, loser))
    kept = desk.row("crm.contacts", winner)
    assert [
        kept[name] for name in ("full_name", "first_name", "last_name", "locale", "timezone")
    ] == [
        "Zoë Müller",
        "Zoë",
        "Müller",
        "de",
        "Europe/Vienna",
    ]
    gone = desk.row("crm.contacts", loser)
    assert (gone["merged_into_id"], gone["last_name"]) == (winner, "Müller")
    assert gone["deleted_by"] == desk.owner.membership_id


def test_a_choice_takes_the_field_of_the_loser(desk: Desk) -> None:
    winner = desk.contact(full_name="Zoë", job_title="Buyer", locale="de")
    loser = desk.contact(full_name="Zoë Müller", first_name="Zoë")
    pair = Pair("crm.contacts", winner, loser)
    merge(desk, pair, full_name="loser", job_title="loser", first_name="winner", locale="winner")
    kept = desk.row("crm.contacts", winner)
    assert kept["full_name"] == "Zoë Müller"
    assert kept["job_title"] is None, "also an empty one, when it is chosen"
    assert kept["first_name"] is None
    assert kept["locale"] == "de"


def test_columns_that_belong_together_are_taken_together(desk: Desk) -> None:
    """No street of the one in the city of the other, no amount in a foreign currency."""
    winner = desk.insert("crm.companies", name="A", city="Graz", currency="USD", owner_id=None)
    loser = desk.insert(
        "crm.companies",
        name="B",
        street="Ring 1",
        city="Wien",
        annual_revenue=10,
        currency="EUR",
        domain=f"{uuid4()}.example",
    )
    merge(desk, Pair("crm.companies", winner, loser), annual_revenue="loser")
    kept = desk.row("crm.companies", winner)
    assert (kept["street"], kept["city"]) == (None, "Graz")
    assert (kept["annual_revenue"], kept["currency"]) == (10, "EUR")
    assert kept["domain"] == desk.row("crm.companies", loser)["domain"]


def test_a_record_of_nobody_gets_the_owner_of_the_loser(desk: Desk) -> None:
    """Otherwise somebody with the scope "own" would lose a person by a merge."""
    bea = desk.colleague()
    winner, loser = desk.contact(), desk.contact(owner_id=bea.membership_id)
    desk.do("update crm.contacts set owner_id = null where id = %s", winner)
    merged = merge(desk, Pair("crm.contacts", winner, loser))
    assert desk.row("crm.contacts", winner)["owner_id"] == bea.membership_id
    undo(desk, merged)
    assert desk.row("crm.contacts", winner)["owner_id"] is None


def test_custom_fields_are_combined_key_by_key(desk: Desk) -> None:
    for key in ("size", "shoe", "hat"):
        desk.insert("crm.custom_field_defs", entity="contact", key=key, label=key, data_type="text")
    winner = desk.contact(custom={"size": "M", "hat": "58"})
    loser = desk.contact(custom={"size": "L", "shoe": "41", "hat": "60"})
    merged = merge(desk, Pair("crm.contacts", winner, loser), custom={"hat": "loser"})
    custom = desk.row("crm.contacts", winner)["custom"]
    assert custom == {"size": "M", "shoe": "41", "hat": "60"}
    desk.do('update crm.contacts set custom = custom || \'{"shoe": "42"}\' where id = %s', winner)
    assert undo(desk, merged)["changed_since"] == ["custom.shoe"]
    assert desk.row("crm.contacts", winner)["custom"] == {"size": "M", "shoe": "42", "hat": "58"}


@pytest.mark.parametrize(
    "choices",
    [
        {"name": "loser"},
        {"full_name": "both"},
        {"do_not_contact": "winner"},
        {"custom": "loser"},
        {"custom": {"unheard_of": "loser"}},
    ],
)
def test_an_unknown_choice_is_refused(desk: Desk, two: Pair, choices: dict[str, Any]) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        merge(desk, two, **choices)


def test_the_hand_brake_of_either_holds(desk: Desk) -> None:
    pair = Pair("crm.contacts", desk.contact(), desk.contact(do_not_contact=True))
    merged = merge(desk, pair)
    assert desk.row("crm.contacts", pair.winner)["do_not_contact"] is True
    undo(desk, merged)
    assert desk.row("crm.contacts", pair.winner)["do_not_contact"] is False


def test_one_address_of_a_kind_is_primary(desk: Desk, two: Pair) -> None:
    """That of the winner, or that of the loser where the winner has none."""
    first = desk.email(two.winner, f"{uuid4()}@example.org", is_primary=True)
    second = desk.email(two.loser, f"{uuid4()}@example.org", is_primary=True)
    phone = desk.insert(
        "crm.contact_points", contact_id=two.loser, kind="phone", value="030 1", is_primary=True
    )
    merged = merge(desk, two)

    def primary(*points: UUID) -> list[bool]:
        return [desk.row("crm.contact_points", point)["is_primary"] for point in points]

    assert primary(first, second, phone) == [True, False, True]
    undo(desk, merged)
    assert primary(first, second, phone) == [True, True, True]


def test_the_primary_employer_is_not_lost_with_a_double(desk: Desk) -> None:
    """Who works for both companies, mostly for the loser, then works mostly for the winner."""
    person = desk.contact()
    winner, loser = (desk.insert("crm.companies", name=name) for name in "AB")
    kept = desk.insert("crm.contact_companies", contact_id=person, company_id=winner)
    desk.insert("crm.contact_companies", contact_id=person, company_id=loser, is_primary=True)
    before = unstamped(dump(desk))
    merged = merge(desk, Pair("crm.companies", winner, loser))
    assert desk.row("crm.contact_companies", kept)["is_primary"] is True
    undo(desk, merged)
    assert unstamped(dump(desk)) == before


def test_every_column_has_its_place_in_a_merge(desk: Desk) -> None:
    """A column that is added later is a field of merges, or is named here."""
    kept_by_others = {
        *("agency_id", "id", "created_at", "created_by", "updated_at", "updated_by"),
        *("row_version", "deleted_at", "deleted_by", "merged_into_id", "anonymised_at"),
        # combined by rules of their own
        *("custom", "do_not_contact", "search"),
    }
    for entity, table in (("contact", "crm.contacts"), ("company", "crm.companies")):
        (row,) = desk.office.superuser.execute(
            "select array(select jsonb_array_elements_text(f.value)"
            " from jsonb_each(app.merge_fields(%s)) as f) as known,"
            " array(select attname::text from pg_attribute"
            " where attrelid = %s::regclass and attnum > 0 and not attisdropped) as columns",
            [entity, table],
        ).fetchall()
        assert set(row["columns"]) - kept_by_others == set(row["known"])


def test_links_that_can_collide_are_the_ones_that_are_dropped(desk: Desk) -> None:
    """A unique rule over a reference to a person or company is one that a merge must know.

    The links are dropped where they collide; of two logins one must go before the merge.
    """
    found = desk.office.superuser.execute(
        "select distinct i.indexrelid::regclass::text as name"
        "  from pg_index as i"
        "  join pg_constraint as c on c.conrelid = i.indrelid and c.contype = 'f'"
        "   and c.confrelid in ('crm.contacts'::regclass, 'crm.companies'::regclass)"
        "  join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)"
        "   and a.attname <> 'agency_id'"
        " where i.indisunique and a.attnum = any(i.indkey)"
    ).fetchall()
    assert {row["name"].split(".")[1] for row in found} == {
        "contact_companies_current_key",
        "contact_companies_primary_key",
        "contact_points_primary_key",
        "deal_contacts_deal_id_contact_id_key",
        "memberships_contact_id_key",
        "merge_records_loser_company_id_key",
        "merge_records_loser_contact_id_key",
        "participants_calendar_event_id_contact_id_key",
        "participants_conversation_id_contact_id_key",
        "record_tags_company_id_tag_id_key",
        "record_tags_contact_id_tag_id_key",
    }


# --- undo -----------------------------------------------------------------------------------------


def test_what_people_changed_since_is_named_and_kept(desk: Desk) -> None:
    winner = desk.contact(full_name="Zoë")
    loser = desk.contact(full_name="Zoe", job_title="Buyer", locale="de")
    deals = [desk.deal(*first(desk), primary_contact_id=loser) for _ in "ab"]
    tag = desk.insert("crm.tags", name=f"Tag {uuid4()}")
    for record in (winner, loser):
        desk.insert("crm.record_tags", tag_id=tag, contact_id=record)
    merged = merge(desk, Pair("crm.contacts", winner, loser))
    desk.do("update crm.contacts set job_title = 'Head of buying' where id = %s", winner)
    other = desk.contact()
    desk.do("update crm.deals set primary_contact_id = %s where id = %s", other, deals[0])
    desk.office.superuser.execute("delete from crm.tags where id = %s", [tag])
    # a link that cannot come back is tried, and counted by PostgreSQL
    claims = desk.owner.claims()
    with desk.office.database.session("authenticated", claims, commit=True) as session:
        row = session.execute("select app.undo_merge(%s)", [merged]).fetchone()
        told = row[0] if row else {}
    assert told["changed_since"] == ["job_title"]
    assert told["stayed"] == {"crm.deals.primary_contact_id": [str(deals[0])]}
    assert [link["table"] for link in told["lost"]] == ["crm.record_tags"]
    kept = desk.row("crm.contacts", winner)
    assert (kept["job_title"], kept["locale"]) == ("Head of buying", None)
    assert desk.row("crm.deals", deals[0])["primary_contact_id"] == other
    assert desk.row("crm.deals", deals[1])["primary_contact_id"] == loser


def first(desk: Desk) -> tuple[UUID, UUID]:
    """A pipeline and its only stage."""
    pipeline, (stage,) = desk.pipeline("open")
    return pipeline, stage


def test_a_later_merge_of_the_winner_is_undone_first(desk: Desk, two: Pair) -> None:
    merged = merge(desk, two)
    third = desk.contact()
    for later in (Pair("crm.contacts", two.winner, third), Pair("crm.contacts", third, two.winner)):
        before = unstamped(dump(desk))
        last = merge(desk, later)
        with pytest.raises(psycopg.Error, match="merged again later") as refused:
            undo(desk, merged)
        assert refused.value.sqlstate == "PT409"
        assert str(last) in (refused.value.diag.message_detail or "")
        undo(desk, last)
        assert unstamped(dump(desk)) == before
    undo(desk, merged)


def test_former_losers_follow(desk: Desk) -> None:
    """Who was merged into the loser is now merged into the winner, and comes back with it."""
    a, b, c = (desk.contact() for _ in "abc")
    merge(desk, Pair("crm.contacts", b, c))
    merged = merge(desk, Pair("crm.contacts", a, b))
    assert desk.row("crm.contacts", c)["merged_into_id"] == a
    undo(desk, merged)
    assert desk.row("crm.contacts", c)["merged_into_id"] == b


def test_a_merge_is_undone_once_and_in_time(desk: Desk, two: Pair) -> None:
    merged = merge(desk, two)
    undo(desk, merged)
    assert desk.refused("select app.undo_merge(%s)", merged) == "PT409"
    late = merge(desk, two)
    with desk.office.superuser.transaction():
        desk.office.superuser.execute("set local session_replication_role = replica")
        desk.office.superuser.execute(
            "update crm.merge_records set undo_until = now() - interval '1 s' where id = %s", [late]
        )
    assert desk.refused("select app.undo_merge(%s)", late) == "PT409"


def test_a_merged_record_comes_back_by_undoing_only(desk: Desk, two: Pair) -> None:
    merged = merge(desk, two)
    restore = "select app.restore_record('crm.contacts', %s)"
    assert desk.refused(restore, two.loser) == "23514"
    assert desk.refused("update crm.contacts set merged_into_id = null where id = %s", two.loser)
    for pair in (Pair("crm.contacts", two.loser, desk.contact()), two):
        with pytest.raises(psycopg.Error, match="deleted or was merged") as refused:
            merge(desk, pair)
        assert refused.value.sqlstate == "PT409"
    undo(desk, merged)
    assert desk.row("crm.contacts", two.loser)["deleted_at"] is None


def test_a_domain_that_was_taken_meanwhile_is_named(desk: Desk) -> None:
    domain = f"{uuid4()}.example"
    winner = desk.insert("crm.companies", name="A", domain=f"a-{domain}")
    loser = desk.insert("crm.companies", name="B", domain=domain)
    merged = merge(desk, Pair("crm.companies", winner, loser))
    desk.insert("crm.companies", name="C", domain=domain)
    with pytest.raises(psycopg.errors.UniqueViolation, match="not undone") as refused:
        undo(desk, merged)
    assert refused.value.diag.constraint_name == "companies_domain_key"
    assert desk.row("crm.companies", loser)["merged_into_id"] == winner


def test_a_deleted_winner_is_restored_first(desk: Desk, two: Pair) -> None:
    merged = merge(desk, two)
    desk.do("update crm.contacts set deleted_at = now() where id = %s", two.winner)
    assert desk.refused("select app.undo_merge(%s)", merged) == "PT409"
    desk.do("select app.restore_record('crm.contacts', %s)", two.winner)
    undo(desk, merged)


# --- rights ---------------------------------------------------------------------------------------


def given(desk: Desk, person: Person, **values: object) -> Person:
    """The same person with another role, scope or capabilities."""
    desk.office.serve(
        f"update tenancy.memberships set {', '.join(f'{name} = %s' for name in values)}"
        " where id = %s",
        *values.values(),
        person.membership_id,
    )
    return person


@pytest.mark.parametrize(
    ("role", "scope", "capabilities", "owns", "allowed"),
    [
        ("admin", "all", [], 0, True),
        ("manager", "all", [], 0, True),
        ("manager", "team", [], 2, True),
        ("manager", "team", [], 1, False),
        ("member", "all", ["merge"], 2, True),
        ("member", "all", ["merge"], 1, False),
        ("member", "all", ["import", "export"], 2, False),
        ("viewer", "all", ["merge"], 2, False),
    ],
)
def test_it_takes_update_on_both_and_the_capability(
    desk: Desk, role: str, scope: str, capabilities: list[str], owns: int, allowed: bool
) -> None:
    bea = given(desk, desk.colleague(), role=role, record_scope=scope, capabilities=capabilities)
    for table, names in (("crm.contacts", "full_name"), ("crm.companies", "name")):
        records = [
            desk.insert(
                table,
                None,
                **{names: "A", "owner_id": (bea if place < owns else desk.owner).membership_id},
            )
            for place in range(2)
        ]
        pair = Pair(table, records[0], records[1])
        before = dump(desk)
        merged = None
        if allowed:
            merged = merge(desk, pair, bea)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                merge(desk, pair, bea)
            assert dump(desk) == before
            merged = merge(desk, pair)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                undo(desk, merged, bea)
            continue
        undo(desk, merged, bea)


def test_who_may_merge_is_who_may_update_both(desk: Desk) -> None:
    """The scope that merging asks for itself is that of the policies: a row lock under RLS."""
    bea = desk.colleague()
    team = desk.office.team(desk.owner)
    desk.insert("tenancy.team_members", team_id=team, membership_id=bea.membership_id)
    mine = bea.membership_id
    wholes = [
        (mine, None),
        (mine, team),
        (desk.owner.membership_id, None),
        (desk.owner.membership_id, team),
        (None, team),
        (None, None),
    ]
    given(desk, bea, capabilities=["merge"])
    for role, scope in (
        ("manager", "all"),
        ("manager", "team"),
        ("member", "all"),
        ("member", "own"),
    ):
        given(desk, bea, role=role, record_scope=scope)
        for owner_id, team_id in wholes:
            for table, names in (("crm.contacts", "full_name"), ("crm.companies", "name")):
                record = desk.serve(table, **{names: "A"}, owner_id=owner_id, team_id=team_id)
                own = desk.serve(table, **{names: "B"}, owner_id=mine)
                seen = desk.office.do(
                    bea,
                    f"select count(*) from (select 1 from {table} where id = %s for update) as r",
                    record,
                )
                refused = desk.refused(
                    f"select app.merge_{table[4:]}(%s, %s)", own, record, who=bea
                )
                assert refused == (None if seen else "42501"), (role, scope, owner_id, team_id)


def test_agents_clients_keys_and_strangers_do_not_merge(
    desk: Desk, two: Pair, office: Office
) -> None:
    robot = office.hire(desk.owner)
    cli = merging.client(desk, two.loser)
    stranger = office.found(Desk.new_slug())
    key = office.do(desk.owner, "select app.create_api_key('Key', array['crm.contacts:update'])")
    with office.database.connect("gardenos_app") as service:
        claims = service.execute("select app.api_key_claims(%s)", [key]).fetchone()
    assert claims is not None
    statement = "select app.merge_contacts(%s, %s)"
    for who in (
        robot,
        desk.owner.claims(act={"user_id": str(robot.user_id)}),
        cli,
        stranger,
        desk.owner.claims(api_key_id=claims[0]["api_key_id"]),
        {"role": "authenticated"},
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            office.do(who, statement, two.winner, two.loser)
    merged = merge(desk, two)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no such merge"):
        undo(desk, merged, stranger)
    assert desk.refused("select app.undo_merge(%s)", uuid4()) == "42501"
    for role in ("anon", "service_role"):
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            office.database.session(role) as session,
        ):
            session.execute(statement.encode(), [two.winner, two.loser])


def test_a_key_needs_the_scopes_of_a_merge(desk: Desk, office: Office) -> None:
    both = ["crm.merge_records:insert", "crm.contacts:update"]
    for scopes in (both, both[:1], both[1:]):
        key = office.do(desk.owner, "select app.create_api_key('Key', %s)", scopes)
        with office.database.connect("gardenos_app") as service:
            row = service.execute("select app.api_key_claims(%s)", [key]).fetchone()
        assert row is not None
        claims = desk.owner.claims(api_key_id=row[0]["api_key_id"])
        statement = "select app.merge_contacts(%s, %s)"
        arguments = desk.contact(), desk.contact()
        if scopes == both:
            assert office.do(claims, statement, *arguments)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                office.do(claims, statement, *arguments)


def test_nobody_writes_a_merge_by_hand(desk: Desk, two: Pair) -> None:
    merged = merge(desk, two)
    for statement in (
        "update crm.merge_records set undone_at = now() where id = %s",
        "delete from crm.merge_records where id = %s",
        "select app.point_children(null, 'crm.contacts', %s, null)",
    ):
        assert desk.refused(statement, merged) == "42501"


def test_what_the_caller_does_not_see_moves_too(desk: Desk) -> None:
    """A private note of the owner about a contact that a member merges."""
    bea = given(desk, desk.colleague(), record_scope="all", capabilities=["merge"])
    winner, loser = (desk.contact(owner_id=bea.membership_id) for _ in "ab")
    note = desk.insert(
        "crm.activities", kind="note", subject="Psst", visibility="private", contact_id=loser
    )
    seen = "select count(*) from crm.activities where id = %s"
    assert desk.office.do(bea, seen, note) == 0
    merge(desk, Pair("crm.contacts", winner, loser), bea)
    assert desk.row("crm.activities", note)["contact_id"] == winner
    assert desk.office.do(bea, seen, note) == 0


def test_an_erased_contact_is_not_merged(desk: Desk, two: Pair) -> None:
    desk.office.serve(
        "update crm.contacts set full_name = 'erased', do_not_contact = true, anonymised_at = now()"
        " where id = %s",
        two.loser,
    )
    for pair in (two, Pair("crm.contacts", two.loser, two.winner)):
        with pytest.raises(psycopg.Error) as refused:
            merge(desk, pair)
        assert refused.value.sqlstate == "PT403"


def test_a_record_is_not_merged_with_itself(desk: Desk) -> None:
    person = desk.contact()
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        merge(desk, Pair("crm.contacts", person, person))


# --- logins ---------------------------------------------------------------------------------------


def test_a_client_stays_who_it_is(desk: Desk, two: Pair) -> None:
    cli = merging.client(desk, two.loser)
    merged = merge(desk, two)
    assert desk.office.do(cli, "select app.contact_id()") == two.winner
    undo(desk, merged)
    assert desk.office.do(cli, "select app.contact_id()") == two.loser


def test_of_two_logins_one_must_go_first(desk: Desk, two: Pair) -> None:
    used, unused = merging.client(desk, two.winner), merging.client(desk, two.loser)
    with pytest.raises(psycopg.Error, match="login of their own") as refused:
        merge(desk, two)
    assert refused.value.sqlstate == "PT409"
    given(desk, unused, status="removed")
    before = unstamped(dump(desk))
    merged = merge(desk, two)
    assert desk.office.do(used, "select app.contact_id()") == two.winner
    undo(desk, merged)
    assert unstamped(dump(desk)) == before


# --- at the same time -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_merges_that_cross_end_with_one_clear_error(desk: Desk, office: Office, kind: str) -> None:
    """Two sessions merge A into B and B into A: one is done, the other is told so."""
    pair = MAKERS[kind](desk)
    name = pair.table.removeprefix("crm.")
    ready = threading.Barrier(2)
    ended: list[str | None] = []

    def run(winner: UUID, loser: UUID) -> None:
        with office.database.session("authenticated", desk.owner.claims(), commit=True) as session:
            ready.wait()
            try:
                session.execute(f"select app.merge_{name}(%s, %s)".encode(), [winner, loser])
                ended.append(None)
            except psycopg.Error as error:
                session.rollback()
                ended.append(error.sqlstate)

    for _ in range(3):
        ended.clear()
        threads = [
            threading.Thread(target=run, args=pairing)
            for pairing in ((pair.winner, pair.loser), (pair.loser, pair.winner))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert sorted(ended, key=str) == [None, "PT409"]
        (row,) = office.superuser.execute(
            "select id from crm.merge_records where agency_id = %s and undone_at is null"
            " and %s in (winner_contact_id, winner_company_id, loser_contact_id, loser_company_id)"
            " and %s in (winner_contact_id, winner_company_id, loser_contact_id, loser_company_id)",
            [desk.owner.agency_id, pair.winner, pair.loser],
        ).fetchall()
        undo(desk, row["id"])


@contextmanager
def finished(thread: threading.Thread) -> Iterator[threading.Thread]:
    """A thread that has ended when the block has, however that went: it shares a connection."""
    try:
        yield thread
    finally:
        thread.join(timeout=60)


def test_merges_of_an_agency_wait_for_each_other(desk: Desk, two: Pair, office: Office) -> None:
    """A contact and a company may have many rows in common, which each would lock in its order."""
    firms = [desk.insert("crm.companies", name=name) for name in "AB"]
    link = {"contact_id": two.loser, "company_id": firms[1]}
    employment = desk.insert("crm.contact_companies", None, **link)
    done = threading.Event()

    def run() -> None:
        merge(desk, Pair("crm.companies", firms[0], firms[1]))
        done.set()

    with (
        finished(threading.Thread(target=run)) as thread,
        office.database.session("authenticated", desk.owner.claims(), commit=True) as session,
    ):
        session.execute("select app.merge_contacts(%s, %s)", [two.winner, two.loser])
        thread.start()
        assert not done.wait(0.5)
        (row,) = office.superuser.execute(
            "select count(*) as n from pg_locks where locktype = 'advisory' and not granted"
        ).fetchall()
        assert row["n"] == 1
    assert done.is_set()
    moved = desk.row("crm.contact_companies", employment)
    assert (moved["contact_id"], moved["company_id"]) == (two.winner, firms[0])


def test_a_child_that_is_being_added_is_not_lost(desk: Desk, two: Pair, office: Office) -> None:
    """Whoever adds something to the loser meanwhile holds the merge up, and it moves too."""
    done = threading.Event()

    def run() -> None:
        merge(desk, two)
        done.set()

    with (
        finished(threading.Thread(target=run)) as thread,
        office.database.session("authenticated", desk.owner.claims(), commit=True) as writer,
    ):
        row = writer.execute(
            "insert into crm.activities (kind, subject, contact_id)"
            " values ('note', 'Late', %s) returning id",
            [two.loser],
        ).fetchone()
        assert row is not None
        thread.start()
        assert not done.wait(0.5)
    assert done.is_set()
    assert desk.row("crm.activities", row[0])["contact_id"] == two.winner


# --- broken on purpose ----------------------------------------------------------------------------


def pair_of(desk: Desk) -> Pair:
    """Two contacts with nothing on them."""
    return Pair("crm.contacts", desk.contact(), desk.contact())


def waiting(desk: Desk, _: str) -> None:
    """The test of the same name, called by a mutant."""
    test_merges_of_an_agency_wait_for_each_other(desk, pair_of(desk), desk.office)


def adding(desk: Desk, _: str) -> None:
    """The test of the same name, called by a mutant."""
    test_a_child_that_is_being_added_is_not_lost(desk, pair_of(desk), desk.office)


def later(desk: Desk, _: str) -> None:
    """The test of the same name, called by a mutant."""
    test_a_later_merge_of_the_winner_is_undone_first(desk, pair_of(desk))


# what it breaks -> function, its text, what stands there instead, the test that must notice
MUTANTS: dict[str, tuple[str, str, str, Callable[[Desk, str], None]]] = {
    "a child is forgotten": (
        "app.children_of",
        "('crm.consents'::regclass,",
        "('crm.deals'::regclass, 'crm.consents'::regclass,",
        test_every_child_moves,
    ),
    "a message keeps its sender": (
        "app.guard_message",
        " and current_user <> 'gardenos_merger'",
        "",
        test_every_child_moves,
    ),
    "a dropped link comes back as new": (
        "app.stamp_link",
        "current_user = 'gardenos_merger'",
        "false",
        test_a_merge_that_is_undone_leaves_no_trace,
    ),
    "a dropped link with a version comes back as new": (
        "app.stamp_row",
        "current_user = 'gardenos_merger'",
        "false",
        test_a_merge_that_is_undone_leaves_no_trace,
    ),
    "no address of the loser is primary again": (
        "app.undo_merge",
        "past.moved -> 'lowered' ?",
        "false and past.moved -> 'lowered' ?",
        test_a_merge_that_is_undone_leaves_no_trace,
    ),
    "the fields of the winner stay filled": (
        "app.undo_merge",
        "winner || way.back",
        "winner",
        test_a_merge_that_is_undone_leaves_no_trace,
    ),
    "merges do not wait for each other": (
        "app.merge_companies",
        "perform pg_advisory_xact_lock(hashtextextended('app.merge ' || agency, 0));",
        "",
        waiting,
    ),
    "the rows are not locked": (
        "app.merge_contacts",
        "for update;",
        ";",
        adding,
    ),
    "a later merge does not matter": (
        "app.undo_merge",
        "if later is not null",
        "if false",
        later,
    ),
    "deleted addresses are taken for live ones": (
        "app.undo_merge",
        "set deleted_at = null,",
        "set deleted_at = deleted_at,",
        test_a_merge_that_is_undone_leaves_no_trace,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_merge_is_noticed(desk: Desk, mutant: Mutant, name: str) -> None:
    function, text, instead, notice = MUTANTS[name]
    mutant("merge", notice.__name__, f"{name}: {function}")
    with (
        broken_function(desk.office.database, function, text, instead),
        pytest.raises((AssertionError, psycopg.Error, pytest.fail.Exception)),
    ):
        notice(desk, "contacts")


def test_a_scope_that_is_too_wide_is_noticed(desk: Desk, mutant: Mutant) -> None:
    function, text = "app.is_in_reach", "owner_id is null and team_id is null"
    mutant("merge", "test_who_may_merge_is_who_may_update_both", f"team is all: {function}")
    with (
        broken_function(desk.office.database, function, text, "true"),
        pytest.raises(AssertionError),
    ):
        test_who_may_merge_is_who_may_update_both(desk)
