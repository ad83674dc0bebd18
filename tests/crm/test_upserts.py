"""Added once, changed after that: rows that a webhook or a form knows by a key of its own."""

import json
import threading
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.audit.trail import Person
from tests.crm.desk import Desk
from tests.policies.access import Row


def upsert(desk: Desk, function: str, who: Person | None = None, **data: Any) -> UUID:
    """Upsert as the owner or somebody else; the id."""
    found: UUID = desk.office.do(
        who or desk.owner, f"select app.{function}(%s::jsonb)", json.dumps(data, default=str)
    )
    return found


def served(desk: Desk, function: str, **data: Any) -> UUID:
    """The same as a service."""
    found: UUID = desk.office.serve(
        f"select app.{function}(%s::jsonb)",
        json.dumps({"agency_id": desk.owner.agency_id, **data}, default=str),
    )
    return found


EVENT = {"title": "Lunch", "starts_at": "2026-01-01T12:00Z", "ends_at": "2026-01-01T13:00Z"}
# function, table, what a row needs, the key in two spellings, what is changed, what must stay
SIMPLE: list[tuple[str, str, dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("upsert_company", "crm.companies", {"name": "Garden"}, {"domain": "one.example"},
     {"employees": 3}, {"city": "Graz"}),
    ("upsert_tag", "crm.tags", {}, {"name": "VIP|vip"}, {"color": "#ff0000"}, {}),
    ("upsert_saved_view", "crm.saved_views", {"entity": "crm.deals"}, {"name": "Mine|MINE"},
     {"filter": {"a": 1}}, {"columns": ["a"]}),
    ("upsert_product", "crm.products", {"name": "Tree", "unit_price": 1, "currency": "EUR"},
     {"sku": "A-1|a-1"}, {"unit_price": 2}, {"description": "Green"}),
    ("upsert_conversation", "crm.conversations", {"channel": "email"},
     {"external_thread_id": "<1@mail>"}, {"status": "closed"}, {"subject": "Trees"}),
    ("upsert_calendar_event", "crm.calendar_events", EVENT, {"external_uid": "1@ical"},
     {"title": "Dinner"}, {"location": "Graz"}),
]  # fmt: skip


each_simple = pytest.mark.parametrize(
    ("function", "table", "needs", "key", "change", "rest"), SIMPLE, ids=[one[0] for one in SIMPLE]
)


def spelled(key: dict[str, Any], place: int) -> dict[str, Any]:
    """The key in the first or the second spelling."""
    return {name: value.split("|")[min(place, value.count("|"))] for name, value in key.items()}


@each_simple
def test_a_row_is_added_once_and_changed_after_that(
    desk: Desk,
    function: str,
    table: str,
    needs: dict[str, Any],
    key: dict[str, Any],
    change: dict[str, Any],
    rest: dict[str, Any],
) -> None:
    made = upsert(desk, function, **needs, **rest, **spelled(key, 0))
    again = upsert(desk, function, **{**needs, **change, **spelled(key, 1)})
    assert again == made
    row = desk.row(table, made)
    assert {name: row[name] for name in (*change, *rest)} == {**change, **rest}
    assert row["row_version"] == 2
    assert row["created_by"] == desk.owner.membership_id
    assert served(desk, function, **needs, **rest, **owned(desk, row), **spelled(key, 0)) == made


def owned(desk: Desk, row: Row) -> dict[str, Any]:
    """The owner, where it is part of the key; a service has to say."""
    return {"owner_id": desk.owner.membership_id} if "columns" in row or "starts_at" in row else {}


@each_simple
def test_a_deleted_row_is_not_revived(
    desk: Desk,
    function: str,
    table: str,
    needs: dict[str, Any],
    key: dict[str, Any],
    change: dict[str, Any],
    rest: dict[str, Any],
) -> None:
    made = upsert(desk, function, **needs, **spelled(key, 0))
    desk.do(f"update {table} set deleted_at = now() where id = %s", made)
    assert upsert(desk, function, **{**needs, **change, **spelled(key, 1)}, **rest) != made
    assert desk.row(table, made)["deleted_at"] is not None


@pytest.mark.parametrize("function", [one[0] for one in SIMPLE])
def test_a_key_that_is_unknown_or_missing_is_refused(desk: Desk, function: str) -> None:
    for data in ({"deleted_at": None}, {"nam": "Garden"}, {}):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            upsert(desk, function, **data)
    assert desk.refused(f"select app.{function}('[]')") == "22023"


def test_a_version_that_is_old_is_refused(desk: Desk) -> None:
    upsert(desk, "upsert_company", domain="v.example", name="A")
    upsert(desk, "upsert_company", domain="v.example", name="B", row_version=1)
    with pytest.raises(psycopg.Error) as refused:
        upsert(desk, "upsert_company", domain="v.example", name="C", row_version=1)
    assert refused.value.sqlstate == "PT409"


def test_rls_decides_who_may_change(desk: Desk) -> None:
    """A member adds the own, and does not change those of others by their keys."""
    bea = desk.colleague()
    upsert(desk, "upsert_company", domain="o.example", name="Olga's")
    refused: list[tuple[str, dict[str, Any]]] = [
        ("upsert_company", {"domain": "o.example", "name": "Bea's"}),
        ("upsert_tag", {"name": "New"}),
    ]
    for function, data in refused:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            upsert(desk, function, bea, **data)
    mine = upsert(desk, "upsert_company", bea, domain="b.example", name="Bea's")
    assert desk.row("crm.companies", mine)["owner_id"] == bea.membership_id
    view: dict[str, Any] = {"entity": "crm.deals", "name": "Mine"}
    assert upsert(desk, "upsert_saved_view", bea, **view) != upsert(
        desk, "upsert_saved_view", **view
    )


def test_a_webhook_that_comes_twice_is_one_message(desk: Desk) -> None:
    conversation = desk.insert("crm.conversations", channel="email")
    person = desk.contact()
    data = {
        "conversation_id": conversation,
        "external_id": "<2@mail>",
        "direction": "inbound",
        "status": "received",
        "sender_contact_id": person,
        "body_text": "Hello",
    }
    made = served(desk, "upsert_message", **data)
    assert served(desk, "upsert_message", **data) == made
    assert desk.row("crm.messages", made)["sender_contact_id"] == person
    desk.office.serve("update crm.messages set deleted_at = now() where id = %s", made)
    assert served(desk, "upsert_message", **{**data, "body_text": "Again"}) == made
    row = desk.row("crm.messages", made)
    assert (row["body_text"], row["deleted_at"] is None) == ("Hello", False)
    assert desk.refused("select app.upsert_message('{}')") == "42501"


# --- people ---------------------------------------------------------------------------------------


def points(desk: Desk, person: UUID) -> list[tuple[str, str, bool]]:
    """The live addresses of a person."""
    found = desk.office.superuser.execute(
        "select kind::text as kind, value, is_primary from crm.contact_points"
        " where contact_id = %s and deleted_at is null order by created_at, id",
        [person],
    ).fetchall()
    return [(row["kind"], row["value"], row["is_primary"]) for row in found]


def test_a_person_is_found_by_either_address_and_gets_the_other(desk: Desk) -> None:
    made = upsert(desk, "upsert_contact", full_name="Zoë", email="zoe@example.org", locale="de")
    by_mail = upsert(
        desk, "upsert_contact", full_name="Zoë M.", email=" ZOE@example.org", phone="+49 30 12345"
    )
    by_phone = upsert(desk, "upsert_contact", full_name="Zoë M.", phone="+493012345", locale=None)
    assert by_mail == by_phone == made
    row = desk.row("crm.contacts", made)
    assert (row["full_name"], row["locale"], row["row_version"]) == ("Zoë M.", None, 3)
    assert points(desk, made) == [
        ("email", "zoe@example.org", True),
        ("phone", "+49 30 12345", True),
    ]


def test_two_people_behind_one_upsert_are_named(desk: Desk) -> None:
    found = [
        upsert(desk, "upsert_contact", full_name="A", email="a@example.org"),
        upsert(desk, "upsert_contact", full_name="B", phone="+43 1 2345678"),
    ]
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        upsert(desk, "upsert_contact", full_name="A", email="a@example.org", phone="+4312345678")
    assert all(str(one) in (refused.value.diag.message_detail or "") for one in found)


def test_a_shared_address_names_nobody(desk: Desk) -> None:
    desk.email(desk.contact(), "office@example.org", is_shared=True)
    made = upsert(desk, "upsert_contact", full_name="New", email="office@example.org")
    assert points(desk, made) == [("email", "office@example.org", True)]


def test_an_address_of_somebody_unseen_is_not_taken(desk: Desk) -> None:
    desk.email(desk.contact(), "unseen@example.org")
    bea = desk.colleague()
    before = desk.office.total()
    with (
        pytest.raises(psycopg.errors.UniqueViolation),
        desk.office.database.session("authenticated", bea.claims()) as session,
    ):
        session.execute(
            'select app.upsert_contact(\'{"full_name": "X", "email": "unseen@example.org"}\')'
        )
    assert desk.office.total() == before


def test_a_person_whom_one_may_only_read_is_not_changed(desk: Desk) -> None:
    upsert(desk, "upsert_contact", full_name="Zoë", email="read@example.org")
    bea = desk.colleague()
    desk.office.serve(
        "update tenancy.memberships set record_scope = 'all' where id = %s", bea.membership_id
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        upsert(desk, "upsert_contact", bea, full_name="X", email="read@example.org")


def test_without_an_address_nobody_is_found(desk: Desk) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        upsert(desk, "upsert_contact", full_name="Zoë")


@pytest.mark.parametrize("function", ["upsert_contact", "upsert_company"])
def test_two_at_the_same_moment_make_one(desk: Desk, function: str) -> None:
    data = {
        "upsert_contact": {"full_name": "Zoë", "email": f"{uuid4()}@example.org"},
        "upsert_company": {"name": "Garden", "domain": f"{uuid4()}.example"},
    }[function]
    ready = threading.Barrier(4)
    found: list[UUID] = []

    def run() -> None:
        claims = desk.owner.claims()
        database = desk.office.database
        with database.session("authenticated", claims, commit=True) as session:
            ready.wait()
            answer = session.execute(
                f"select app.{function}(%s::jsonb)".encode(), [json.dumps(data)]
            )
            found.extend(row[0] for row in answer)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(found) == 4
    assert len(set(found)) == 1


def test_an_address_is_changed_and_not_taken_away(desk: Desk) -> None:
    person, other = desk.contact(), desk.contact()
    point: dict[str, Any] = {
        "contact_id": person,
        "kind": "phone",
        "value": "030 12345",
        "e164": "+493012345",
    }
    made = upsert(desk, "upsert_contact_point", **point, label="work")
    again = upsert(desk, "upsert_contact_point", **{**point, "value": "+49 30 12345"})
    assert again == made
    row = desk.row("crm.contact_points", made)
    assert (row["value"], row["label"]) == ("+49 30 12345", "work")
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        upsert(desk, "upsert_contact_point", **{**point, "contact_id": other})
    assert str(person) in (refused.value.diag.message_detail or "")
    shared: dict[str, Any] = {**point, "contact_id": other, "is_shared": True}
    assert upsert(desk, "upsert_contact_point", **shared) == upsert(
        desk, "upsert_contact_point", **shared
    )


def test_the_normal_form_is_that_of_the_table(desk: Desk) -> None:
    person = desk.contact()
    for kind, value, e164 in (
        ("email", "  Zoe@Example.ORG ", None),
        ("phone", "(030) 123-45", None),
        ("phone", "030 12345", "+493012345"),
        ("im", "@Zoe", None),
    ):
        point = desk.insert(
            "crm.contact_points", contact_id=person, kind=kind, value=value, e164=e164
        )
        norm = desk.do("select app.normal_point(%s, %s, %s)", kind, value, e164)
        assert norm == desk.row("crm.contact_points", point)["value_norm"]


def test_an_employment_is_changed_and_ended(desk: Desk) -> None:
    link: dict[str, Any] = {
        "contact_id": desk.contact(),
        "company_id": desk.insert("crm.companies", name="Garden"),
    }
    made = upsert(desk, "upsert_contact_company", **link, role_title="Buyer")
    assert upsert(desk, "upsert_contact_company", **link, is_primary=True) == made
    assert upsert(desk, "upsert_contact_company", **link, ended_on="2026-01-31") == made
    row = desk.row("crm.contact_companies", made)
    assert (row["role_title"], row["is_primary"], str(row["ended_on"])) == (
        "Buyer",
        True,
        "2026-01-31",
    )
    assert upsert(desk, "upsert_contact_company", **link) != made
    over: dict[str, Any] = {
        **link,
        "company_id": desk.insert("crm.companies", name="Old"),
        "ended_on": "2020-1-1",
    }
    assert desk.row("crm.contact_companies", upsert(desk, "upsert_contact_company", **over))


def test_a_tag_is_put_once(desk: Desk) -> None:
    tag, person = desk.insert("crm.tags", name=f"Tag {uuid4()}"), desk.contact()
    company = desk.insert("crm.companies", name="Garden")
    put = "select app.tag_record(%s, contact_id => %s)"
    made = desk.do(put, tag, person)
    assert desk.do(put, tag, person) == made
    assert desk.do("select app.tag_record(%s, company_id => %s)", tag, company) != made
    assert desk.refused("select app.tag_record(%s)", tag) == "22023"
    assert desk.refused(put, tag, person, who=desk.colleague()) == "42501"
    viewer = desk.colleague()
    desk.office.serve(
        "update tenancy.memberships set role = 'viewer', record_scope = 'all' where id = %s",
        viewer.membership_id,
    )
    other = desk.insert("crm.tags", name=f"Tag {uuid4()}")
    assert desk.refused(put, other, person, who=viewer) == "42501"
