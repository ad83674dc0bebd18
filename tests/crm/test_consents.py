"""Consent is the last word, by whatever name a person was known, and a hand brake above it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.audit.trail import Office, Person
from tests.conftest import Mutant
from tests.crm.desk import Desk
from tests.crm.merging import Pair, client, merge, undo
from tests.policies.broken import broken_function

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def say(desk: Desk, person: UUID, status: str = "granted", hours: int = 0, **more: Any) -> UUID:
    """One event, so many hours after noon."""
    return desk.insert(
        "crm.consents",
        **{
            "contact_id": person,
            "purpose": "newsletter",
            "lawful_basis": "consent",
            "status": status,
            "source": "form",
            "occurred_at": NOON + timedelta(hours=hours),
            **more,
        },
    )


def may(desk: Desk, person: UUID, who: Person | None = None, purpose: str = "newsletter") -> bool:
    """May they be written to?"""
    found: bool = desk.office.do(
        who or desk.owner, "select app.may_contact(%s, %s)", person, purpose
    )
    return found


def current(desk: Desk, person: UUID, who: Person | None = None) -> str | None:
    """What the view says of the newsletter."""
    found: str | None = desk.office.do(
        who or desk.owner,
        "select status::text from crm.current_consents"
        " where contact_id = %s and purpose = 'newsletter'",
        person,
    )
    return found


def test_the_latest_word_counts(desk: Desk) -> None:
    person = desk.contact()
    assert (current(desk, person), may(desk, person)) == (None, False)
    say(desk, person, "withdrawn", hours=2)
    say(desk, person, "granted", hours=1)
    assert (current(desk, person), may(desk, person)) == ("withdrawn", False)
    say(desk, person, "granted", hours=3)
    assert (current(desk, person), may(desk, person)) == ("granted", True)


def test_of_two_words_at_one_instant_the_later_row_counts(desk: Desk) -> None:
    person = desk.contact()
    say(desk, person, "granted")
    say(desk, person, "withdrawn")
    assert (current(desk, person), may(desk, person)) == ("withdrawn", False)


def test_each_purpose_is_its_own(desk: Desk) -> None:
    person = desk.contact()
    say(desk, person)
    assert may(desk, person)
    assert not may(desk, person, purpose="profiling")


def test_the_hand_brake_is_stronger(desk: Desk) -> None:
    person = desk.contact()
    say(desk, person)
    desk.do("update crm.contacts set do_not_contact = true where id = %s", person)
    assert current(desk, person) == "granted"
    assert not may(desk, person)


def test_a_contact_that_is_gone_is_not_written_to(desk: Desk) -> None:
    person = desk.contact()
    say(desk, person)
    desk.do("update crm.contacts set deleted_at = now() where id = %s", person)
    assert not may(desk, person)


def readers(desk: Desk, owning: UUID) -> dict[str, Person]:
    """People who read this contact: the owner, and those who do not see what is deleted."""
    found = {"owner": desk.owner}
    for role in ("member", "viewer"):
        found[role] = desk.colleague()
        desk.office.serve(
            "update tenancy.memberships set role = %s, record_scope = 'all' where id = %s",
            role,
            found[role].membership_id,
        )
    found["client"] = client(desk, owning)
    return found


@pytest.mark.parametrize("last", ["granted", "withdrawn"])
def test_a_word_to_a_merged_contact_counts(desk: Desk, last: str) -> None:
    """For every reader: whoever does not see the merged contact must not miss a withdrawal."""
    other = {"granted": "withdrawn", "withdrawn": "granted"}[last]
    winner, loser, former = desk.contact(), desk.contact(), desk.contact()
    people = readers(desk, winner)
    say(desk, winner, other)
    say(desk, former, last, hours=1)
    merge(desk, Pair("crm.contacts", loser, former))
    merged = merge(desk, Pair("crm.contacts", winner, loser))
    for name, person in people.items():
        assert current(desk, winner, person) == last, name
        assert may(desk, winner, person) is (last == "granted" and name != "client"), name
    undo(desk, merged)
    for name, person in people.items():
        assert current(desk, winner, person) == other, name
    assert current(desk, loser) == last


def test_consents_do_not_move(desk: Desk) -> None:
    winner, loser = desk.contact(), desk.contact()
    event = say(desk, loser)
    merge(desk, Pair("crm.contacts", winner, loser))
    assert desk.row("crm.consents", event)["contact_id"] == loser


def test_nobody_learns_of_contacts_that_they_do_not_see(desk: Desk, office: Office) -> None:
    winner, loser = desk.contact(), desk.contact()
    say(desk, loser)
    say(desk, winner)
    merge(desk, Pair("crm.contacts", winner, loser))
    stranger = office.found(Desk.new_slug())
    somebody = client(desk, desk.contact())
    for who in (desk.colleague(), stranger, somebody):
        assert current(desk, winner, who) is None
        assert not may(desk, winner, who)
        for argument in (winner, None):
            hidden = office.do(who, "select count(*) from app.merged_consents(%s)", argument)
            assert hidden == 0
    assert desk.office.do(desk.owner, "select count(*) from app.merged_consents()") == 1


def test_a_client_withdraws_after_a_merge(desk: Desk) -> None:
    winner, loser = desk.contact(), desk.contact()
    cli = client(desk, loser)
    say(desk, loser)
    merge(desk, Pair("crm.contacts", winner, loser))
    assert current(desk, winner, cli) == "granted"
    desk.insert(
        "crm.consents",
        cli,
        contact_id=winner,
        purpose="newsletter",
        lawful_basis="consent",
        status="withdrawn",
        source="portal",
    )
    assert current(desk, winner, cli) == "withdrawn"
    assert not may(desk, winner)


def test_a_service_asks_inside_one_agency(desk: Desk) -> None:
    winner, loser = desk.contact(), desk.contact()
    say(desk, winner)
    say(desk, loser, "withdrawn", hours=1)
    merge(desk, Pair("crm.contacts", winner, loser))
    ask = "select app.may_contact(%s, 'newsletter', %s)"
    assert desk.office.serve(ask, winner, desk.owner.agency_id) is False
    say(desk, winner, hours=2)
    assert desk.office.serve(ask, winner, desk.owner.agency_id) is True
    assert desk.office.serve(ask, winner, uuid4()) is False
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        desk.office.serve("select app.may_contact(%s, 'newsletter')", winner)


def test_the_auditor_sees_what_is_current(desk: Desk) -> None:
    winner, loser = desk.contact(), desk.contact()
    say(desk, winner)
    say(desk, loser, "withdrawn", hours=1)
    merge(desk, Pair("crm.contacts", winner, loser))
    with desk.office.database.connect("gardenos_auditor") as auditor:
        found = auditor.execute(
            "select status from crm.current_consents where contact_id = %s", [winner]
        ).fetchall()
    assert found == [("withdrawn",)]


def test_a_withdrawal_that_is_hidden_is_noticed(desk: Desk, mutant: Mutant) -> None:
    function = "app.merged_consents"
    mutant("consent", "test_a_word_to_a_merged_contact_counts", f"no row: {function}")
    with (
        broken_function(desk.office.database, function, "l.merged_into_id is not null", "false"),
        pytest.raises(AssertionError),
    ):
        test_a_word_to_a_merged_contact_counts(desk, "withdrawn")
