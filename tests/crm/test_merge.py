"""Merging two records and taking them apart again: nothing is lost, nothing is left behind."""

import threading
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.audit.trail import Office, Person
from tests.crm import merging
from tests.crm.desk import Desk
from tests.crm.merging import MAKERS, STAYS, Pair, count, dump, merge, undo, unstamped

KINDS = list(MAKERS)


@pytest.fixture
def two(desk: Desk) -> Pair:
    """Two contacts with nothing on them."""
    return Pair("crm.contacts", desk.contact(), desk.contact())


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
