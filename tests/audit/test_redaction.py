"""Erasure: values go, the evidence that something happened stays, and the chain holds."""

from uuid import uuid4

import pytest

from tests.audit.trail import NO_AGENCY, Office, Person, refused

MARKER = "Zaphod Beeblebrox"


def held(office: Office) -> int:
    """How many rows of the trail hold the marker, in whichever column."""
    (row,) = office.superuser.execute(
        "select count(*) as n from audit.log as l where l::text like %s", [f"%{MARKER}%"]
    ).fetchall()
    number: int = row["n"]
    return number


@pytest.fixture
def person(office: Office, owner: Person) -> Person:
    """The owner, whose name is the marker in several rows of the trail."""
    office.serve("update tenancy.users set full_name = %s where id = %s", MARKER, owner.user_id)
    office.serve("update tenancy.users set full_name = 'O' where id = %s", owner.user_id)
    assert held(office) == 2
    return owner


def redact(office: Office, person: Person) -> int:
    """Erase the values that the trail holds of a user."""
    number: int = office.serve(
        "select audit.redact(%s, 'tenancy.users', %s)", NO_AGENCY, person.user_id, counted=False
    )
    return number


def test_values_go_and_the_rows_stay(office: Office, person: Person) -> None:
    before = office.rows(person.user_id, "users")
    assert redact(office, person) == 3
    after = office.rows(person.user_id, "users")
    assert held(office) == 0
    gone = {"old_values", "new_values", "salt"}
    changed = gone | {"values_hash"}
    for old, new in zip(before, after[:-1], strict=True):
        assert {name: old[name] for name in old.keys() - changed} == {
            name: new[name] for name in new.keys() - changed
        }
        assert [new[name] for name in gone] == [None] * 3
        assert (old["values_hash"], len(new["values_hash"])) == (None, 32)


def test_the_erasure_is_recorded_without_a_value(office: Office, person: Person) -> None:
    redact(office, person)
    row = office.rows(person.user_id, "users")[-1]
    assert (row["op"], row["actor_kind"], row["db_role"]) == ("redact", "system", "service_role")
    assert [row[name] for name in ("old_values", "new_values", "salt", "values_hash")] == [None] * 4


@pytest.mark.parametrize("seal_first", [True, False])
def test_the_chain_still_verifies(office: Office, person: Person, seal_first: bool) -> None:
    if seal_first:
        office.seal()
    redact(office, person)
    assert office.problems() == []
    office.seal()
    assert office.problems() == []


def test_the_last_delete_leaves_no_value_either(office: Office, person: Person) -> None:
    """As an erasure does it: delete, then redact, in one transaction."""
    with office.client.transaction():
        office.client.execute("set local role service_role")
        (row,) = office.client.execute(
            "insert into tenancy.users (full_name) values (%s) returning id", [MARKER]
        ).fetchall()
        office.client.execute("delete from tenancy.users where id = %s", [row["id"]])
        office.client.execute(
            "select audit.redact(%s, 'tenancy.users', %s)", [NO_AGENCY, row["id"]]
        )
    redact(office, person)
    assert held(office) == 0
    office.seal()
    assert office.problems() == []


def test_twice_is_once(office: Office, person: Person) -> None:
    assert redact(office, person) == 3
    total = office.total()
    assert redact(office, person) == 0
    assert office.total() == total


def test_only_that_record_is_touched(office: Office, person: Person) -> None:
    other = office.found("other")
    redact(office, person)
    assert all(row["new_values"] for row in office.rows(other.user_id, "users"))
    assert all(row["new_values"] for row in office.rows(table="agencies"))
    assert office.serve("select audit.redact(%s, 'tenancy.teams', %s)", NO_AGENCY, uuid4()) == 0


def test_what_is_recorded_later_is_there_again(office: Office, person: Person) -> None:
    redact(office, person)
    office.serve("update tenancy.users set full_name = 'New' where id = %s", person.user_id)
    assert office.rows(person.user_id, "users")[-1]["new_values"]["full_name"] == "New"
    assert office.problems() == []


def test_values_emptied_before_a_redaction_elsewhere_are_found(
    office: Office, person: Person
) -> None:
    """A redaction of one record is no excuse for another."""
    other = office.found("other")
    redact(office, person)
    with office.tampering() as superuser:
        superuser.execute(
            "update audit.log set old_values = null, new_values = null, salt = null, values_hash ="
            " audit.values_hash(salt, old_values, new_values) where record_id = %s",
            [other.user_id],
        )
    (found,) = office.problems()
    assert found["problem"] == "its values were emptied, and no redaction says so"


@pytest.mark.parametrize("role", ["authenticated", "gardenos_worker", "gardenos_owner"])
def test_nobody_else_redacts(office: Office, person: Person, role: str) -> None:
    with office.superuser.transaction(force_rollback=True):
        office.superuser.execute(f"set local role {role}")
        state = refused(
            office.superuser,
            "select audit.redact(%s, 'tenancy.users', %s)",
            NO_AGENCY,
            person.user_id,
        )
    assert state == "42501"
