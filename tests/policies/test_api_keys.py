"""API keys: made by a person, acting as one membership, proved live, narrowed by scopes."""

import hashlib
import json
from typing import Any
from uuid import UUID

import pytest

from tests.clients.sessions import Signer, bound_session
from tests.policies.oracle import NOTHING, QUERY, Sight, seen
from tests.policies.town import (
    AGENCIES,
    API_KEYS,
    MEMBERSHIPS,
    OWN,
    USERS,
    Stage,
    Town,
    claims_of,
    named,
)

ALPHA = AGENCIES["alpha"].id
CREATE = "select app.create_api_key(%s, %s::text[], %s::uuid, %s::timestamptz)"


def sight(stage: Stage) -> Sight:
    return seen(stage.value(QUERY))


def create(
    stage: Stage,
    name: str | None = "key",
    scopes: list[str] | None = None,
    acts_as: UUID | None = None,
    expires_at: str | None = None,
) -> str:
    """Make a key as whoever is on stage."""
    key = stage.value(CREATE, name, scopes, acts_as, expires_at)
    assert isinstance(key, str)
    return key


def by_key(name: str, **more: Any) -> dict[str, Any]:
    """The claims of a key of the town."""
    key = API_KEYS[name]
    return claims_of(key.user, key.agency, api_key_id=str(key.id), **more)


def claims_for(town: Town, key: str | None) -> Any:
    """What app.api_key_claims answers to the service that received a key."""
    with town.database.connect("gardenos_app") as connection:
        row = connection.execute("select app.api_key_claims(%s)", (key,)).fetchone()
    assert row is not None
    return row[0]


# --- making -----------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["ann", "adam"])
def test_owners_and_admins_make_keys_that_act_as_themselves(stage: Stage, user: str) -> None:
    key = create(stage.become(user), "reports", ["tenancy.teams:select"])
    agency, secret = key.split(".")
    assert UUID(agency) == ALPHA
    assert stage.value(
        "select name, prefix, scopes, acts_as_id, created_by, expires_at, revoked_at"
        " from tenancy.api_keys where name = 'reports'"
    ) == (
        "reports",
        secret[:12],
        ["tenancy.teams:select"],
        MEMBERSHIPS["alpha", user].id,
        MEMBERSHIPS["alpha", user].id,
        None,
        None,
    )


def test_only_the_hash_of_a_key_is_stored(own_town: Town) -> None:
    with own_town.stage(keep=True) as stage:
        key = create(stage.become("ann"), "reports")
    with own_town.database.connect() as admin:
        rows = admin.execute(
            "select s.key_hash, k::text || s::text from tenancy.api_keys as k"
            " join tenancy.api_key_secrets as s on s.api_key_id = k.id where k.name = 'reports'"
        ).fetchall()
    ((stored, text),) = rows
    assert stored == hashlib.sha256(key.encode()).digest()
    assert key.split(".")[1] not in text


@pytest.mark.parametrize(
    "user", ["mia", "max", "mel", "vic", "cli", "bot", "loner", "paused", "disabled"]
)
def test_nobody_else_makes_a_key(stage: Stage, user: str) -> None:
    with stage.become(user).refused("42501"):
        create(stage)


def test_a_key_acts_as_an_agent(stage: Stage) -> None:
    create(stage.become("ann"), "robot 2", acts_as=MEMBERSHIPS["alpha", "bot"].id)
    stage.become(
        "bot", api_key_id=str(stage.value("select id from tenancy.api_keys where name = 'robot 2'"))
    )
    assert len(sight(stage).memberships) == 16


@pytest.mark.parametrize(
    ("agency", "user"),
    [
        ("alpha", "mel"),
        ("alpha", "olga"),
        ("alpha", "adam"),
        ("alpha", "bot-paused"),
        ("beta", "bob"),
        ("beta", "bot-beta"),
        ("halted", "ann"),
    ],
)
def test_rule_7_a_key_never_acts_as_another_person(stage: Stage, agency: str, user: str) -> None:
    with stage.become("ann").refused("42501"):
        create(stage, acts_as=MEMBERSHIPS[agency, user].id)


def test_no_key_acts_as_nobody(stage: Stage) -> None:
    with stage.become("ann").refused("42501"):
        create(stage, acts_as=named("membership", "nobody"))


@pytest.mark.parametrize("name", ["whole", "teams"])
def test_a_key_makes_no_key(stage: Stage, name: str) -> None:
    with stage.present(by_key(name)).refused("42501"):
        create(stage)


def test_an_agent_makes_no_key_for_an_owner(stage: Stage) -> None:
    with stage.become("ann", act={"user_id": str(USERS["bot"].id)}).refused("42501"):
        create(stage)


@pytest.mark.parametrize(
    "scopes",
    [
        ["everything"],
        ["tenancy.teams"],
        ["tenancy.teams:truncate"],
        ["Tenancy.teams:select"],
        ["tenancy.teams:select,insert"],
        ["*"],
        [None],
        ["tenancy.teams:select", None],
        ["tenancy.teams:select\n"],
    ],
    ids=str,
)
def test_a_scope_that_names_no_command_is_refused(stage: Stage, scopes: list[str]) -> None:
    with stage.become("ann").refused("23514"):
        create(stage, scopes=scopes)


@pytest.mark.parametrize("scope", ["", "tenancy.teams:select tenancy.users:select"])
def test_a_scope_that_is_no_single_command_allows_nothing(stage: Stage, scope: str) -> None:
    create(stage.become("ann"), "odd", [scope])
    key = stage.value("select id from tenancy.api_keys where name = 'odd'")
    found = sight(stage.become("ann", api_key_id=str(key)))
    assert (found.memberships, found.teams, found.users) == (frozenset(), 0, frozenset())


def test_a_key_is_not_expired_from_the_start(stage: Stage) -> None:
    with stage.become("ann").refused("22023"):
        create(stage, expires_at="2020-01-01")


def test_nobody_writes_a_key_past_the_function(stage: Stage) -> None:
    with stage.become("ann").refused("42501"):
        stage.run(
            "insert into tenancy.api_keys (name, prefix, acts_as_id)"
            " values ('x', 'x', app.membership_id())"
        )
    for column in ("acts_as_id = app.membership_id()", "prefix = 'x'", "last_used_at = now()"):
        with stage.refused("42501"):
            stage.run(f"update tenancy.api_keys set {column}")
    with stage.refused("42501"):
        stage.run("delete from tenancy.api_keys")


def test_the_hashes_are_nobody_s(stage: Stage) -> None:
    for who in (stage.become("ann"), stage.service()):
        with who.refused("42501"):
            stage.rows("select * from tenancy.api_key_secrets")


# --- using ------------------------------------------------------------------------------------


def test_a_key_sees_what_its_membership_sees(stage: Stage) -> None:
    by_token = sight(stage.become("ann"))
    assert sight(stage.present(by_key("whole"))) == by_token


def test_scopes_narrow_a_key(stage: Stage) -> None:
    found = sight(stage.present(by_key("directory")))
    assert (len(found.memberships), found.agencies, found.teams, found.users, found.api_keys) == (
        16,
        frozenset(),
        0,
        frozenset(),
        frozenset(),
    )
    found = sight(stage.present(by_key("teams")))
    assert (found.memberships, found.teams) == (frozenset(), 2)
    assert stage.run("insert into tenancy.teams (name) values ('by key')") == 1
    assert stage.run("update tenancy.teams set name = 'x'") == 0
    with stage.refused("42501"):
        stage.run("delete from tenancy.teams")


def test_scopes_hold_for_functions_too(stage: Stage) -> None:
    stage.present(by_key("teams"))
    for call in (
        "select app.invite('new@people.example', 'viewer')",
        "select app.leave_agency()",
        "select app.switch_agency(app.agency_id())",
    ):
        with stage.refused("42501"):
            stage.run(call)
    assert stage.rows("select * from app.my_agencies()") == []


def test_scopes_do_not_widen(stage: Stage) -> None:
    """A scope the membership has no cell for: an agent's key that names updates of its agency."""
    create(
        stage.become("ann"),
        "wide",
        ["tenancy.agencies:update", "tenancy.agencies:select", "tenancy.api_keys:select"],
        MEMBERSHIPS["alpha", "bot"].id,
    )
    key = stage.value("select id from tenancy.api_keys where name = 'wide'")
    found = sight(stage.become("bot", api_key_id=str(key)))
    assert (found.agencies, found.api_keys) == (frozenset([ALPHA]), frozenset())
    assert stage.run("update tenancy.agencies set name = 'x'") == 0


@pytest.mark.parametrize("state", ["revoked", "expired"])
def test_a_dead_key_is_nobody(stage: Stage, state: str) -> None:
    assert sight(stage.present(by_key(state))) == NOTHING


@pytest.mark.parametrize(
    "api_key_id",
    [
        None,
        "",
        1,
        [],
        {},
        True,
        "null",
        [str(API_KEYS["whole"].id)],
        str(API_KEYS["whole"].id)[:-1],
        str(API_KEYS["beta"].id),
        str(API_KEYS["robot"].id),
        str(named("api_key", "nowhere")),
    ],
    ids=str,
)
def test_a_key_that_is_not_theirs_means_no_claims_at_all(stage: Stage, api_key_id: object) -> None:
    assert sight(stage.become("ann", api_key_id=api_key_id)) == NOTHING


def test_a_key_of_one_agency_opens_no_other(stage: Stage) -> None:
    stage.present(by_key("whole") | {"agency_id": str(AGENCIES["beta"].id)})
    assert sight(stage) == NOTHING
    claims = by_key("whole")
    del claims["agency_id"]
    assert sight(stage.present(claims)) == NOTHING


def test_a_key_dies_with_its_membership(stage: Stage) -> None:
    assert sight(stage.present(by_key("robot"))).agency == ALPHA
    stage.service().run(
        "update tenancy.memberships set status = 'suspended' where id = %s",
        MEMBERSHIPS["alpha", "bot"].id,
    )
    assert sight(stage.present(by_key("robot"))).memberships == frozenset()


def test_a_key_falls_with_the_rank_of_its_maker(stage: Stage) -> None:
    create(stage.become("adam"), "adam's")
    key = stage.value("select id from tenancy.api_keys where name = 'adam''s'")
    assert len(sight(stage.become("adam", api_key_id=str(key))).api_keys) == 7
    stage.become("ann").run(
        "update tenancy.memberships set role = 'viewer', record_scope = 'own' where id = %s",
        MEMBERSHIPS["alpha", "adam"].id,
    )
    found = sight(stage.become("adam", api_key_id=str(key)))
    assert (len(found.memberships), found.api_keys) == (16, frozenset())


# --- the service that receives a key ----------------------------------------------------------


def test_a_service_learns_the_claims_of_a_key(own_town: Town) -> None:
    key = API_KEYS["whole"]
    assert claims_for(own_town, key.secret) == {
        "role": "authenticated",
        "user_id": str(USERS["ann"].id),
        "agency_id": str(ALPHA),
        "api_key_id": str(key.id),
    }


def test_a_key_opens_a_sealed_session(own_town: Town) -> None:
    with own_town.stage(keep=True) as stage:
        key = create(stage.become("ann"), "sealed", ["tenancy.teams:select"])
    with own_town.database.connect(autocommit=True) as admin:
        admin.execute("set role gardenos_owner")
        row = admin.execute("select app.rotate_seal_key('gardenos_app')").fetchone()
    assert row is not None
    claims = claims_for(own_town, key) | {"iss": OWN}
    with (
        own_town.database.connect("gardenos_app", autocommit=True) as app,
        bound_session(app, Signer(row[0]).sign(json.dumps(claims))),
    ):
        found = app.execute(QUERY).fetchone()
        assert found is not None
        assert (seen(found).agency, seen(found).teams) == (ALPHA, 2)


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "x",
        API_KEYS["revoked"].secret,
        API_KEYS["expired"].secret,
        API_KEYS["whole"].secret[:-1] + "x",
        API_KEYS["whole"].secret.upper(),
        API_KEYS["whole"].secret + " ",
        str(AGENCIES["beta"].id) + API_KEYS["whole"].secret[36:],
        API_KEYS["whole"].secret[37:],
        "x" * 100_000,
    ],
)
def test_a_key_that_is_not_good_gives_nothing(town: Town, key: str | None) -> None:
    assert claims_for(town, key) is None


def test_only_the_service_asks_for_the_claims_of_a_key(stage: Stage) -> None:
    with stage.become("ann").refused("42501"):
        stage.run("select app.api_key_claims('x')")


# --- keys that are out ------------------------------------------------------------------------


def change(stage: Stage, name: str, assignments: str) -> int:
    return stage.run(f"update tenancy.api_keys set {assignments} where name = %s", name)


def test_a_key_acts_as_the_same_membership_for_life(stage: Stage) -> None:
    with stage.service().refused("PT403"):
        stage.run(
            "update tenancy.api_keys set acts_as_id = %s where id = %s",
            MEMBERSHIPS["alpha", "adam"].id,
            API_KEYS["whole"].id,
        )


def test_revoking_is_final(stage: Stage) -> None:
    stage.become("ann")
    assert change(stage, "whole", "revoked_at = now()") == 1
    for assignment in ("revoked_at = null", "revoked_at = now() - interval '1 day'"):
        with stage.refused("42501"):
            change(stage, "whole", assignment)


def test_the_maker_narrows_and_extends_a_key(stage: Stage) -> None:
    stage.become("ann")
    assert change(stage, "teams", "scopes = '{tenancy.teams:select}'") == 1
    assert change(stage, "teams", "expires_at = now() + interval '1 day'") == 1


def test_another_owner_revokes_but_does_not_widen(stage: Stage) -> None:
    stage.become("olga")
    for assignment in ("scopes = '{}'", "expires_at = null, scopes = '{tenancy.users:select}'"):
        with stage.refused("42501"):
            change(stage, "teams", assignment)
    assert change(stage, "teams", "name = 'renamed'") == 1
    assert change(stage, "whole", "revoked_at = now()") == 1


def test_an_admin_touches_no_key_of_an_owner(stage: Stage) -> None:
    for assignment in ("name = 'x'", "revoked_at = now()", "scopes = '{tenancy.teams:select}'"):
        with stage.become("adam").refused("42501"):
            change(stage, "whole", assignment)


def test_owners_and_admins_keep_the_keys_of_agents(stage: Stage) -> None:
    for user in ("adam", "ann"):
        assert change(stage.become(user), "robot", "scopes = '{tenancy.teams:select}'") == 1


@pytest.mark.parametrize("user", ["mia", "mel", "vic", "cli", "bot"])
def test_nobody_else_sees_or_changes_a_key(stage: Stage, user: str) -> None:
    stage.become(user)
    assert stage.rows("select id from tenancy.api_keys") == []
    assert change(stage, "whole", "name = 'x'") == 0


def test_a_key_changes_no_key_but_revokes(stage: Stage) -> None:
    stage.present(by_key("whole"))
    for name in ("whole", "teams", "robot"):
        for assignment in ("scopes = '{}'", "expires_at = null", "name = 'x'"):
            with stage.refused("42501"):
                change(stage, name, assignment)
    assert change(stage, "teams", "revoked_at = now()") == 1


def test_using_a_key_is_no_change_of_it(stage: Stage) -> None:
    query = "select row_version, updated_at from tenancy.api_keys where id = %s"
    before = stage.service().value(query, API_KEYS["whole"].id)
    stage.run(
        "update tenancy.api_keys set last_used_at = now() where id = %s", API_KEYS["whole"].id
    )
    assert stage.value(query, API_KEYS["whole"].id) == before
