"""Who leaves leaves nothing behind; and what stops when an agency closes."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.audit.trail import Office, Person
from tests.conftest import Mutant
from tests.crm.desk import Desk

OWNED = ("companies", "contacts", "deals", "activities", "conversations", "calendar_events")
REMOVE = "update tenancy.memberships set status = 'removed' where id = %s"


def role(desk: Desk, who: Person, name: str, scope: str) -> None:
    """Give somebody a role, past the guards."""
    with desk.office.superuser.transaction():
        desk.office.superuser.execute("set local session_replication_role = replica")
        desk.office.superuser.execute(
            "update tenancy.memberships set role = %s, record_scope = %s where id = %s",
            [name, scope, who.membership_id],
        )


def belongings(desk: Desk, who: Person, **values: Any) -> dict[str, UUID]:
    """One record of each table that this member owns."""
    mine = {"owner_id": who.membership_id, **values}
    pipeline, (stage,) = desk.pipeline("open")
    contact = desk.contact(**mine)
    return {
        "companies": desk.insert("crm.companies", name="Garden", **mine),
        "contacts": contact,
        "deals": desk.deal(pipeline, stage, **mine),
        "activities": desk.insert("crm.activities", kind="task", subject="Call", **mine),
        "conversations": desk.insert("crm.conversations", channel="email", **mine),
        "calendar_events": desk.insert(
            "crm.calendar_events",
            title="Visit",
            starts_at="2026-05-01",
            ends_at="2026-05-02",
            **mine,
        ),
        "files": desk.insert(
            "crm.files",
            provider="minio",
            bucket="b",
            object_path=f"{desk.owner.agency_id}/{uuid4()}",
            file_name="plan.pdf",
            mime="a/b",
            byte_size=1,
            contact_id=contact,
            owner_id=who.membership_id,
        ),
    }


def moved(
    desk: Desk, statement: str, *parameters: Any, who: Person | None = None
) -> dict[str, int]:
    """What a function says that it moved."""
    found: dict[str, int] = desk.office.do(
        who or desk.owner,
        f"select jsonb_object_agg(split_part(table_name, '.', 2), moved) from {statement}",
        *parameters,
    )
    return found


def owner_of(desk: Desk, table: str, record: UUID) -> UUID | None:
    """Whose record it is."""
    found: UUID | None = desk.row(f"crm.{table}", record)["owner_id"]
    return found


# --- handing over ---------------------------------------------------------------------------------


@pytest.mark.parametrize("has_heir", [True, False])
def test_everything_moves_to_the_heir_or_to_nobody(desk: Desk, has_heir: bool) -> None:
    bea, heir = desk.colleague("Bea"), desk.colleague("Carl")
    records = belongings(desk, bea)
    others = desk.contact(owner_id=heir.membership_id)
    to = heir.membership_id if has_heir else None
    counts = moved(desk, "app.hand_over(%s, %s)", bea.membership_id, to)
    assert counts == dict.fromkeys(records, 1)
    assert {owner_of(desk, table, record) for table, record in records.items()} == {to}
    assert owner_of(desk, "contacts", others) == heir.membership_id
    assert set(moved(desk, "app.hand_over(%s)", bea.membership_id).values()) == {0}


def test_what_is_to_do_moves_and_whose_it_is_stays(desk: Desk) -> None:
    bea, heir = desk.colleague("Bea"), desk.colleague("Carl")
    task = desk.insert("crm.activities", kind="task", subject="Call", assignee_id=bea.membership_id)
    desk.do("select app.hand_over(%s, %s)", bea.membership_id, heir.membership_id)
    row = desk.row("crm.activities", task)
    assert (row["owner_id"], row["assignee_id"]) == (
        desk.owner.membership_id,
        heir.membership_id,
    )


def test_deleted_records_move_too(desk: Desk) -> None:
    """Restored, they would belong to somebody who left."""
    bea, heir = desk.colleague("Bea"), desk.colleague("Carl")
    contact = desk.contact(owner_id=bea.membership_id)
    desk.do("update crm.contacts set deleted_at = now() where id = %s", contact)
    desk.do("select app.hand_over(%s, %s)", bea.membership_id, heir.membership_id)
    assert owner_of(desk, "contacts", contact) == heir.membership_id


def test_nobody_gets_at_private_records_by_handing_them_over(desk: Desk) -> None:
    bea = desk.colleague("Bea")
    note = desk.insert(
        "crm.activities",
        who=bea,
        kind="note",
        subject="Mine",
        visibility="private",
        owner_id=bea.membership_id,
    )
    desk.do("select app.remove_member(%s, %s)", bea.membership_id, desk.owner.membership_id)
    assert owner_of(desk, "activities", note) == bea.membership_id
    assert desk.do("select 1 from crm.activities where id = %s", note) is None


def test_the_trail_says_who_handed_over(desk: Desk, office: Office) -> None:
    bea, heir = desk.colleague("Bea"), desk.colleague("Carl")
    contact = desk.contact(owner_id=bea.membership_id)
    desk.do("select app.hand_over(%s, %s)", bea.membership_id, heir.membership_id)
    last = office.rows(contact, "contacts")[-1]
    assert last["old_values"]["owner_id"] == str(bea.membership_id)
    assert last["new_values"]["owner_id"] == str(heir.membership_id)
    assert last["actor_membership_id"] == desk.owner.membership_id


@pytest.mark.parametrize("target", ["removed", "suspended", "client", "viewer", "stranger", "self"])
def test_an_heir_must_be_able_to_work(desk: Desk, office: Office, target: str) -> None:
    bea, heir = desk.colleague("Bea"), desk.colleague("Carl")
    to = heir.membership_id
    match target:
        case "stranger":
            to = office.found(Desk.new_slug()).membership_id
        case "self":
            to = bea.membership_id
        case "client" | "viewer":
            with office.superuser.transaction():
                office.superuser.execute("set local session_replication_role = replica")
                office.superuser.execute(
                    "update tenancy.memberships set role = %s, contact_id = case when %s = 'client'"
                    " then %s::uuid end where id = %s",
                    [target, target, desk.contact(), to],
                )
        case _:
            desk.do(f"update tenancy.memberships set status = '{target}' where id = %s", to)
    assert desk.refused("select app.hand_over(%s, %s)", bea.membership_id, to) == "22023"


def test_who_is_handed_over_must_be_a_member(desk: Desk, office: Office) -> None:
    stranger = office.found(Desk.new_slug())
    for who in (None, uuid4(), stranger.membership_id):
        assert desk.refused("select app.hand_over(%s)", who) == "22023"


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["admin", "manager"])
def test_admins_and_managers_of_all_hand_over(desk: Desk, name: str) -> None:
    boss, bea, heir = (desk.colleague(one) for one in ("Boss", "Bea", "Carl"))
    role(desk, boss, name, "all")
    contact = desk.contact(owner_id=bea.membership_id)
    moved(desk, "app.hand_over(%s, %s)", bea.membership_id, heir.membership_id, who=boss)
    assert owner_of(desk, "contacts", contact) == heir.membership_id


def test_a_manager_of_a_team_hands_over_what_is_in_reach(desk: Desk, office: Office) -> None:
    boss, bea, heir = (desk.colleague(one) for one in ("Boss", "Bea", "Carl"))
    role(desk, boss, "manager", "team")
    team = office.team(desk.owner)
    desk.insert("tenancy.team_members", team_id=team, membership_id=boss.membership_id)
    inside = desk.contact(owner_id=bea.membership_id, team_id=team)
    outside = desk.contact(owner_id=bea.membership_id)
    counts = moved(desk, "app.hand_over(%s, %s)", bea.membership_id, heir.membership_id, who=boss)
    assert counts["contacts"] == 1
    assert owner_of(desk, "contacts", inside) == heir.membership_id
    assert owner_of(desk, "contacts", outside) == bea.membership_id


@pytest.mark.parametrize("name", ["member", "viewer", "client"])
def test_others_hand_over_nobodys_records(desk: Desk, office: Office, name: str) -> None:
    bea, carl = desk.colleague("Bea"), desk.colleague("Carl")
    with office.superuser.transaction():
        office.superuser.execute("set local session_replication_role = replica")
        office.superuser.execute(
            "update tenancy.memberships set role = %s, contact_id = %s where id = %s",
            [name, desk.contact() if name == "client" else None, bea.membership_id],
        )
    statement = "select app.hand_over(%s, %s)"
    assert desk.refused(statement, carl.membership_id, None, who=bea) == "42501"


def test_a_member_hands_over_the_own_as_far_as_it_sees(desk: Desk, office: Office) -> None:
    bea, carl = desk.colleague("Bea"), desk.colleague("Carl")
    contact = desk.contact(owner_id=bea.membership_id)
    statement = "select app.hand_over(%s, %s)"
    members = (bea.membership_id, carl.membership_id)
    assert desk.refused(statement, *members, who=bea) == "42501"
    role(desk, bea, "member", "all")
    assert desk.refused(statement, *members, who=bea) is None
    assert owner_of(desk, "contacts", contact) == carl.membership_id


def test_an_agent_hands_nothing_over(desk: Desk, office: Office) -> None:
    agent, bea = office.hire(desk.owner), desk.colleague("Bea")
    statement = "select app.hand_over(%s)"
    assert desk.refused(statement, bea.membership_id, who=agent) == "42501"
    acting = desk.owner.claims(act={"user_id": str(agent.user_id)})
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        office.do(acting, statement, bea.membership_id)


# --- leaving --------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", OWNED)
def test_nobody_is_removed_with_records(desk: Desk, table: str) -> None:
    """One record of any table is enough; the message names it."""
    bea = desk.colleague("Bea")
    records = belongings(desk, bea)
    desk.do("select app.hand_over(%s)", bea.membership_id)
    desk.do(
        f"update crm.{table} set owner_id = %s where id = %s", bea.membership_id, records[table]
    )
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        desk.do(REMOVE, bea.membership_id)
    assert table.replace("_", " ") in str(refused.value)
    assert desk.row("tenancy.memberships", bea.membership_id)["status"] == "active"


@pytest.mark.parametrize("table", ["activities", "conversations"])
def test_nobody_is_removed_with_something_to_do(desk: Desk, table: str) -> None:
    bea = desk.colleague("Bea")
    record = belongings(desk, desk.owner)[table]
    desk.do(f"update crm.{table} set assignee_id = %s where id = %s", bea.membership_id, record)
    assert desk.refused(REMOVE, bea.membership_id) == "23514"


def test_service_role_leaves_nothing_behind_either(desk: Desk, office: Office) -> None:
    bea = desk.colleague("Bea")
    desk.contact(owner_id=bea.membership_id)
    with pytest.raises(psycopg.errors.CheckViolation):
        office.serve(REMOVE, bea.membership_id)


def test_who_owns_something_cannot_just_leave(desk: Desk) -> None:
    bea = desk.colleague("Bea")
    contact = desk.contact(owner_id=bea.membership_id)
    assert desk.refused("select app.leave_agency()", who=bea) == "23514"
    desk.do("select app.hand_over(%s)", bea.membership_id)
    assert owner_of(desk, "contacts", contact) is None
    assert desk.refused("select app.leave_agency()", who=bea) is None


def test_deleted_and_private_records_do_not_hold_anybody(desk: Desk) -> None:
    bea = desk.colleague("Bea")
    contact = desk.contact(owner_id=bea.membership_id)
    desk.do("update crm.contacts set deleted_at = now() where id = %s", contact)
    desk.insert(
        "crm.activities",
        who=bea,
        kind="note",
        subject="Mine",
        visibility="private",
        owner_id=bea.membership_id,
    )
    assert desk.refused(REMOVE, bea.membership_id) is None


def test_a_removed_member_leaves_no_team_key_or_invitation(desk: Desk, office: Office) -> None:
    bea, heir = desk.colleague("Bea"), desk.colleague("Carl")
    role(desk, bea, "admin", "all")
    records = belongings(desk, bea)
    team = office.team(desk.owner)
    desk.insert("tenancy.team_members", team_id=team, membership_id=bea.membership_id)
    office.do(bea, "select app.invite('secret@bea.test', 'member')")
    office.do(bea, "select app.create_api_key('mine')")
    counts = moved(desk, "app.remove_member(%s, %s)", bea.membership_id, heir.membership_id)
    assert counts == dict.fromkeys(records, 1)
    row = desk.row("tenancy.memberships", bea.membership_id)
    assert row["status"] == "removed"
    assert row["removed_at"] is not None
    agency = desk.owner.agency_id
    for left in (
        "select 1 from tenancy.team_members where agency_id = %s",
        "select 1 from tenancy.api_keys where agency_id = %s and revoked_at is null",
        "select 1 from tenancy.invitations where agency_id = %s and revoked_at is null",
    ):
        assert office.superuser.execute(left.encode(), [agency]).fetchall() == []
    assert desk.refused("select app.remove_member(%s)", bea.membership_id) == "22023"


@pytest.mark.parametrize(
    ("name", "victim", "sqlstate"),
    [
        ("admin", "member", None),
        ("admin", "owner", "42501"),
        ("manager", "member", "42501"),
        ("member", "member", "42501"),
        ("viewer", "member", "42501"),
    ],
)
def test_who_may_remove_whom(desk: Desk, name: str, victim: str, sqlstate: str | None) -> None:
    boss, bea = desk.colleague("Boss"), desk.colleague("Bea")
    role(desk, boss, name, "all")
    member = desk.owner if victim == "owner" else bea
    statement = "select app.remove_member(%s)"
    assert desk.refused(statement, member.membership_id, who=boss) == sqlstate


def test_nobody_removes_themselves_and_the_last_owner_stays(desk: Desk) -> None:
    statement = "select app.remove_member(%s)"
    assert desk.refused(statement, desk.owner.membership_id) == "42501"
    assert desk.refused("select app.leave_agency()") == "23514"


def test_without_the_check_records_are_orphaned(desk: Desk, office: Office, mutant: Mutant) -> None:
    change = "alter table tenancy.memberships disable trigger check_hand_over"
    mutant("hand-over", "test_hand_over.py", change)
    bea = desk.colleague("Bea")
    desk.contact(owner_id=bea.membership_id)
    office.superuser.execute(change.encode())
    try:
        assert desk.refused(REMOVE, bea.membership_id) is None
    finally:
        office.superuser.execute(change.replace("disable", "enable").encode())


# --- closing --------------------------------------------------------------------------------------


def test_an_owner_closes_the_agency_and_everything_stops(desk: Desk, office: Office) -> None:
    bea = desk.colleague("Bea")
    role(desk, bea, "admin", "all")
    contact = desk.contact()
    assert office.do(bea, "select 1 from crm.contacts where id = %s", contact) == 1
    token = desk.do("select app.invite('new@example.org', 'member')")
    desk.do("select app.close_agency()")
    for who in (desk.owner, bea):
        assert office.do(who, "select app.agency_id()") is None
        assert office.do(who, "select count(*) from crm.contacts") == 0
        assert office.do(who, "select count(*) from app.search_contacts('zoe')") == 0
        assert office.do(who, "select count(*) from app.agency_profile()") == 0
        assert desk.refused("insert into crm.contacts (full_name) values ('x')", who=who)
        assert office.do(who, "select count(*) from app.my_agencies()") == 0
    with pytest.raises(psycopg.Error) as refused:
        office.do(bea, "select app.accept_invitation(%s)", token)
    assert refused.value.sqlstate == "42501"
    assert desk.row("crm.contacts", contact)["full_name"]


def test_the_trail_says_who_closed(desk: Desk, office: Office) -> None:
    desk.do("select app.close_agency()")
    last = office.rows(desk.owner.agency_id, "agencies")[-1]
    assert last["new_values"]["status"] == "closing"
    assert last["actor_user_id"] == desk.owner.user_id


@pytest.mark.parametrize("name", ["admin", "manager", "member", "viewer"])
def test_only_an_owner_closes(desk: Desk, name: str) -> None:
    bea = desk.colleague("Bea")
    role(desk, bea, name, "all")
    assert desk.refused("select app.close_agency()", who=bea) == "42501"
    assert desk.do("select 1 from tenancy.agencies") == 1


def test_no_agent_closes_for_its_owner(desk: Desk, office: Office) -> None:
    agent = office.hire(desk.owner)
    for claims in (agent.claims(), desk.owner.claims(act={"user_id": str(agent.user_id)})):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            office.do(claims, "select app.close_agency()")


def test_service_role_opens_it_again(desk: Desk, office: Office) -> None:
    contact = desk.contact()
    desk.do("select app.close_agency()")
    office.serve(
        "update tenancy.agencies set status = 'active' where id = %s", desk.owner.agency_id
    )
    assert desk.do("select 1 from crm.contacts where id = %s", contact) == 1
