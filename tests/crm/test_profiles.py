"""What people see and change of themselves, and clients of the agency: fixed columns, no more."""

from collections.abc import Iterator

import pytest

from tests.database import Cluster
from tests.policies.town import AGENCIES, MEMBERSHIPS, USERS, Stage, Town, named

ALPHA = AGENCIES["alpha"].id
CLIENT = named("contact", "cli")
PEOPLE = ("ann", "adam", "max", "mel", "vic", "cli")
OUTSIDERS = ("loner", "removed", "paused", "disabled", "erased")


@pytest.fixture(scope="module")
def town(cluster: Cluster) -> Iterator[Town]:
    """The town, and more about the contact that its client is."""
    with cluster.migrated() as database:
        found = Town(database)
        with found.stage(keep=True) as stage:
            stage.service().run(
                "update crm.contacts set full_name = 'Clio', job_title = 'Gardener' where id = %s",
                CLIENT,
            )
            for kind, value in (("email", "clio@example.org"), ("phone", "030 1")):
                stage.run(
                    "insert into crm.contact_points (agency_id, contact_id, kind, value)"
                    " values (%s, %s, %s, %s)",
                    ALPHA,
                    CLIENT,
                    kind,
                    value,
                )
        yield found


@pytest.fixture
def stage(town: Town) -> Iterator[Stage]:
    """A transaction in which people take turns; rolled back."""
    with town.stage() as found:
        yield found


def key(stage: Stage, *scopes: str) -> None:
    """Go on with a key of ann that has these scopes."""
    stage.service().run(
        "update tenancy.api_keys set scopes = %s where id = %s",
        list(scopes),
        named("api_key", "whole"),
    )
    stage.become("ann", api_key_id=str(named("api_key", "whole")))


def agent_of(stage: Stage, user: str) -> None:
    """Go on as the agent that acts for somebody."""
    stage.become(user, act={"iss": "https://id.example", "user_id": str(USERS["bot"].id)})


# --- my profile -----------------------------------------------------------------------------------

CHANGE = "select display_name, job_title, avatar_path from app.update_my_profile(%s, %s, %s)"


@pytest.mark.parametrize("user", PEOPLE)
def test_everybody_changes_the_own_profile(stage: Stage, user: str) -> None:
    stage.become(user)
    assert stage.value(CHANGE, " New ", "Head", "a.png") == ("New", "Head", "a.png")
    assert stage.value(CHANGE, None, None, None) == ("New", "Head", "a.png")
    assert stage.value(CHANGE, None, "", " ") == ("New", None, None)
    changed = stage.service().rows("select id from tenancy.memberships where display_name = 'New'")
    assert changed == [MEMBERSHIPS["alpha", user].id]


@pytest.mark.parametrize("user", [*OUTSIDERS, "bot"])
def test_who_is_nobody_here_has_no_profile(stage: Stage, user: str) -> None:
    with stage.refused("42501"):
        stage.become(user).run(CHANGE, "New", None, None)


def test_an_agent_changes_no_profile_for_its_user(stage: Stage) -> None:
    agent_of(stage, "ann")
    with stage.refused("42501"):
        stage.run(CHANGE, "New", None, None)


def test_a_key_changes_the_profile_within_its_scopes(stage: Stage) -> None:
    key(stage, "tenancy.memberships:select")
    with stage.refused("42501"):
        stage.run(CHANGE, "New", None, None)
    key(stage, "tenancy.memberships:update")
    assert stage.value(CHANGE, "New", None, None)[0] == "New"


@pytest.mark.parametrize("name", ["", "  "])
def test_a_display_name_is_never_empty(stage: Stage, name: str) -> None:
    with stage.refused("22023"):
        stage.become("mel").run(CHANGE, name, None, None)


def test_a_profile_of_one_agency_is_not_that_of_another(stage: Stage) -> None:
    stage.become("both", "beta").run(CHANGE, "Boss", None, None)
    names = stage.service().rows(
        "select display_name::text from tenancy.memberships where user_id = %s order by 1",
        USERS["both"].id,
    )
    assert names == ["Boss", "Both"]


# --- the portal -----------------------------------------------------------------------------------


def test_a_client_sees_itself_and_not_what_the_agency_notes(stage: Stage) -> None:
    cursor = stage.become("cli").connection.execute("select * from app.portal_profile()")
    (found,) = cursor.fetchall()
    assert [column.name for column in cursor.description or ()] == [
        *("contact_id", "full_name", "first_name", "last_name"),
        *("job_title", "locale", "timezone", "points"),
    ]
    assert found[:2] == (CLIENT, "Clio")
    assert [point["value"] for point in found[7]] == ["clio@example.org", "030 1"]


@pytest.mark.parametrize("user", [*PEOPLE[:-1], *OUTSIDERS, "bot"])
def test_nobody_else_has_a_portal_profile(stage: Stage, user: str) -> None:
    assert stage.become(user).rows("select * from app.portal_profile()") == []


def test_an_agent_of_a_client_sees_no_portal_profile(stage: Stage) -> None:
    agent_of(stage, "cli")
    assert stage.rows("select * from app.portal_profile()") == []


def test_a_deleted_contact_has_no_portal_profile(stage: Stage) -> None:
    stage.service().run("update crm.contacts set deleted_at = now() where id = %s", CLIENT)
    assert stage.become("cli").rows("select * from app.portal_profile()") == []


def test_deleted_addresses_are_not_in_the_portal(stage: Stage) -> None:
    stage.service().run("update crm.contact_points set deleted_at = now() where kind = 'phone'")
    (points,) = stage.become("cli").rows("select points from app.portal_profile()")
    assert [point["kind"] for point in points] == ["email"]


# --- the agency -----------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [*PEOPLE, "bot"])
def test_everybody_sees_the_name_plate_of_the_agency(stage: Stage, user: str) -> None:
    cursor = stage.become(user).connection.execute("select * from app.agency_profile()")
    assert cursor.fetchall() == [(ALPHA, "alpha", "Alpha", None, "en", "UTC", "USD")]
    assert {column.name for column in cursor.description or ()}.isdisjoint(
        {"plan", "settings", "data_region", "status"}
    )


@pytest.mark.parametrize("user", OUTSIDERS)
def test_outsiders_see_no_agency(stage: Stage, user: str) -> None:
    assert stage.become(user).rows("select * from app.agency_profile()") == []


@pytest.mark.parametrize("agency", ["halted", "closing", "gone"])
def test_an_agency_that_is_not_live_shows_nothing(stage: Stage, agency: str) -> None:
    assert stage.become("ann", agency).rows("select * from app.agency_profile()") == []


def test_a_key_sees_the_agency_within_its_scopes(stage: Stage) -> None:
    key(stage, "crm.contacts:select")
    assert stage.rows("select * from app.agency_profile()") == []
    key(stage, "tenancy.agencies:select")
    assert len(stage.rows("select * from app.agency_profile()")) == 1
