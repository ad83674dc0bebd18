"""Teams: a tree of at most five levels, kept by owners, admins and leads; soft delete (2.4)."""

import threading
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.policies.town import AGENCIES, MEMBERSHIPS, Stage, Town, named, team_id

ALPHA = AGENCIES["alpha"].id
SALES, SUPPORT = team_id("sales"), team_id("support")
TEAM_OF = "select name from tenancy.teams where id = %s"


def make(stage: Stage, name: str, parent: UUID | None = None) -> UUID:
    found = stage.value(
        "insert into tenancy.teams (name, parent_team_id) values (%s, %s::uuid) returning id",
        name,
        parent,
    )
    assert isinstance(found, UUID)
    return found


def move(stage: Stage, team: UUID, parent: UUID | None) -> int:
    return stage.run(
        "update tenancy.teams set parent_team_id = %s::uuid where id = %s", parent, team
    )


def chain(stage: Stage, length: int, prefix: str = "level") -> list[UUID]:
    """Teams one below the other."""
    teams: list[UUID] = []
    for level in range(length):
        teams.append(make(stage, f"{prefix} {level}", teams[-1] if teams else None))
    return teams


# --- the tree ---------------------------------------------------------------------------------


def test_five_levels_stand_and_a_sixth_does_not(stage: Stage) -> None:
    teams = chain(stage.become("ann"), 5)
    with stage.refused("23514") as caught:
        make(stage, "level 5", teams[-1])
    assert "five levels" in str(caught.value)


def test_a_tree_that_is_moved_counts_its_own_levels(stage: Stage) -> None:
    stage.become("ann")
    upper, lower = chain(stage, 3, "upper"), chain(stage, 3, "lower")
    with stage.refused("23514"):
        move(stage, lower[0], upper[2])
    assert move(stage, lower[0], upper[1]) == 1
    with stage.refused("23514"):
        make(stage, "below all", lower[2])


def test_a_team_is_not_its_own_parent(stage: Stage) -> None:
    stage.become("ann")
    with stage.refused("23514"):
        move(stage, SALES, SALES)
    own = named("team", "its own parent")
    with stage.refused("23514"):
        stage.run(
            "insert into tenancy.teams (id, name, parent_team_id) values (%s, 'x', %s)", own, own
        )


@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_no_circle_closes(stage: Stage, length: int) -> None:
    teams = chain(stage.become("ann"), length)
    for below in teams[1:]:
        with stage.refused("23514") as caught:
            move(stage, teams[0], below)
        assert "below itself" in str(caught.value)


def test_a_deleted_team_is_still_a_link(stage: Stage) -> None:
    teams = chain(stage.become("ann"), 3)
    stage.run("update tenancy.teams set deleted_at = now() where id = %s", teams[1])
    with stage.refused("23514"):
        move(stage, teams[0], teams[2])


def test_a_parent_is_a_team_of_the_same_agency(stage: Stage) -> None:
    with stage.become("ann").refused("23503"):
        move(stage, SALES, team_id("sales-beta"))


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
def test_two_moves_at_the_same_moment_close_no_circle(own_town: Town, isolation: str) -> None:
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def attempt(team: UUID, parent: UUID) -> None:
        try:
            with own_town.stage(keep=True, isolation=isolation) as stage:
                stage.become("ann").value("select count(*) from tenancy.teams")
                barrier.wait(timeout=20)
                move(stage, team, parent)
            outcomes.append("moved")
        except psycopg.Error as error:
            outcomes.append(str(error.sqlstate))

    pairs = ((SALES, SUPPORT), (SUPPORT, SALES))
    threads = [threading.Thread(target=attempt, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert outcomes.count("moved") == 1
    assert set(outcomes) <= {"moved", "23514", "40001"}


def test_a_tree_is_not_changed_where_two_moves_could_miss_each_other(town: Town) -> None:
    with town.stage(isolation="repeatable read") as stage:
        stage.become("ann")
        with stage.refused("0A000"):
            move(stage, SALES, SUPPORT)
        with stage.refused("0A000"):
            make(stage, "below", SALES)
        assert make(stage, "on top")
        assert move(stage, SALES, None) == 1


# --- soft delete and restore ------------------------------------------------------------------


@pytest.mark.parametrize("user", ["ann", "adam"])
def test_owners_and_admins_delete_see_and_restore(stage: Stage, user: str) -> None:
    stage.become(user)
    assert stage.run("update tenancy.teams set deleted_at = now() where id = %s", SALES) == 1
    assert stage.value(
        "select deleted_at = now(), deleted_by from tenancy.teams where id = %s", SALES
    ) == (True, MEMBERSHIPS["alpha", user].id)
    assert stage.run("update tenancy.teams set deleted_at = null where id = %s", SALES) == 1
    assert stage.value("select deleted_at, deleted_by from tenancy.teams where id = %s", SALES) == (
        None,
        None,
    )


@pytest.mark.parametrize("user", ["mia", "max", "mel", "vic", "bot"])
def test_the_others_do_not_see_a_deleted_team(stage: Stage, user: str) -> None:
    assert stage.become(user).rows(TEAM_OF, SALES) == ["sales"]
    stage.become("ann").run("update tenancy.teams set deleted_at = now() where id = %s", SALES)
    assert stage.become(user).rows(TEAM_OF, SALES) == []
    assert stage.run("update tenancy.teams set deleted_at = null where id = %s", SALES) == 0


def test_a_lead_changes_the_team_but_does_not_delete_it(stage: Stage) -> None:
    stage.become("mia")
    assert stage.run("update tenancy.teams set description = 'ours' where id = %s", SALES) == 1
    assert stage.run("update tenancy.teams set description = 'theirs' where id = %s", SUPPORT) == 0
    with stage.refused("42501"):
        stage.run("update tenancy.teams set deleted_at = now() where id = %s", SALES)


def test_the_instant_of_a_deletion_is_the_databases(stage: Stage) -> None:
    stage.become("ann").run(
        "update tenancy.teams set deleted_at = '2001-01-01' where id = %s", SALES
    )
    assert stage.value("select deleted_at = now() from tenancy.teams where id = %s", SALES)
    with stage.refused("42501"):
        stage.run("update tenancy.teams set deleted_by = null where id = %s", SALES)


def test_nobody_deletes_a_team_for_good(stage: Stage) -> None:
    for user in ("ann", "adam", "mia"):
        with stage.become(user).refused("42501"):
            stage.run("delete from tenancy.teams where id = %s", SALES)


def test_a_name_is_taken_once_whatever_its_case(stage: Stage) -> None:
    with stage.become("ann").refused("23505"):
        make(stage, "SALES")


def test_a_deleted_team_frees_its_name_and_a_restore_does_not_take_it_back(stage: Stage) -> None:
    stage.become("ann").run("update tenancy.teams set deleted_at = now() where id = %s", SALES)
    make(stage, "Sales")
    with stage.refused("23505") as caught:
        stage.run("update tenancy.teams set deleted_at = null where id = %s", SALES)
    assert caught.value.diag.constraint_name == "teams_name_key"
    stage.run("update tenancy.teams set deleted_at = null, name = 'Sales 2' where id = %s", SALES)


def test_the_same_name_in_two_agencies(stage: Stage) -> None:
    make(stage.become("ann"), "sales-beta")
    assert len(stage.rows("select 1 from tenancy.teams where name = 'sales-beta'")) == 1


def test_a_deleted_team_gives_its_lead_no_rights(stage: Stage) -> None:
    assert stage.become("mia").value("select app.teams_i_lead()") == [SALES]
    stage.become("ann").run("update tenancy.teams set deleted_at = now() where id = %s", SALES)
    assert stage.become("mia").value("select app.teams_i_lead()") == []


# --- who is in a team -------------------------------------------------------------------------

JOIN = "insert into tenancy.team_members (team_id, membership_id, is_lead) values (%s, %s, %s)"


def member(user: str) -> UUID:
    return MEMBERSHIPS["alpha", user].id


@pytest.mark.parametrize("user", ["ann", "adam", "mia"])
def test_owners_admins_and_the_lead_add_and_remove_members(stage: Stage, user: str) -> None:
    stage.become(user)
    assert stage.run(JOIN, SALES, member("vic"), False) == 1
    assert stage.value(
        "select created_by from tenancy.team_members where membership_id = %s", member("vic")
    ) == member(user)
    assert (
        stage.run(
            "update tenancy.team_members set is_lead = true where membership_id = %s", member("vic")
        )
        == 1
    )
    assert (
        stage.run("delete from tenancy.team_members where membership_id = %s", member("vic")) == 1
    )


@pytest.mark.parametrize("user", ["mia", "mel", "vic", "cli", "bot"])
def test_nobody_joins_a_team_they_do_not_lead(stage: Stage, user: str) -> None:
    with stage.become(user).refused("42501"):
        stage.run(JOIN, SUPPORT, member(user), True)


def test_a_lead_moves_nobody_into_a_team_of_others(stage: Stage) -> None:
    with stage.become("mia").refused("42501"):
        stage.run(
            "update tenancy.team_members set team_id = %s where membership_id = %s",
            SUPPORT,
            member("mel"),
        )


def test_a_lead_who_is_no_manager_leads_nothing(stage: Stage) -> None:
    """is_lead widens reading later on; writing is the manager's."""
    stage.become("ann").run(JOIN, SUPPORT, member("mel"), True)
    stage.become("mel")
    assert stage.value("select app.teams_i_lead()") == [SUPPORT]
    assert stage.run("update tenancy.teams set name = 'mine' where id = %s", SUPPORT) == 0
    with stage.refused("42501"):
        stage.run(JOIN, SUPPORT, member("vic"), False)


def test_teams_and_members_stay_within_the_agency(stage: Stage) -> None:
    stage.become("ann")
    for team, membership in (
        (team_id("sales-beta"), member("vic")),
        (SALES, MEMBERSHIPS["beta", "bob"].id),
    ):
        with stage.refused("23503"):
            stage.run(JOIN, team, membership, False)


def test_a_member_is_in_a_team_once(stage: Stage) -> None:
    with stage.become("ann").refused("23505"):
        stage.run(JOIN, SALES, member("mel"), True)


def test_a_client_sees_no_team(stage: Stage) -> None:
    stage.become("cli")
    assert stage.rows("select id from tenancy.teams") == []
    assert stage.rows("select id from tenancy.team_members") == []


def test_a_team_that_goes_for_good_takes_links_only(own_town: Town) -> None:
    with own_town.stage(keep=True) as stage:
        stage.become("ann").run(
            "update tenancy.memberships set default_team_id = %s where id = %s",
            SALES,
            member("mel"),
        )
        below = make(stage, "below", SALES)
        stage.service().run("delete from tenancy.teams where id = %s", SALES)
        found: Any = stage.become("ann").value(
            "select m.status::text, m.default_team_id, t.parent_team_id,"
            " (select count(*) from tenancy.team_members as x where x.team_id = %s)"
            " from tenancy.memberships as m, tenancy.teams as t where m.id = %s and t.id = %s",
            SALES,
            member("mel"),
            below,
        )
    assert found == ("active", None, None, 0)
