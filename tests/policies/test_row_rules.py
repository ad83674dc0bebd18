"""What holds for every row: frozen keys, versions, stamps, upserts (schema 2.1 to 2.4, 8.1.9)."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.policies.town import AGENCIES, API_KEYS, MEMBERSHIPS, USERS, Stage, Town, named, team_id

ALPHA, BETA = AGENCIES["alpha"].id, AGENCIES["beta"].id
SALES = team_id("sales")
ME = MEMBERSHIPS["alpha", "ann"].id

# table -> a row that the owner of alpha may update
ROWS: dict[str, UUID] = {
    "teams": SALES,
    "memberships": MEMBERSHIPS["alpha", "mel"].id,
    "team_members": named("row", "a team member"),
    "invitations": named("row", "an invitation"),
    "api_keys": API_KEYS["whole"].id,
}


@pytest.fixture
def ann(stage: Stage) -> Stage:
    """Ann, with one row of each table at hand; ids are made known where they are not."""
    stage.become("ann").value("select app.invite('row@people.example', 'viewer')")
    return stage


def row_of(stage: Stage, table: str) -> UUID:
    if table in ("team_members", "invitations"):
        found = stage.value(f"select id from tenancy.{table} order by id limit 1")
        assert isinstance(found, UUID)
        return found
    return ROWS[table]


# --- keys and creation never change -----------------------------------------------------------


@pytest.mark.parametrize("table", ROWS)
@pytest.mark.parametrize(
    "assignment",
    [
        "id = app.uuid_v7()",
        "created_at = created_at - interval '1 day'",
        "created_by = app.uuid_v7()",
        "created_by = null",
    ],
)
def test_keys_and_creation_never_change(ann: Stage, table: str, assignment: str) -> None:
    row = row_of(ann, table)
    if assignment == "created_by = null":
        before = ann.value(f"select created_by from tenancy.{table} where id = %s", row)
        if before is None:  # made by the back office
            assert ann.run(f"update tenancy.{table} set {assignment} where id = %s", row) == 1
            return
    with ann.refused("PT403"):
        ann.run(f"update tenancy.{table} set {assignment} where id = %s", row)


@pytest.mark.parametrize("table", ROWS)
def test_a_row_never_moves_to_another_agency(ann: Stage, table: str) -> None:
    row = row_of(ann, table)
    with ann.refused("PT403"):
        ann.run(f"update tenancy.{table} set agency_id = %s where id = %s", BETA, row)
    with ann.service().refused("PT403"):
        ann.run(f"update tenancy.{table} set agency_id = %s where id = %s", BETA, row)


@pytest.mark.parametrize("table", ["invitation_secrets", "api_key_secrets"])
def test_a_secret_never_moves_to_another_agency(town: Town, table: str) -> None:
    with town.stage(login="postgres") as stage:
        stage.become("ann").value("select app.invite('row@people.example', 'viewer')")
        stage.run("reset role")
        for column in ("agency_id", "id"):
            with stage.refused("PT403"):
                stage.run(f"update tenancy.{table} set {column} = gen_random_uuid()")


@pytest.mark.parametrize("column", ["id = gen_random_uuid()", "created_at = '2001-01-01'"])
@pytest.mark.parametrize("table", ["agencies", "users", "user_identities"])
def test_global_rows_keep_their_keys_too(stage: Stage, table: str, column: str) -> None:
    with stage.service().refused("PT403"):
        stage.run(f"update tenancy.{table} set {column}")


def test_sending_the_same_keys_is_no_change(ann: Stage) -> None:
    assert (
        ann.run(
            "update tenancy.teams set agency_id = agency_id, id = id, created_at = created_at,"
            " created_by = created_by, name = 'Sales 2' where id = %s",
            SALES,
        )
        == 1
    )


# --- row_version ------------------------------------------------------------------------------

VERSIONED = {
    "agencies": ("name = 'x'", ALPHA),
    "users": ("full_name = 'x'", USERS["ann"].id),
    "teams": ("name = 'x'", SALES),
    "memberships": ("job_title = 'x'", ROWS["memberships"]),
    "api_keys": ("name = 'x'", ROWS["api_keys"]),
}


@pytest.mark.parametrize("table", VERSIONED)
def test_a_version_that_was_read_earlier_is_refused(ann: Stage, table: str) -> None:
    assignment, row = VERSIONED[table]
    query = f"select row_version from tenancy.{table} where id = %s"
    update = f"update tenancy.{table} set {assignment}, row_version = %s where id = %s"
    read = ann.value(query, row)
    assert ann.run(update, read, row) == 1
    assert ann.value(query, row) == read + 1
    for stale in (read, read + 2, 0, -1):
        with ann.refused("PT409") as caught:
            ann.run(update, stale, row)
        assert f"its row_version is {read + 1}, not {stale}" in str(caught.value)
    assert ann.run(update, read + 1, row) == 1
    assert ann.value(query, row) == read + 2


def test_without_a_version_the_last_write_wins(ann: Stage) -> None:
    before = ann.value("select row_version from tenancy.teams where id = %s", SALES)
    for name in ("one", "two"):
        assert ann.run("update tenancy.teams set name = %s where id = %s", name, SALES) == 1
    ann.run("update tenancy.teams set name = 'three', row_version = null where id = %s", SALES)
    assert ann.value("select row_version, name from tenancy.teams where id = %s", SALES) == (
        before + 3,
        "three",
    )


def test_an_invitation_has_a_version_too(ann: Stage) -> None:
    with ann.refused("PT409"):
        ann.run("update tenancy.invitations set revoked_at = now(), row_version = 99")
    assert ann.run("update tenancy.invitations set revoked_at = now(), row_version = 1") == 1


def test_last_used_at_raises_no_version(stage: Stage) -> None:
    for table in ("api_keys", "user_identities"):
        query = f"select row_version, updated_at from tenancy.{table} order by id"
        before = stage.service().rows(query)
        stage.run(f"update tenancy.{table} set last_used_at = now()")
        assert stage.rows(query) == before


# --- stamps -----------------------------------------------------------------------------------


def test_stamps_come_from_the_proof_not_from_the_client(ann: Stage) -> None:
    found = ann.value(
        "insert into tenancy.teams (name, created_at, created_by)"
        " values ('stamped', '2001-01-01', %s)"
        " returning agency_id, created_at = now(), created_by, updated_at = now(), updated_by,"
        " row_version, deleted_at",
        MEMBERSHIPS["alpha", "mel"].id,
    )
    assert found == (ALPHA, True, ME, True, ME, 1, None)


@pytest.mark.parametrize("column", ["updated_at", "updated_by"])
@pytest.mark.parametrize("table", ["teams", "memberships", "api_keys", "invitations"])
def test_nobody_sends_who_changed_a_row(ann: Stage, table: str, column: str) -> None:
    with ann.refused("42501"):
        ann.run(f"update tenancy.{table} set {column} = null where id = %s", row_of(ann, table))


def test_the_last_change_names_who_made_it(stage: Stage) -> None:
    stage.become("mia").run("update tenancy.teams set name = 'x' where id = %s", SALES)
    assert stage.value("select updated_by from tenancy.teams where id = %s", SALES) == (
        MEMBERSHIPS["alpha", "mia"].id
    )


def test_an_agent_s_change_names_the_user_it_acts_for(stage: Stage) -> None:
    """created_by is a membership of the proof; the audit trail names both."""
    stage.become("ann", act={"user_id": str(USERS["bot"].id)})
    assert stage.value("select app.membership_id()") == ME


def test_the_back_office_names_nobody(stage: Stage) -> None:
    assert stage.service().value(
        "insert into tenancy.teams (agency_id, name, created_by) values (%s, 'x', %s)"
        " returning created_by, updated_by",
        ALPHA,
        ME,
    ) == (None, None)


# --- upsert, as PostgREST writes it -----------------------------------------------------------

UPSERT = """
insert into tenancy.teams (agency_id, id, name, description, row_version)
values (%s, %s, %s, %s, %s)
on conflict (agency_id, id) do update
   set agency_id = excluded.agency_id,
       id = excluded.id,
       name = excluded.name,
       description = excluded.description,
       row_version = excluded.row_version
returning row_version, name, created_by
"""


def test_an_upsert_inserts_and_then_updates(ann: Stage) -> None:
    team = uuid4()
    assert ann.value(UPSERT, ALPHA, team, "New", None, 1) == (1, "New", ME)
    assert ann.value(UPSERT, ALPHA, team, "Newer", "x", 1) == (2, "Newer", ME)
    assert ann.value(UPSERT, ALPHA, team, "Newest", "x", 2) == (3, "Newest", ME)
    with ann.refused("PT409"):
        ann.run(UPSERT, ALPHA, team, "Too late", "x", 1)


def test_an_upsert_moves_no_row(ann: Stage) -> None:
    for agency, team in ((BETA, team_id("sales-beta")), (BETA, SALES), (BETA, uuid4())):
        with ann.refused("42501"):
            ann.run(UPSERT, agency, team, "Taken", None, 1)
    # the same id in the own agency is another row
    assert ann.value(UPSERT, ALPHA, team_id("sales-beta"), "Ours", None, 1) == (1, "Ours", ME)
    assert (
        ann.service().value(
            "select name from tenancy.teams where agency_id = %s and id = %s",
            BETA,
            team_id("sales-beta"),
        )
        == "sales-beta"
    )


def test_a_retry_with_the_same_id_makes_no_second_row(ann: Stage) -> None:
    team = uuid4()
    insert = "insert into tenancy.teams (id, name) values (%s, 'Retried')"
    ann.run(insert, team)
    with ann.refused("23505"):
        ann.run(insert, team)
    assert ann.run(insert + " on conflict (agency_id, id) do nothing", team) == 0


def test_an_upsert_of_a_member_is_an_update(ann: Stage) -> None:
    upsert = (
        "insert into tenancy.memberships (agency_id, id, user_id, role, display_name)"
        " values (%s, %s, %s, %s::app.agency_role, 'Upserted')"
        " on conflict (agency_id, id) do update set agency_id = excluded.agency_id,"
        " id = excluded.id, user_id = excluded.user_id, role = excluded.role,"
        " display_name = excluded.display_name returning display_name, role::text"
    )
    mel = MEMBERSHIPS["alpha", "mel"].id
    assert ann.value(upsert, ALPHA, mel, USERS["mel"].id, "viewer") == ("Upserted", "viewer")
    with ann.refused("42501"):  # no such membership: that would be a new person
        ann.run(upsert, ALPHA, uuid4(), USERS["loner"].id, "viewer")
    with ann.refused("PT403"):
        ann.run(upsert, ALPHA, mel, USERS["loner"].id, "viewer")
    with ann.become("adam").refused("42501"):
        ann.run(upsert, ALPHA, ME, USERS["ann"].id, "viewer")
    with ann.become("mel").refused("42501"):
        ann.run(upsert, ALPHA, mel, USERS["mel"].id, "owner")


# --- agencies and users -----------------------------------------------------------------------


@pytest.mark.parametrize("user", ["ann", "adam"])
def test_owners_and_admins_change_the_settings_of_their_agency(stage: Stage, user: str) -> None:
    assert (
        stage.become(user).run(
            "update tenancy.agencies set name = 'Alpha 2', default_currency = 'EUR',"
            " timezone = 'Europe/Berlin', locale = 'de', logo_path = 'x', settings = '{\"a\": 1}'"
        )
        == 1
    )
    assert (
        stage.service().value("select count(*) from tenancy.agencies where name = 'Alpha 2'") == 1
    )


@pytest.mark.parametrize(
    "assignment",
    ["plan = 'gold'", "status = 'active'", "data_region = 'x'", "slug = 'x'", "deleted_at = now()"],
)
def test_what_the_back_office_keeps_of_an_agency(ann: Stage, assignment: str) -> None:
    with ann.refused("42501"):
        ann.run(f"update tenancy.agencies set {assignment}")


@pytest.mark.parametrize(
    "assignment",
    ["email = 'x@y.example'", "status = 'active'", "kind = 'agent'", "active_agency_id = null"],
)
def test_what_the_back_office_keeps_of_a_user(ann: Stage, assignment: str) -> None:
    with ann.refused("42501"):
        ann.run(f"update tenancy.users set {assignment}")


def test_people_change_their_own_profile_and_nobody_else_s(ann: Stage) -> None:
    assert ann.run("update tenancy.users set full_name = 'Ann A.', locale = 'de'") == 1
    assert ann.service().value("select count(*) from tenancy.users where locale = 'de'") == 1


@pytest.mark.parametrize(
    ("assignment", "sqlstate"),
    [
        ("timezone = 'Mars/Olympus'", "22023"),
        ("timezone = ''", "23514"),
        ("default_currency = 'eur'", "23514"),
        ("name = ' '", "23514"),
        ("settings = '[]'", "23514"),
        ("settings = jsonb_build_object('x', repeat('y', 20000))", "23514"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    ann: Stage, assignment: str, sqlstate: str
) -> None:
    with ann.refused(sqlstate):
        ann.run(f"update tenancy.agencies set {assignment}")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Sao_Paulo"])
def test_time_zones_that_postgresql_knows(ann: Stage, zone: str) -> None:
    assert ann.run("update tenancy.agencies set timezone = %s", zone) == 1
    assert ann.run("update tenancy.users set timezone = %s", zone) == 1
    assert ann.run("update tenancy.users set timezone = null") == 1


def test_a_user_s_time_zone_is_checked_too(ann: Stage) -> None:
    with ann.refused("22023") as caught:
        ann.run("update tenancy.users set timezone = 'Mars/Olympus'")
    assert "Mars/Olympus" in str(caught.value)


def test_a_slug_is_never_used_again(stage: Stage) -> None:
    """Also not that of a deleted agency: old links must not lead to somebody else."""
    arguments: tuple[Any, ...] = ("Gone again", "gone", USERS["loner"].id)
    with stage.service().refused("23505"):
        stage.run("select app.create_agency(%s, %s, %s)", *arguments)
