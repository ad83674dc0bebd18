"""Addresses of a person: normalised, unique, one primary of a kind, deleted with the person."""

from hashlib import sha256

import psycopg
import pytest

from tests.audit.trail import Office
from tests.crm.desk import Desk

DELETE = "update crm.contacts set deleted_at = now() where id = %s"
RESTORE = "select app.restore_record('crm.contacts', %s)"


@pytest.mark.parametrize(
    ("kind", "value", "e164", "norm"),
    [
        ("email", "  Zoe@Example.ORG ", None, "zoe@example.org"),
        ("phone", "(030) 123-45", None, "03012345"),
        ("phone", "030 12345", "+493012345", "+493012345"),
        ("im", "@Zoe", None, "@zoe"),
    ],
)
def test_an_address_is_found_by_its_normalised_form(
    desk: Desk, kind: str, value: str, e164: str | None, norm: str
) -> None:
    point = desk.insert(
        "crm.contact_points", contact_id=desk.contact(), kind=kind, value=value, e164=e164
    )
    assert desk.row("crm.contact_points", point)["value_norm"] == norm


def test_an_address_belongs_to_one_person_unless_it_is_shared(desk: Desk) -> None:
    first, second = desk.contact(), desk.contact()
    desk.email(first, "zoe@example.org")
    with pytest.raises(psycopg.errors.UniqueViolation):
        desk.email(second, "ZOE@example.org")
    desk.email(second, "ZOE@example.org", is_shared=True)


def test_the_same_address_may_be_in_another_agency(desk: Desk, office: Office) -> None:
    other = Desk(office, office.found(Desk.new_slug()))
    desk.email(desk.contact(), "zoe@example.org")
    other.email(other.contact(), "zoe@example.org")


def test_one_address_of_a_kind_is_primary(desk: Desk) -> None:
    person = desk.contact()
    first = desk.email(person, "a@example.org", is_primary=True)
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        desk.email(person, "b@example.org", is_primary=True)
    assert refused.value.diag.constraint_name == "contact_points_primary_key"
    desk.insert(
        "crm.contact_points", contact_id=person, kind="phone", value="030 1", is_primary=True
    )
    desk.do("update crm.contact_points set deleted_at = now() where id = %s", first)
    desk.email(person, "b@example.org", is_primary=True)


def test_addresses_go_and_come_back_with_the_person(desk: Desk) -> None:
    person = desk.contact()
    gone = desk.email(person, "old@example.org")
    desk.do("update crm.contact_points set deleted_at = now() where id = %s", gone)
    kept = desk.email(person, "zoe@example.org")
    desk.do(DELETE, person)
    deleted = desk.row("crm.contacts", person)
    point = desk.row("crm.contact_points", kept)
    assert point["deleted_at"] == deleted["deleted_at"]
    assert point["deleted_by"] == deleted["deleted_by"] == desk.owner.membership_id
    assert desk.do(RESTORE, person) is True
    assert desk.row("crm.contacts", person)["deleted_at"] is None
    assert desk.row("crm.contact_points", kept)["deleted_at"] is None
    assert desk.row("crm.contact_points", gone)["deleted_at"] is not None


def test_a_deleted_person_keeps_no_address_taken(desk: Desk) -> None:
    person = desk.contact()
    desk.email(person, "zoe@example.org")
    desk.do(DELETE, person)
    again = desk.contact()
    desk.email(again, "zoe@example.org")
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        desk.do(RESTORE, person)
    assert refused.value.diag.constraint_name == "contact_points_value_norm_key"
    assert str(again) in (refused.value.diag.message_detail or "")
    assert desk.row("crm.contacts", person)["deleted_at"] is not None


def test_restoring_what_is_live_does_nothing(desk: Desk) -> None:
    assert desk.do(RESTORE, desk.contact()) is False


def test_only_known_tables_are_restored(desk: Desk) -> None:
    assert desk.refused("select app.restore_record('crm.consents', %s)", desk.contact()) == "42P01"


def test_a_company_whose_domain_was_taken_names_the_live_one(desk: Desk) -> None:
    first = desk.insert("crm.companies", name="Garden", domain="garden.test")
    desk.do("update crm.companies set deleted_at = now() where id = %s", first)
    second = desk.insert("crm.companies", name="Garden", domain="garden.test")
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        desk.do("select app.restore_record('crm.companies', %s)", first)
    assert str(second) in (refused.value.diag.message_detail or "")


def test_a_merged_record_is_not_restored(desk: Desk) -> None:
    loser, winner = desk.contact(), desk.contact()
    desk.office.serve(
        "update crm.contacts set deleted_at = now(), merged_into_id = %s where id = %s",
        winner,
        loser,
    )
    assert desk.refused(RESTORE, loser) == "23514"


def test_an_erased_person_stays_as_they_are(desk: Desk) -> None:
    person = desk.contact()
    desk.office.serve(
        "update crm.contacts set full_name = 'erased', do_not_contact = true, anonymised_at = now()"
        " where id = %s",
        person,
    )
    for change in ("full_name = 'Zoë'", "do_not_contact = false", "anonymised_at = null"):
        with pytest.raises(psycopg.Error) as refused:
            desk.office.serve(f"update crm.contacts set {change} where id = %s", person)
        assert refused.value.sqlstate == "PT403", change
    desk.do("update crm.contacts set owner_id = null where id = %s", person)


def test_an_erased_address_comes_back_by_a_person_only(desk: Desk) -> None:
    agency = desk.owner.agency_id
    request = desk.serve(
        "governance.erasure_requests",
        subject_kind="contact",
        subject_id=agency,
        label_masked="Z… M…",
    )
    desk.serve(
        "governance.suppressions",
        erasure_id=request,
        kind="email",
        value_hash=sha256(f"{agency}|email|zoe@example.org".encode()).digest(),
    )
    person = desk.contact()
    with pytest.raises(psycopg.errors.CheckViolation, match="erased"):
        desk.serve("crm.contact_points", contact_id=person, kind="email", value="Zoe@Example.org ")
    robot = desk.office.hire(desk.owner)
    acting = desk.owner.claims(act={"user_id": str(robot.user_id)})
    with pytest.raises(psycopg.errors.CheckViolation, match="erased"):
        desk.office.do(
            acting,
            "insert into crm.contact_points (contact_id, kind, value)"
            " values (%s, 'email', 'zoe@example.org')",
            person,
        )
    desk.email(person, "zoe@example.org")


def test_consent_is_only_added(desk: Desk) -> None:
    person = desk.contact()
    consent = desk.insert(
        "crm.consents",
        contact_id=person,
        purpose="newsletter",
        lawful_basis="consent",
        status="granted",
        source="form",
        evidence={"form": 3},
    )
    superuser = desk.office.superuser
    for statement in (
        "update crm.consents set status = 'withdrawn' where id = %s",
        "delete from crm.consents where id = %s",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            desk.office.serve(statement, consent)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            superuser.execute(statement.encode(), [consent])
    superuser.execute("update crm.consents set evidence = '{}' where id = %s", [consent])
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        desk.do("delete from crm.contacts where id = %s", person)
