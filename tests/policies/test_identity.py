"""Who is asking: issuers, identities, agents on behalf of people, and rights that end at once.

Sources: architecture, section 5; schema, tenancy.issuers and user_identities, 8.2 (agents).
"""

import re
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.policies.oracle import NOTHING, QUERY, Sight, seen
from tests.policies.town import (
    AGENCIES,
    GOTRUE,
    KRATOS,
    MEMBERSHIPS,
    OWN,
    RETIRED,
    USERS,
    Stage,
    Town,
    claims_of,
    named,
)

ALPHA = AGENCIES["alpha"].id
ANN = USERS["ann"].id


def who(stage: Stage, claims: dict[str, Any]) -> UUID | None:
    """The user that these claims prove."""
    found = stage.present(claims).value("select app.user_id()")
    assert found is None or isinstance(found, UUID)
    return found


def sight(stage: Stage) -> Sight:
    return seen(stage.value(QUERY))


# --- issuers and identities -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "user"),
    [
        ({"iss": OWN, "user_id": str(ANN)}, "ann"),
        ({"iss": OWN, "user_id": str(ANN).upper()}, "ann"),
        ({"iss": GOTRUE, "user_id": str(ANN), "sub": "whoever"}, "ann"),
        ({"iss": KRATOS, "sub": "kratos|ann"}, "ann"),
        ({"iss": KRATOS, "sub": "kratos|ann", "user_id": str(USERS["bob"].id)}, "ann"),
        ({"iss": OWN, "sub": "ann-at-own"}, "ann"),
        ({"iss": KRATOS, "user_id": str(ANN)}, None),
        ({"iss": KRATOS, "sub": str(ANN)}, None),
        ({"iss": KRATOS, "sub": "kratos|ANN"}, None),
        ({"iss": KRATOS, "sub": " kratos|ann"}, None),
        ({"iss": GOTRUE, "sub": "kratos|ann"}, None),
        ({"iss": OWN, "sub": "ann-at-own", "user_id": None}, None),
        ({"iss": OWN, "sub": "ann-at-own", "user_id": "ann"}, None),
        ({"iss": OWN, "sub": "ann-at-own", "user_id": [str(ANN)]}, None),
        ({"iss": OWN, "sub": ["ann-at-own"]}, None),
        ({"iss": RETIRED, "user_id": str(ANN)}, None),
        ({"iss": RETIRED, "sub": "retired-ann"}, None),
        ({"iss": "https://evil.example", "user_id": str(ANN)}, None),
        ({"iss": "", "user_id": str(ANN)}, None),
        ({"iss": None, "user_id": str(ANN)}, None),
        ({"user_id": str(ANN)}, None),
        ({"iss": OWN}, None),
        ({"iss": OWN, "user_id": str(named("user", "nobody"))}, None),
        ({"iss": OWN, "user_id": str(USERS["disabled"].id)}, None),
        ({"iss": OWN, "user_id": str(USERS["erased"].id)}, None),
        ({"iss": KRATOS, "sub": "kratos|disabled"}, None),
        ({"iss": OWN, "email": USERS["ann"].email, "email_verified": True}, None),
        ({"iss": KRATOS, "sub": "new", "email": USERS["ann"].email, "email_verified": True}, None),
    ],
    ids=str,
)
def test_a_user_is_named_by_an_issuer_that_is_believed(
    stage: Stage, claims: dict[str, Any], user: str | None
) -> None:
    assert who(stage, claims) == (USERS[user].id if user is not None else None)


def test_a_subject_that_is_no_uuid_is_a_subject(stage: Stage) -> None:
    stage.present({"iss": KRATOS, "sub": "kratos|ann", "agency_id": str(ALPHA)})
    assert len(sight(stage).memberships) == 16


def test_the_same_subject_of_two_issuers_is_two_people(stage: Stage) -> None:
    for issuer, user in ((OWN, "mel"), (KRATOS, "vic")):
        stage.service().run(
            "insert into tenancy.user_identities (user_id, issuer, subject) values (%s, %s, '1')",
            USERS[user].id,
            issuer,
        )
    assert who(stage, {"iss": OWN, "sub": "1"}) == USERS["mel"].id
    assert who(stage, {"iss": KRATOS, "sub": "1"}) == USERS["vic"].id


def test_the_role_of_the_token_is_not_the_role(stage: Stage) -> None:
    stage.become("vic", agency_role="owner", record_scope="all", capabilities=["merge"])
    assert stage.value("select app.agency_role()") == "viewer"
    assert stage.value("select app.record_scope()") == "own"
    assert stage.value("select (app.proof()).capabilities") == []


def test_a_person_without_an_agency_sees_only_themselves(stage: Stage) -> None:
    for claims in (claims_of("ann", None), claims_of("ann", "beta"), claims_of("bob", "alpha")):
        stage.present(claims)
        found = sight(stage)
        assert found == Sight(user=UUID(claims["user_id"]), users=frozenset([found.user or ALPHA]))


@pytest.mark.parametrize("agency", ["halted", "closing", "gone"])
def test_an_agency_that_is_not_active_lets_nobody_in(stage: Stage, agency: str) -> None:
    assert sight(stage.become("ann", agency)).agency is None


# --- on behalf of -----------------------------------------------------------------------------

BOT = str(USERS["bot"].id)
BAD_ACTORS: dict[str, Any] = {
    "null": None,
    "true": True,
    "a number": 1,
    "empty text": "",
    "text": BOT,
    "an empty list": [],
    "a list": [{"user_id": BOT}],
    "an empty object": {},
    "a null user_id": {"user_id": None},
    "a bad user_id": {"user_id": "bot"},
    "a user_id in a list": {"user_id": [BOT]},
    "nobody": {"user_id": str(named("user", "nobody"))},
    "an unknown subject": {"sub": "nobody"},
    "a person": {"user_id": str(USERS["mel"].id)},
    "themselves": {"user_id": str(ANN)},
    "an agent of another agency": {"user_id": str(USERS["bot-beta"].id)},
    "an agent of no agency": {"user_id": str(USERS["bot-free"].id)},
    "a suspended agent": {"user_id": str(USERS["bot-paused"].id)},
    "a disabled agent": {"user_id": str(USERS["bot-disabled"].id)},
    "an issuer nobody knows": {"iss": "https://evil.example", "user_id": BOT},
    "an issuer that is inactive": {"iss": RETIRED, "user_id": BOT},
    "an issuer that may not assert": {"iss": KRATOS, "user_id": BOT},
    "the null issuer": {"iss": None, "user_id": BOT},
}


@pytest.mark.parametrize("actor", BAD_ACTORS)
@pytest.mark.parametrize("user", ["ann", "mel"])
def test_an_act_that_cannot_be_resolved_means_no_claims_at_all(
    stage: Stage, user: str, actor: str
) -> None:
    assert sight(stage.become(user, act=BAD_ACTORS[actor])) == NOTHING
    assert stage.rows("select agency_id from app.my_agencies()") == []


@pytest.mark.parametrize(
    "act", [{"user_id": BOT}, {"iss": KRATOS, "sub": "machine:bot"}, {"user_id": BOT, "act": 1}]
)
def test_an_agent_acts_for_a_person_with_the_rights_of_both(
    stage: Stage, act: dict[str, Any]
) -> None:
    stage.become("ann", act=act)
    found = sight(stage)
    assert (found.user, found.agency, len(found.memberships)) == (ANN, ALPHA, 16)
    assert (found.users, found.api_keys) == (frozenset(), frozenset())
    proof = stage.value(
        "select p.membership_id, p.agent_id, p.agency_role::text, p.record_scope::text, p.is_person"
        " from app.proof() as p"
    )
    assert proof == (
        MEMBERSHIPS["alpha", "ann"].id,
        MEMBERSHIPS["alpha", "bot"].id,
        "owner",
        "team",  # the narrower of "all" and "team"
        False,
    )
    assert stage.run("update tenancy.agencies set name = 'x'") == 0
    with stage.refused("42501"):
        stage.run("insert into tenancy.teams (name) values ('by an agent')")


def test_the_narrower_scope_wins_from_both_sides(stage: Stage) -> None:
    stage.become("mel", act={"user_id": BOT})
    assert stage.value("select app.record_scope()::text") == "own"


def test_an_agent_is_no_person(stage: Stage) -> None:
    for claims in (claims_of("bot"), claims_of("ann", act={"user_id": BOT})):
        stage.present(claims)
        assert stage.rows("select 1 from tenancy.users") == []
        assert stage.rows("select 1 from tenancy.user_identities") == []
        assert stage.rows("select agency_id from app.my_agencies()") == []
        for call in (
            "select app.switch_agency(app.agency_id())",
            "select app.leave_agency()",
            "select app.link_identity()",
            "select app.invite('new@people.example', 'viewer')",
            "select app.create_api_key('key')",
        ):
            with stage.refused("42501"):
                stage.run(call)


# --- rights end at the next statement ---------------------------------------------------------

ENDS: dict[str, tuple[dict[str, Any], str]] = {
    "membership suspended": (
        claims_of("mel"),
        "update tenancy.memberships set status = 'suspended' where user_id = '{mel}'",
    ),
    "membership removed": (
        claims_of("mel"),
        "update tenancy.memberships set status = 'removed' where user_id = '{mel}'",
    ),
    "user disabled": (
        claims_of("mel"),
        "update tenancy.users set status = 'disabled' where id = '{mel}'",
    ),
    "agency suspended": (
        claims_of("mel"),
        "update tenancy.agencies set status = 'suspended' where id = '{alpha}'",
    ),
    "agency deleted": (
        claims_of("mel"),
        "update tenancy.agencies set deleted_at = now() where id = '{alpha}'",
    ),
    "issuer inactive": (
        claims_of("mel"),
        "update tenancy.issuers set active = false where issuer = '{own}'",
    ),
    "issuer may no longer assert": (
        claims_of("mel"),
        "update tenancy.issuers set may_assert_user_id = false where issuer = '{own}'",
    ),
    "identity unlinked": (
        {"iss": KRATOS, "sub": "kratos|ann", "agency_id": str(ALPHA)},
        "delete from tenancy.user_identities where subject = 'kratos|ann'",
    ),
    "agent suspended": (
        claims_of("mel", act={"user_id": BOT}),
        "update tenancy.memberships set status = 'suspended' where user_id = '{bot}'",
    ),
    "agent disabled": (
        claims_of("mel", act={"user_id": BOT}),
        "update tenancy.users set status = 'disabled' where id = '{bot}'",
    ),
    "key revoked": (
        claims_of("ann", api_key_id=str(named("api_key", "whole"))),
        "update tenancy.api_keys set revoked_at = now() where id = '{key}'",
    ),
    "key expired": (
        claims_of("ann", api_key_id=str(named("api_key", "whole"))),
        "update tenancy.api_keys set expires_at = now() where id = '{key}'",
    ),
}


def end(town: Town, statement: str) -> None:
    names = {
        "mel": USERS["mel"].id,
        "bot": BOT,
        "alpha": ALPHA,
        "own": OWN,
        "key": named("api_key", "whole"),
    }
    with town.stage(keep=True) as office:
        assert office.service().run(statement.format(**names)) == 1


@pytest.mark.parametrize("name", ENDS)
def test_what_is_taken_away_ends_at_the_next_statement(own_town: Town, name: str) -> None:
    claims, statement = ENDS[name]
    with own_town.stage() as stage:
        stage.present(claims)
        assert sight(stage).agency == ALPHA
        end(own_town, statement)
        assert sight(stage).agency is None
        assert sight(stage).memberships == frozenset()


@pytest.mark.parametrize("name", ["membership suspended", "user disabled", "agency suspended"])
def test_a_prepared_plan_does_not_keep_rights(own_town: Town, name: str) -> None:
    claims, statement = ENDS[name]
    with own_town.stage() as stage:
        stage.present(claims)
        stage.run("set local plan_cache_mode = force_generic_plan")
        stage.run("prepare mine as select count(*) from tenancy.memberships")
        assert stage.value("execute mine") == 16
        end(own_town, statement)
        assert stage.value("execute mine") == 0


def test_under_repeatable_read_rights_end_with_the_transaction(own_town: Town) -> None:
    """All statements of such a transaction share one snapshot; it is documented in app.proof."""
    claims, statement = ENDS["membership suspended"]
    with own_town.stage(isolation="repeatable read") as stage:
        assert sight(stage.present(claims)).agency == ALPHA
        end(own_town, statement)
        assert sight(stage).agency == ALPHA
    with own_town.stage(isolation="repeatable read") as stage:
        assert sight(stage.present(claims)).agency is None


def test_a_new_role_counts_at_the_next_statement(own_town: Town) -> None:
    with own_town.stage() as stage:
        stage.become("vic")
        assert stage.run("update tenancy.agencies set locale = 'de'") == 0
        with own_town.stage(keep=True) as office:
            office.become("ann").run(
                "update tenancy.memberships set role = 'admin', record_scope = 'all' where id = %s",
                MEMBERSHIPS["alpha", "vic"].id,
            )
        assert stage.run("update tenancy.agencies set locale = 'de'") == 1


# --- choosing and leaving an agency -----------------------------------------------------------


def test_my_agencies_are_those_that_can_be_entered(stage: Stage) -> None:
    mine = "select slug, role::text, is_current from app.my_agencies()"
    assert stage.become("ann", None).rows(mine) == [("alpha", "owner", False)]
    assert stage.become("both", "beta").rows(mine) == [
        ("alpha", "member", False),
        ("beta", "owner", False),
    ]
    for user in ("loner", "paused", "removed", "disabled", "bot"):
        assert stage.become(user, None).rows(mine) == []
    assert stage.present("{}").rows(mine) == []


def test_switching_chooses_the_next_token_not_this_one(stage: Stage) -> None:
    stage.become("both", "beta").run("select app.switch_agency(%s)", ALPHA)
    assert stage.value("select app.agency_id()") == AGENCIES["beta"].id
    assert stage.value("select active_agency_id from tenancy.users") == ALPHA
    assert stage.rows("select slug from app.my_agencies() where is_current") == ["alpha"]


@pytest.mark.parametrize(
    ("user", "agency"),
    [
        ("ann", AGENCIES["beta"].id),
        ("ann", AGENCIES["halted"].id),
        ("ann", AGENCIES["closing"].id),
        ("ann", AGENCIES["gone"].id),
        ("paused", ALPHA),
        ("removed", ALPHA),
        ("disabled", ALPHA),
        ("loner", ALPHA),
        ("bot", ALPHA),
        ("ann", named("agency", "nowhere")),
        ("ann", None),
    ],
)
def test_nobody_switches_to_an_agency_they_cannot_enter(
    stage: Stage, user: str, agency: UUID | None
) -> None:
    with stage.become(user, None).refused("42501") as caught:
        stage.run("select app.switch_agency(%s)", agency)
    assert "cannot switch" in str(caught.value)


def test_nobody_sets_the_active_agency_past_the_function(stage: Stage) -> None:
    with stage.become("both").refused("42501"):
        stage.run("update tenancy.users set active_agency_id = %s", ALPHA)
    with stage.service().refused("23514"):
        stage.run(
            "update tenancy.users set active_agency_id = %s where id = %s",
            ALPHA,
            USERS["loner"].id,
        )


def test_leaving_ends_the_membership_and_nothing_else(own_town: Town) -> None:
    with own_town.stage(keep=True) as stage:
        stage.become("both").run("select app.leave_agency()")
        assert sight(stage).agency is None
        assert stage.rows("select slug from app.my_agencies()") == ["beta"]
        assert sight(stage.become("both", "beta")).agency == AGENCIES["beta"].id
        status = stage.service().value(
            "select status::text, removed_at is not null from tenancy.memberships where id = %s",
            MEMBERSHIPS["alpha", "both"].id,
        )
        assert status == ("removed", True)


def test_one_of_two_owners_may_leave(own_town: Town) -> None:
    with own_town.stage(keep=True) as stage:
        stage.become("olga").run("select app.leave_agency()")
    with own_town.stage() as stage:
        assert sight(stage.become("olga")).agency is None


def test_the_last_owner_cannot_leave(own_town: Town) -> None:
    with own_town.stage(keep=True) as stage:
        stage.become("olga").run("select app.leave_agency()")
    with pytest.raises(psycopg.errors.CheckViolation), own_town.stage(keep=True) as stage:
        stage.become("ann").run("select app.leave_agency()")  # refused at COMMIT
    with own_town.stage() as stage:
        assert sight(stage.become("ann")).agency == ALPHA


@pytest.mark.parametrize(("user", "agency"), [("loner", "alpha"), ("ann", None), ("bot", "alpha")])
def test_nobody_leaves_where_they_are_not(stage: Stage, user: str, agency: str | None) -> None:
    with stage.become(user, agency).refused("42501"):
        stage.run("select app.leave_agency()")


# --- a new agency -----------------------------------------------------------------------------


def test_a_new_agency_has_its_owner_at_once(own_town: Town) -> None:
    with own_town.stage(keep=True) as stage:
        agency = stage.service().value(
            "select app.create_agency('Delta', 'delta', %s)", USERS["loner"].id
        )
    with own_town.stage() as stage:
        stage.present(claims_of("loner", None) | {"agency_id": str(agency)})
        assert stage.value(
            "select user_id, role::text, record_scope::text, display_name from tenancy.memberships"
        ) == (USERS["loner"].id, "owner", "all", "Loner")
        assert stage.value("select name, slug, status::text, plan from tenancy.agencies") == (
            "Delta",
            "delta",
            "active",
            "free",
        )


@pytest.mark.parametrize(
    ("name", "slug", "owner", "sqlstate"),
    [
        ("Delta", "alpha", "loner", "23505"),
        ("Delta", "No Slug", "loner", "23514"),
        ("Delta", "-x", "loner", "23514"),
        ("  ", "delta", "loner", "23514"),
        (None, "delta", "loner", "23502"),
        ("Delta", "delta", "disabled", "22023"),
        ("Delta", "delta", "erased", "22023"),
        ("Delta", "delta", "bot", "22023"),
        ("Delta", "delta", None, "22023"),
    ],
)
def test_an_agency_that_makes_no_sense_is_not_created(
    stage: Stage, name: str | None, slug: str, owner: str | None, sqlstate: str
) -> None:
    before = stage.service().value("select count(*) from tenancy.agencies")
    with stage.refused(sqlstate):
        stage.run(
            "select app.create_agency(%s, %s, %s)",
            name,
            slug,
            USERS[owner].id if owner is not None else None,
        )
    assert stage.value("select count(*) from tenancy.agencies") == before


def test_only_the_back_office_creates_an_agency(stage: Stage) -> None:
    with stage.become("ann").refused("42501"):
        stage.run("select app.create_agency('Delta', 'delta', %s)", ANN)


# --- a second login ---------------------------------------------------------------------------


def linked(**link: Any) -> dict[str, Any]:
    return claims_of("mel", None, link={"iss": KRATOS, "sub": "kratos|mel", **link})


def test_a_second_login_becomes_the_same_person(stage: Stage) -> None:
    identity = stage.present(linked(provider="google")).value("select app.link_identity()")
    assert stage.value("select id, issuer, subject, provider from tenancy.user_identities") == (
        identity,
        KRATOS,
        "kratos|mel",
        "google",
    )
    assert who(stage, {"iss": KRATOS, "sub": "kratos|mel"}) == USERS["mel"].id


def test_linking_twice_answers_the_same_identity(stage: Stage) -> None:
    stage.present(linked())
    assert stage.value("select app.link_identity()") == stage.value("select app.link_identity()")


def test_the_login_of_somebody_else_is_not_taken_over(stage: Stage) -> None:
    with stage.present(linked(sub="kratos|ann")).refused("23505"):
        stage.run("select app.link_identity()")
    assert who(stage, {"iss": KRATOS, "sub": "kratos|ann"}) == ANN


@pytest.mark.parametrize(
    "claims",
    [
        claims_of("mel"),
        claims_of("mel", link=None),
        claims_of("mel", link="x"),
        claims_of("mel", link=[]),
        claims_of("mel", link={}),
        linked(iss="https://evil.example"),
        linked(iss=RETIRED),
        linked(iss=None),
        linked(sub=None),
    ],
    ids=str,
)
def test_a_link_that_names_no_login_is_refused(stage: Stage, claims: dict[str, Any]) -> None:
    with stage.present(claims).refused("22023"):
        stage.run("select app.link_identity()")


@pytest.mark.parametrize("user", ["bot", "disabled"])
def test_only_a_live_person_links(stage: Stage, user: str) -> None:
    with stage.become(user, link={"iss": KRATOS, "sub": "x"}).refused("42501"):
        stage.run("select app.link_identity()")


def test_equal_addresses_link_nobody(stage: Stage) -> None:
    claims = {"iss": KRATOS, "sub": "other", "email": USERS["ann"].email, "email_verified": True}
    assert who(stage, claims) is None


# --- ids --------------------------------------------------------------------------------------


def fields(text: UUID) -> tuple[int, int, int]:
    """Milliseconds, version and variant of a uuid (RFC 9562, section 5.7)."""
    return text.int >> 80, text.int >> 76 & 0xF, text.int >> 62 & 0b11


def test_ids_are_uuid_version_7(stage: Stage) -> None:
    before = time.time() * 1000 - 5
    ids = stage.service().rows("select app.uuid_v7() from generate_series(1, 2000)")
    after = time.time() * 1000 + 5
    assert len(set(ids)) == 2000
    for found in ids:
        milliseconds, version, variant = fields(found)
        assert (version, variant) == (7, 0b10)
        assert before <= milliseconds <= after


def test_ids_grow_with_time(stage: Stage) -> None:
    stage.service()
    ids = []
    for _ in range(20):
        ids.append(stage.value("select app.uuid_v7()"))
        time.sleep(0.001)
    assert ids == sorted(ids)


def test_the_layout_of_older_servers_is_the_same(town: Town) -> None:
    """18 has uuidv7(); the code for 15 to 17 must give the same fields, so it is run here too."""
    with town.database.connect() as connection:
        row = connection.execute("select pg_get_functiondef('app.uuid_v7()'::regprocedure)")
        (definition,) = row.fetchone() or ("",)
        older = re.sub(
            r"if current_setting.*?end if;",
            "",
            definition.replace("app.uuid_v7", "app.older"),
            flags=re.DOTALL,
        )
        assert older != definition
        connection.execute(older.encode())
        before = time.time() * 1000 - 5
        rows = connection.execute(
            "select app.older(), clock_timestamp() from generate_series(1, 2000)"
        ).fetchall()
        connection.rollback()
    assert len({found for found, _ in rows}) == 2000
    for found, _ in rows:
        milliseconds, version, variant = fields(found)
        assert (version, variant) == (7, 0b10)
        assert before <= milliseconds <= time.time() * 1000 + 5
    # 12 bits of the fraction of a millisecond: rows of one statement are in order to a microsecond
    prefixes = [found.int >> 64 for found, _ in rows]
    assert prefixes == sorted(prefixes)


CALLS: dict[str, Callable[[Stage], Any]] = {
    "agency_id": lambda stage: stage.value("select app.agency_id()"),
    "user_id": lambda stage: stage.value("select app.user_id()"),
    "membership_id": lambda stage: stage.value("select app.membership_id()"),
    "agency_role": lambda stage: stage.value("select app.agency_role()"),
    "record_scope": lambda stage: stage.value("select app.record_scope()"),
    "claims": lambda stage: stage.value("select app.claims()"),
    "may": lambda stage: stage.value("select app.may('x', 'owner') or null"),
    "may_as_myself": lambda stage: stage.value("select app.may_as_myself('x') or null"),
    "teams_i_lead": lambda stage: stage.value("select nullif(app.teams_i_lead(), '{}')"),
}


@pytest.mark.parametrize("function", CALLS)
def test_every_claim_function_says_null_to_nobody(stage: Stage, function: str) -> None:
    assert CALLS[function](stage.present("")) is None
    assert CALLS[function](stage.present("{")) is None
