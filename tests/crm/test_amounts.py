"""A deal that has lines is worth their sum."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.crm.desk import Desk


@pytest.fixture
def deal(desk: Desk) -> UUID:
    """A deal worth 1 000 by hand."""
    pipeline, (stage,) = desk.pipeline("open")
    return desk.deal(pipeline, stage, amount=1000)


def line(desk: Desk, deal: UUID, price: int, **values: Any) -> UUID:
    """One line of a deal."""
    found: dict[str, Any] = {"deal_id": deal, "description": "Roses", "unit_price": price}
    return desk.insert("crm.deal_line_items", **{**found, **values})


def test_lines_make_the_amount(desk: Desk, deal: UUID) -> None:
    first = line(desk, deal, 10, quantity=3, discount_pct=50)
    line(desk, deal, 7)
    assert desk.row("crm.deals", deal)["amount"] == Decimal(22)
    desk.do("update crm.deal_line_items set quantity = 5 where id = %s", first)
    assert desk.row("crm.deals", deal)["amount"] == Decimal(32)
    desk.do("delete from crm.deal_line_items where id = %s", first)
    assert desk.row("crm.deals", deal)["amount"] == Decimal(7)


def test_the_last_amount_stays_when_the_last_line_goes(desk: Desk, deal: UUID) -> None:
    only = line(desk, deal, 7)
    desk.do("delete from crm.deal_line_items where id = %s", only)
    assert desk.row("crm.deals", deal)["amount"] == Decimal(7)
    desk.do("update crm.deals set amount = 12 where id = %s", deal)
    assert desk.row("crm.deals", deal)["amount"] == Decimal(12)


def test_an_amount_by_hand_is_left_out_while_there_are_lines(desk: Desk, deal: UUID) -> None:
    line(desk, deal, 7)
    desk.do("update crm.deals set amount = 12 where id = %s", deal)
    assert desk.row("crm.deals", deal)["amount"] == Decimal(7)


def test_many_lines_in_one_statement_change_the_deal_once(desk: Desk, deal: UUID) -> None:
    before = desk.row("crm.deals", deal)["row_version"]
    desk.do(
        "insert into crm.deal_line_items (deal_id, description, unit_price)"
        " select %s, 'Rose', 1 from generate_series(1, 50)",
        deal,
    )
    row = desk.row("crm.deals", deal)
    assert (row["amount"], row["row_version"]) == (Decimal(50), before + 1)


def test_a_line_stays_in_its_deal(desk: Desk, deal: UUID) -> None:
    pipeline, (stage,) = desk.pipeline("open")
    other = desk.deal(pipeline, stage)
    item = line(desk, deal, 7)
    move = "update crm.deal_line_items set deal_id = %s where id = %s"
    assert desk.refused(move, other, item) == "PT403"


@pytest.mark.parametrize("amount", ["-1", "'NaN'"])
def test_an_amount_is_a_number_and_not_negative(desk: Desk, deal: UUID, amount: str) -> None:
    assert desk.refused(f"update crm.deals set amount = {amount} where id = %s", deal) == "23514"
