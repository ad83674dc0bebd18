"""Whose a new record is, and what an agent leaves to people."""

import psycopg
import pytest

from tests.crm.desk import Desk


def test_a_new_record_belongs_to_its_maker_and_their_team(desk: Desk) -> None:
    team = desk.office.team(desk.owner)
    desk.do(
        "update tenancy.memberships set default_team_id = %s where id = %s",
        team,
        desk.owner.membership_id,
    )
    bea = desk.colleague()
    mine, given = desk.contact(), desk.contact(owner_id=bea.membership_id)
    for record, owner in ((mine, desk.owner), (given, bea)):
        row = desk.row("crm.contacts", record)
        assert (row["owner_id"], row["team_id"]) == (owner.membership_id, team)


def test_what_a_service_makes_is_unassigned(desk: Desk) -> None:
    row = desk.row("crm.contacts", desk.serve("crm.contacts", full_name="Zoë"))
    assert (row["owner_id"], row["team_id"], row["created_by"]) == (None, None, None)


def test_an_agent_hands_nothing_over_and_deletes_nothing(desk: Desk) -> None:
    robot = desk.office.hire(desk.owner)
    acting = desk.owner.claims(act={"user_id": str(robot.user_id)})
    person = desk.contact()
    desk.office.do(acting, "update crm.contacts set job_title = 'x' where id = %s", person)
    for change in ("owner_id = null", "do_not_contact = true", "deleted_at = now()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            desk.office.do(acting, f"update crm.contacts set {change} where id = %s", person)
