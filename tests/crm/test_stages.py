"""A deal takes what it is from its stage, and its history has neither gap nor overlap."""

from itertools import pairwise
from uuid import UUID

import psycopg
import pytest

from tests.crm.desk import Desk
from tests.policies.access import Row

MOVE = "update crm.deals set stage_id = %s where id = %s"


def history(desk: Desk, deal: UUID) -> list[Row]:
    """The stays of a deal, in their order."""
    return desk.office.superuser.execute(
        "select * from crm.deal_stage_history where agency_id = %s and deal_id = %s"
        " order by entered_at, left_at nulls last",
        [desk.owner.agency_id, deal],
    ).fetchall()


def test_a_new_deal_begins_its_history(desk: Desk) -> None:
    pipeline, (first, _) = desk.pipeline("open", "won")
    deal = desk.deal(pipeline, first)
    row = desk.row("crm.deals", deal)
    (stay,) = history(desk, deal)
    assert (row["status"], row["closed_at"]) == ("open", None)
    assert (stay["from_stage_id"], stay["to_stage_id"], stay["left_at"]) == (None, first, None)
    assert stay["entered_at"] == row["stage_entered_at"]
    assert stay["changed_by_id"] == desk.owner.membership_id


def test_the_stays_follow_one_another_without_gap_or_overlap(desk: Desk) -> None:
    pipeline, stages = desk.pipeline("open", "open", "won")
    deal = desk.deal(pipeline, stages[0])
    for stage in (stages[1], stages[0], stages[2]):
        desk.do(MOVE, stage, deal)
    stays = history(desk, deal)
    assert [stay["to_stage_id"] for stay in stays] == [stages[0], stages[1], stages[0], stages[2]]
    for before, after in pairwise(stays):
        assert before["left_at"] == after["entered_at"]
        assert before["to_stage_id"] == after["from_stage_id"]
    assert stays[-1]["left_at"] is None


def test_two_moves_in_one_transaction_leave_two_stays(desk: Desk) -> None:
    pipeline, stages = desk.pipeline("open", "open", "lost")
    deal = desk.deal(pipeline, stages[0])
    with desk.office.superuser.transaction():
        for stage in stages[1:]:
            desk.office.superuser.execute(
                "update crm.deals set stage_id = %s where agency_id = %s and id = %s",
                [stage, desk.owner.agency_id, deal],
            )
    assert [stay["to_stage_id"] for stay in history(desk, deal)] == stages


def test_a_slower_clock_makes_no_negative_stay(desk: Desk) -> None:
    """A failover to a node whose clock is behind: the open stay began in its future."""
    pipeline, (first, second) = desk.pipeline("open", "open")
    deal = desk.deal(pipeline, first)
    superuser = desk.office.superuser
    with superuser.transaction():
        superuser.execute("set local session_replication_role = replica")
        for statement in (
            "update crm.deals set stage_entered_at = now() + interval '1 hour' where id = %s",
            "update crm.deal_stage_history set entered_at = now() + interval '1 hour'"
            " where deal_id = %s",
        ):
            superuser.execute(statement.encode(), [deal])
    desk.do(MOVE, second, deal)
    before, after = history(desk, deal)
    assert before["entered_at"] == before["left_at"] == after["entered_at"]


def test_outcome_sets_status_and_closing_time_and_opening_again_clears_them(desk: Desk) -> None:
    pipeline, (first, won, lost) = desk.pipeline("open", "won", "lost")
    reason = desk.insert("crm.lookup_values", kind="lost_reason", label="Too dear")
    deal = desk.deal(pipeline, first)
    desk.do(MOVE, lost, deal)
    desk.do("update crm.deals set lost_reason_id = %s where id = %s", reason, deal)
    row = desk.row("crm.deals", deal)
    assert (row["status"], row["closed_at"]) == ("lost", row["stage_entered_at"])
    desk.do(MOVE, won, deal)
    row = desk.row("crm.deals", deal)
    assert (row["status"], row["lost_reason_id"]) == ("won", None)
    desk.do(MOVE, first, deal)
    row = desk.row("crm.deals", deal)
    assert (row["status"], row["closed_at"]) == ("open", None)


def test_status_is_nobodys_to_write(desk: Desk) -> None:
    pipeline, (first, _) = desk.pipeline("open", "won")
    deal = desk.deal(pipeline, first)
    assert desk.refused("update crm.deals set status = 'won' where id = %s", deal) == "42501"
    desk.office.serve(
        "update crm.deals set status = 'won', closed_at = now(), stage_entered_at = '2020-01-01'"
        " where id = %s",
        deal,
    )
    row = desk.row("crm.deals", deal)
    assert (row["status"], row["closed_at"]) == ("open", None)
    assert row["stage_entered_at"].year > 2020


def test_a_stage_of_another_pipeline_is_refused(desk: Desk) -> None:
    pipeline, (first,) = desk.pipeline("open")
    _, (elsewhere,) = desk.pipeline("open")
    deal = desk.deal(pipeline, first)
    assert desk.refused(MOVE, elsewhere, deal) == "23503"


def test_an_archived_stage_takes_no_deal(desk: Desk) -> None:
    pipeline, (first, second) = desk.pipeline("open", "open")
    deal = desk.deal(pipeline, first)
    desk.do(
        "update crm.pipeline_stages set archived_at = now(), position = null where id = %s", second
    )
    assert desk.refused(MOVE, second, deal) == "23514"


def test_a_stage_means_what_it_meant_while_deals_are_in_it(desk: Desk) -> None:
    pipeline, (first, second) = desk.pipeline("open", "open")
    desk.deal(pipeline, first)
    change = "update crm.pipeline_stages set outcome = 'won' where id = %s"
    assert desk.refused(change, first) == "23514"
    assert desk.refused(change, second) is None


def test_a_stage_is_archived_never_deleted_or_moved(desk: Desk) -> None:
    _, (first,) = desk.pipeline("open")
    other, _ = desk.pipeline("open")
    move = "update crm.pipeline_stages set pipeline_id = %s where id = %s"
    assert desk.refused(move, other, first) == "PT403"
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never deleted"):
        desk.office.serve("delete from crm.pipeline_stages where id = %s", first)


def test_stages_are_reordered_in_one_transaction(desk: Desk) -> None:
    pipeline, (first, second) = desk.pipeline("open", "open")
    desk.do(
        "update crm.pipeline_stages set position = 1 - position where pipeline_id = %s", pipeline
    )
    assert desk.row("crm.pipeline_stages", first)["position"] == 1
    assert desk.row("crm.pipeline_stages", second)["position"] == 0


def test_nobody_writes_the_history(desk: Desk) -> None:
    pipeline, (first,) = desk.pipeline("open")
    deal = desk.deal(pipeline, first)
    (stay,) = history(desk, deal)
    for statement in (
        "delete from crm.deal_stage_history where id = %s",
        "update crm.deal_stage_history set to_stage_id = from_stage_id where id = %s",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            desk.office.serve(statement, stay["id"])
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            desk.office.superuser.execute(statement.encode(), [stay["id"]])


def test_the_history_goes_with_its_deal(desk: Desk) -> None:
    pipeline, (first,) = desk.pipeline("open")
    deal = desk.deal(pipeline, first)
    desk.do("delete from crm.deals where id = %s", deal)
    assert history(desk, deal) == []


def test_overlapping_stays_are_refused_by_the_constraint(desk: Desk) -> None:
    """The second guard: what the trigger would never write."""
    pipeline, (first,) = desk.pipeline("open")
    deal = desk.deal(pipeline, first)
    with pytest.raises(psycopg.errors.ExclusionViolation):
        desk.office.superuser.execute(
            "insert into crm.deal_stage_history"
            " (agency_id, deal_id, to_stage_id, entered_at, left_at)"
            " values (%s, %s, %s, now(), now() + interval '1 day')",
            [desk.owner.agency_id, deal, first],
        )
