"""How a person enters an agency: schema 7.3 (what may be invited) and 7.4 (accepting)."""

import threading
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.policies.oracle import QUERY, Sight, seen
from tests.policies.town import (
    AGENCIES,
    CONTACTS,
    GOTRUE,
    IDENTITIES,
    KRATOS,
    MEMBERSHIPS,
    OWN,
    RETIRED,
    USERS,
    Stage,
    Town,
    claims_of,
    named,
    team_id,
)

ALPHA = AGENCIES["alpha"].id
LONER = USERS["loner"]
CONTACT = CONTACTS["alpha", "new client"]
NEW = "new@people.example"

# A person who is no user yet: a good token, an address its issuer has verified.
STRANGER = {
    "iss": KRATOS,
    "sub": "kratos|new",
    "role": "authenticated",
    "email": NEW,
    "email_verified": True,
    "name": "Newman",
}


def sight(stage: Stage) -> Sight:
    return seen(stage.value(QUERY))


def invite(
    stage: Stage,
    email: str | None = LONER.email,
    role: str | None = "member",
    scope: str | None = None,
    team: UUID | None = None,
    contact: UUID | None = None,
) -> str:
    """Invite as whoever is on stage; the token."""
    token = stage.value(
        "select app.invite(%s, %s::app.agency_role, %s::app.record_scope, %s::uuid, %s::uuid)",
        email,
        role,
        scope,
        team,
        contact,
    )
    assert isinstance(token, str)
    return token


def accept(stage: Stage, token: str | None) -> UUID:
    agency = stage.value("select app.accept_invitation(%s)", token)
    assert isinstance(agency, UUID)
    return agency


def membership(stage: Stage, user: UUID) -> tuple[Any, ...] | None:
    """Role, scope, status and capabilities in alpha, read past row-level security."""
    claims = dict(stage.claims)
    rows = stage.service().rows(
        "select role::text, record_scope::text, status::text, capabilities, display_name,"
        " default_team_id, contact_id from tenancy.memberships"
        " where agency_id = %s and user_id = %s",
        ALPHA,
        user,
    )
    stage.present(claims)
    return rows[0] if rows else None


# --- inviting ---------------------------------------------------------------------------------


def test_the_token_is_stored_as_a_hash_only(own_town: Town) -> None:
    with own_town.stage(keep=True) as stage:
        token = invite(stage.become("ann"))
    agency, secret = token.split(".")
    assert UUID(agency) == ALPHA
    assert len(secret) == 64
    with own_town.database.connect() as admin:
        row = admin.execute(
            "select count(*) from tenancy.invitation_secrets"
            " where token_hash = sha256(convert_to(%s, 'UTF8'))",
            (token,),
        ).fetchone()
        assert row == (1,)
        texts = admin.execute(
            "select i::text || s::text"
            " from tenancy.invitations as i, tenancy.invitation_secrets as s"
        ).fetchall()
        assert not any(secret in text for (text,) in texts)


def test_an_invitation_is_what_was_asked_for(stage: Stage) -> None:
    invite(stage.become("adam"), " New@People.EXAMPLE ", "manager", "team", team_id("sales"))
    assert stage.value(
        "select agency_id, email, role::text, record_scope::text, team_id, contact_id,"
        " invited_by_id, created_by, expires_at - now() = interval '7 days',"
        " accepted_at, revoked_at from tenancy.invitations"
    ) == (
        ALPHA,
        NEW,
        "manager",
        "team",
        team_id("sales"),
        None,
        MEMBERSHIPS["alpha", "adam"].id,
        MEMBERSHIPS["alpha", "adam"].id,
        True,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("role", "scope"), [("admin", "all"), ("manager", "team"), ("member", "own"), ("viewer", "own")]
)
def test_each_role_has_a_scope_of_its_own(stage: Stage, role: str, scope: str) -> None:
    invite(stage.become("ann"), NEW, role)
    assert stage.value("select record_scope::text from tenancy.invitations") == scope


ALLOWED = [
    ("ann", "admin", None, None),
    ("ann", "manager", "all", None),
    ("ann", "member", "all", "support"),
    ("adam", "admin", None, None),
    ("adam", "viewer", "team", "sales"),
    ("max", "member", "all", None),
    ("max", "viewer", "own", "sales"),
    ("max", "client", "own", None),
    ("mia", "member", "own", "sales"),
    ("mia", "member", "team", "sales"),
    ("mia", "client", "own", "sales"),
]
TOO_MUCH = [
    ("max", "admin", None, None),
    ("max", "manager", None, None),
    ("mia", "manager", "team", "sales"),
    ("mia", "member", "all", "sales"),
    ("mia", "member", "own", "support"),
    ("mia", "member", "own", None),
    ("mel", "viewer", None, None),
    ("mel", "member", None, "sales"),
    ("vic", "viewer", None, None),
    ("cli", "client", None, None),
    ("bot", "member", None, None),
    ("loner", "viewer", None, None),
    ("paused", "viewer", None, None),
    ("disabled", "viewer", None, None),
]


@pytest.mark.parametrize(("inviter", "role", "scope", "team"), ALLOWED)
def test_a_person_invites_up_to_their_own_rank_reach_and_teams(
    stage: Stage, inviter: str, role: str, scope: str | None, team: str | None
) -> None:
    contact = CONTACT if role == "client" else None
    stage.service().run(
        "update crm.contacts set team_id = %s where id = %s", team_id("sales"), CONTACT
    )
    assert invite(stage.become(inviter), NEW, role, scope, team_id(team) if team else None, contact)


@pytest.mark.parametrize(("inviter", "role", "scope", "team"), TOO_MUCH)
def test_a_person_does_not_invite_beyond(
    stage: Stage, inviter: str, role: str, scope: str | None, team: str | None
) -> None:
    contact = CONTACT if role == "client" else None
    with stage.become(inviter).refused("42501"):
        invite(stage, NEW, role, scope, team_id(team) if team else None, contact)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"role": "owner"}, "owner"),
        ({"role": "ai_agent"}, "agent"),
        ({"role": None}, "null"),
        ({"email": None}, "e-mail"),
        ({"email": ""}, "e-mail"),
        ({"email": "no address"}, "e-mail"),
        ({"email": "a@b"}, "e-mail"),
        ({"role": "client"}, "contact_id"),
        ({"role": "member", "contact": CONTACT}, "contact_id"),
        ({"role": "admin", "scope": "team"}, "record_scope"),
        ({"role": "manager", "scope": "own"}, "record_scope"),
        ({"team": team_id("sales-beta")}, "team"),
        ({"team": named("team", "nowhere")}, "team"),
    ],
    ids=str,
)
def test_an_invitation_that_makes_no_sense_is_refused(
    stage: Stage, arguments: dict[str, Any], word: str
) -> None:
    with stage.become("ann").refused("22023") as caught:
        invite(stage, **{"email": NEW, **arguments})
    assert word in str(caught.value)


def test_a_deleted_team_takes_nobody(stage: Stage) -> None:
    stage.become("ann").run(
        "update tenancy.teams set deleted_at = now() where id = %s", team_id("sales")
    )
    with stage.refused("22023"):
        invite(stage, NEW, team=team_id("sales"))


def test_an_agent_invites_for_nobody(stage: Stage) -> None:
    with stage.become("ann", act={"user_id": str(USERS["bot"].id)}).refused("42501"):
        invite(stage)


def test_a_key_invites_only_when_its_scopes_say_so(stage: Stage) -> None:
    with stage.become("ann", api_key_id=str(named("api_key", "teams"))).refused("42501"):
        invite(stage)


# --- inviting again ---------------------------------------------------------------------------


def test_inviting_again_replaces_the_invitation_and_its_token(stage: Stage) -> None:
    first = invite(stage.become("ann"), role="viewer")
    second = invite(stage.become("adam"), LONER.email.upper(), "member", "team", team_id("sales"))
    assert first != second
    assert stage.value(
        "select role::text, record_scope::text, team_id, invited_by_id from tenancy.invitations"
    ) == ("member", "team", team_id("sales"), MEMBERSHIPS["alpha", "adam"].id)
    with stage.become("loner", None).refused("42501"):
        accept(stage, first)
    assert accept(stage, second) == ALPHA


def test_inviting_again_starts_a_new_week(stage: Stage) -> None:
    invite(stage.become("ann"))
    stage.run("update tenancy.invitations set expires_at = now() - interval '1 day'")
    token = invite(stage)
    assert stage.value("select expires_at > now() + interval '6 days' from tenancy.invitations")
    assert accept(stage.become("loner", None), token) == ALPHA


def test_a_revoked_invitation_is_not_replaced_but_made_anew(stage: Stage) -> None:
    first = invite(stage.become("ann"))
    stage.run("update tenancy.invitations set revoked_at = now()")
    second = invite(stage)
    assert stage.value("select count(*) from tenancy.invitations") == 2
    with stage.become("loner", None).refused("42501"):
        accept(stage, first)
    assert accept(stage, second) == ALPHA


def test_a_manager_does_not_replace_what_others_invited(stage: Stage) -> None:
    invite(stage.become("ann"), NEW, "admin")
    with stage.become("max").refused("42501"):
        invite(stage, NEW, "viewer")
    invite(stage.become("mia"), LONER.email, "viewer", None, team_id("sales"))
    with stage.become("max").refused("42501"):
        invite(stage, LONER.email, "viewer")
    assert invite(stage.become("mia"), LONER.email, "member", None, team_id("sales"))


# --- accepting --------------------------------------------------------------------------------


def test_the_invited_person_becomes_a_member(stage: Stage) -> None:
    token = invite(stage.become("ann"), role="manager", scope="team", team=team_id("sales"))
    stage.become("loner", None)
    assert accept(stage, token) == ALPHA
    assert membership(stage, LONER.id) == (
        "manager",
        "team",
        "active",
        [],
        "Loner",
        team_id("sales"),
        None,
    )
    assert sight(stage.become("loner")).agency == ALPHA
    assert (
        stage.value(
            "select tm.is_lead from tenancy.team_members as tm where tm.membership_id"
            " = app.membership_id() and tm.team_id = %s",
            team_id("sales"),
        )
        is False
    )
    assert stage.become("ann").value(
        "select accepted_at is not null, accepted_by_id = (select id from tenancy.memberships"
        " where user_id = %s) from tenancy.invitations",
        LONER.id,
    ) == (True, True)


def test_a_client_keeps_its_contact(stage: Stage) -> None:
    token = invite(stage.become("ann"), role="client", contact=CONTACT)
    accept(stage.become("loner", None), token)
    found = membership(stage, LONER.id)
    assert found is not None
    assert (found[0], found[-1]) == ("client", CONTACT)


def test_a_client_is_a_contact_of_the_agency(stage: Stage) -> None:
    stage.service().run(
        "insert into crm.contacts (agency_id, id, full_name) values (%s, %s, 'Of beta')",
        AGENCIES["beta"].id,
        named("contact", "of beta"),
    )
    stage.become("ann")
    for contact in (named("contact", "nobody"), named("contact", "of beta")):
        with stage.refused("23503"):
            invite(stage, role="client", contact=contact)


@pytest.mark.parametrize("inviter", ["ann", "max", "mia"])
def test_a_client_is_a_contact_that_the_inviter_reads(stage: Stage, inviter: str) -> None:
    """Whose contact it is decides: nobody's, one's own, a colleague's, one in the trash."""
    owned, sales = named("contact", "owned"), team_id("sales")
    stage.service().run(
        "insert into crm.contacts (agency_id, id, full_name) values (%s, %s, 'Owned')", ALPHA, owned
    )
    judged = 0
    for owner in (None, inviter, "ann", "vic"):
        member = MEMBERSHIPS["alpha", owner].id if owner else None
        for deleted in (None, "now"):
            stage.service().run(
                "update crm.contacts set owner_id = %s, deleted_at = %s::timestamptz where id = %s",
                member,
                deleted,
                owned,
            )
            stage.become(inviter)
            reads = stage.rows(
                "select 1 from crm.contacts where id = %s and deleted_at is null", owned
            )
            if reads:
                invite(stage, role="client", team=sales, contact=owned)
            else:
                with stage.refused("23503"):
                    invite(stage, role="client", team=sales, contact=owned)
            judged += bool(reads)
    assert 0 < judged < 8


def test_a_contact_takes_its_invitation_along_but_who_is_a_client_stays(stage: Stage) -> None:
    invite(stage.become("ann"), role="client", contact=CONTACT)
    assert stage.run("delete from crm.contacts where id = %s", CONTACT) == 1
    assert stage.rows("select 1 from tenancy.invitations where email = %s", LONER.email) == []
    with stage.refused("23503"):
        stage.run("delete from crm.contacts where id = %s", CONTACTS["alpha", "cli"])


def test_the_login_that_accepted_is_linked(stage: Stage) -> None:
    token = invite(stage.become("ann"))
    accept(stage.become("loner", None, issuer=GOTRUE, sub="gotrue-loner"), token)
    stage.present({"iss": GOTRUE, "sub": "gotrue-loner", "agency_id": str(ALPHA)})
    assert sight(stage).agency == ALPHA


def test_a_verified_stranger_becomes_a_user(stage: Stage) -> None:
    token = invite(stage.become("ann"), NEW)
    assert accept(stage.present(STRANGER), token) == ALPHA
    stage.present(STRANGER | {"agency_id": str(ALPHA)})
    assert sight(stage).agency == ALPHA
    assert stage.value("select email, full_name, kind::text, status::text from tenancy.users") == (
        NEW,
        "Newman",
        "person",
        "active",
    )
    assert stage.value("select issuer, subject from tenancy.user_identities") == (
        KRATOS,
        "kratos|new",
    )


@pytest.mark.parametrize("name", [None, "", "   ", "x" * 500, {"first": "New"}, 7])
def test_whatever_a_stranger_is_called_has_a_display_name(stage: Stage, name: object) -> None:
    token = invite(stage.become("ann"), NEW)
    accept(stage.present(STRANGER | {"name": name}), token)
    stage.present(STRANGER | {"agency_id": str(ALPHA)})
    shown = stage.value(
        "select display_name from tenancy.memberships where id = app.membership_id()"
    )
    assert 1 <= len(shown.strip()) <= 200


NOT_VERIFIED: dict[str, dict[str, Any]] = {
    "not verified": {"email_verified": False},
    "verified in words": {"email_verified": "true"},
    "verified by a number": {"email_verified": 1},
    "verified, null": {"email_verified": None},
    "another address": {"email": "other@people.example"},
    "no address": {"email": None},
    "addresses": {"email": [NEW]},
    "no subject": {"sub": None},
    "a numeric subject": {"sub": 7},
    "an issuer nobody knows": {"iss": "https://evil.example"},
    "an inactive issuer": {"iss": RETIRED},
    "no issuer": {"iss": None},
    "an agent with it": {"act": {"sub": "machine:bot"}},
    "a key with it": {"api_key_id": str(named("api_key", "whole"))},
    "a user_id with it": {"user_id": None},
    "metadata only": {"email": None, "user_metadata": {"email": NEW, "email_verified": True}},
    "somebody else's login": {"sub": "kratos|bob"},
    "a disabled person's login": {"sub": "kratos|disabled"},
}


@pytest.mark.parametrize("name", NOT_VERIFIED)
def test_a_stranger_without_a_verified_address_is_refused(stage: Stage, name: str) -> None:
    token = invite(stage.become("ann"), NEW)
    with stage.present(STRANGER | NOT_VERIFIED[name]).refused("42501") as caught:
        accept(stage, token)
    assert first_line(caught.value) == REFUSAL


def test_an_existing_user_is_never_found_by_the_address(stage: Stage) -> None:
    """A new login with the address of a user: not that user, and no second one either."""
    token = invite(stage.become("ann"))
    before = stage.service().value("select count(*) from tenancy.users")
    with stage.present(STRANGER | {"email": LONER.email}).refused("42501"):
        accept(stage, token)
    assert stage.service().value("select count(*) from tenancy.users") == before
    assert membership(stage, LONER.id) is None


def test_a_removed_member_comes_back_with_the_new_rights_only(own_town: Town) -> None:
    who = MEMBERSHIPS["alpha", "removed"]
    with own_town.stage(keep=True) as stage:
        stage.service().run(
            "update tenancy.memberships set capabilities = '{export,merge}' where id = %s", who.id
        )
        token = invite(stage.become("ann"), USERS["removed"].email, "viewer")
        accept(stage.become("removed", None), token)
        assert stage.become("removed").value(
            "select id, role::text, record_scope::text, status::text, capabilities, removed_at"
            " from tenancy.memberships where id = app.membership_id()"
        ) == (who.id, "viewer", "own", "active", [], None)


@pytest.mark.parametrize("user", ["mel", "paused"])
def test_a_member_is_not_changed_by_an_invitation(stage: Stage, user: str) -> None:
    """Neither promoted nor brought back from a suspension."""
    before = membership(stage.become("ann"), USERS[user].id)
    token = invite(stage.become("ann"), USERS[user].email, "admin")
    with stage.become(user, None).refused("42501"):
        accept(stage, token)
    assert membership(stage.become("ann"), USERS[user].id) == before


# --- all refusals look the same ---------------------------------------------------------------

REFUSAL = "This invitation cannot be accepted."


def first_line(error: BaseException) -> str:
    return str(error).splitlines()[0]


def spoil(stage: Stage, assignment: str) -> None:
    stage.service().run(f"update tenancy.invitations set {assignment} where agency_id = %s", ALPHA)


@pytest.mark.parametrize(
    "case",
    [
        "another person",
        "nobody",
        "an agent",
        "an agent for the person",
        "a key of the person",
        "a disabled person",
        "expired",
        "revoked",
        "accepted",
        "agency suspended",
        "agency deleted",
        "a wrong secret",
        "another agency in front",
        "upper case",
        "a space behind",
        "only the secret",
        "only the agency",
        "empty",
        "null",
        "a very long text",
        "quotes",
    ],
)
def test_all_refusals_look_the_same(stage: Stage, case: str) -> None:
    email = USERS["disabled"].email if case == "a disabled person" else LONER.email
    token: str | None = invite(stage.become("ann"), email)
    assert token is not None
    if case == "expired":
        spoil(stage, "expires_at = now() - interval '1 second'")
    elif case == "revoked":
        spoil(stage, "revoked_at = now()")
    elif case == "accepted":
        spoil(stage, "accepted_at = now()")
    elif case == "agency suspended":
        stage.service().run("update tenancy.agencies set status = 'suspended'")
    elif case == "agency deleted":
        stage.service().run("update tenancy.agencies set deleted_at = now()")
    token = {
        "a wrong secret": token[:-1] + ("0" if token[-1] != "0" else "1"),
        "another agency in front": str(AGENCIES["beta"].id) + token[36:],
        "upper case": token.upper(),
        "a space behind": token + " ",
        "only the secret": token[37:],
        "only the agency": token[:37],
        "empty": "",
        "null": None,
        "a very long text": token * 10_000,
        "quotes": "' or '1'='1",
    }.get(case, token)
    claims = {
        "another person": claims_of("mel", None),
        "nobody": {},
        "an agent": claims_of("bot-free", None),
        "an agent for the person": claims_of("loner", None, act={"user_id": str(USERS["bot"].id)}),
        "a key of the person": claims_of("loner", api_key_id=str(named("api_key", "whole"))),
        "a disabled person": claims_of("disabled", None),
    }.get(case, claims_of("loner", None))

    with stage.present(claims).refused("42501") as caught:
        accept(stage, token)
    assert first_line(caught.value) == REFUSAL
    assert caught.value.diag.message_detail is None
    assert membership(stage, LONER.id) is None


def test_a_key_does_not_take_its_person_into_another_agency(stage: Stage) -> None:
    token = stage.become("bob", "beta").value("select app.invite(%s, 'viewer')", USERS["ann"].email)
    with stage.become("ann", api_key_id=str(named("api_key", "whole"))).refused("42501") as caught:
        accept(stage, token)
    assert first_line(caught.value) == REFUSAL
    assert accept(stage.become("ann"), token) == AGENCIES["beta"].id


def test_a_second_use_fails(stage: Stage) -> None:
    token = invite(stage.become("ann"))
    accept(stage.become("loner", None), token)
    with stage.refused("42501") as caught:
        accept(stage, token)
    assert first_line(caught.value) == REFUSAL


def test_an_invitation_does_not_outlive_a_removal(stage: Stage) -> None:
    """Accepted once is accepted for good: a removed member needs a new invitation."""
    token = invite(stage.become("ann"))
    accept(stage.become("loner", None), token)
    stage.become("loner").run("select app.leave_agency()")
    with stage.become("loner", None).refused("42501"):
        accept(stage, token)


# --- at the same moment -----------------------------------------------------------------------


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize("stranger", [False, True], ids=["user", "stranger"])
def test_of_two_accepts_at_the_same_moment_one_wins(
    own_town: Town, isolation: str, stranger: bool
) -> None:
    claims = STRANGER if stranger else claims_of("loner", None)
    with own_town.stage(keep=True) as stage:
        token = invite(stage.become("ann"), str(STRANGER["email"]) if stranger else LONER.email)
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def attempt() -> None:
        try:
            with own_town.stage(keep=True, isolation=isolation) as stage:
                stage.present(claims).value("select app.claims() is not null")
                barrier.wait(timeout=20)
                accept(stage, token)
                outcome = "accepted"
        except psycopg.Error as error:
            outcome = str(error.sqlstate)
        outcomes.append(outcome)

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(outcomes) == 2
    assert outcomes.count("accepted") == 1
    assert set(outcomes) <= {"accepted", "42501", "40001", "23505"}
    if isolation == "read committed":
        assert sorted(outcomes) == ["42501", "accepted"]
    with own_town.stage() as stage:
        stage.service()
        assert (
            stage.value(
                "select count(*) from tenancy.memberships as m join tenancy.users as u"
                " on u.id = m.user_id where u.email = %s",
                STRANGER["email"] if stranger else LONER.email,
            )
            == 1
        )


def test_an_accept_and_a_revocation_at_the_same_moment_agree(own_town: Town) -> None:
    """Whoever comes second sees what the first did: no member out of a revoked invitation."""
    with own_town.stage(keep=True) as stage:
        token = invite(stage.become("ann"))
    outcomes: list[str] = []
    with own_town.stage(keep=True) as admin:
        admin.become("ann").run("update tenancy.invitations set revoked_at = now()")

        def attempt() -> None:
            try:
                with own_town.stage(keep=True) as stage:
                    accept(stage.become("loner", None), token)
                    outcomes.append("accepted")
            except psycopg.Error as error:
                outcomes.append(str(error.sqlstate))

        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join(timeout=0.5)
        assert thread.is_alive()  # it waits for the lock on the row
    thread.join(timeout=60)
    assert outcomes == ["42501"]


# --- invitations that are out -----------------------------------------------------------------


def test_nobody_writes_an_invitation_past_the_function(stage: Stage) -> None:
    with stage.become("ann").refused("42501"):
        stage.run(
            "insert into tenancy.invitations (email, role, invited_by_id)"
            " values ('x@y.example', 'member', app.membership_id())"
        )
    invite(stage)
    for column, value in (
        ("role", "'admin'"),
        ("email", "'x@y.example'"),
        ("accepted_at", "now()"),
        ("invited_by_id", "app.membership_id()"),
        ("record_scope", "'all'"),
        ("team_id", "null"),
    ):
        with stage.refused("42501"):
            stage.run(f"update tenancy.invitations set {column} = {value}")


def test_the_secrets_are_nobody_s(stage: Stage) -> None:
    invite(stage.become("ann"))
    with stage.refused("42501"):
        stage.rows("select * from tenancy.invitation_secrets")
    with stage.service().refused("42501"):
        stage.rows("select * from tenancy.invitation_secrets")


def test_revoking_is_final(stage: Stage) -> None:
    token = invite(stage.become("ann"))
    assert stage.run("update tenancy.invitations set revoked_at = now()") == 1
    for change in ("revoked_at = null", "expires_at = now() + interval '1 day'"):
        with stage.refused("42501"):
            stage.run(f"update tenancy.invitations set {change}")
    with stage.become("loner", None).refused("42501"):
        accept(stage, token)


def test_an_expiry_stays_within_thirty_days(stage: Stage) -> None:
    invite(stage.become("ann"))
    assert stage.run("update tenancy.invitations set expires_at = now() + interval '29 days'") == 1
    with stage.refused("23514"):
        stage.run("update tenancy.invitations set expires_at = now() + interval '31 days'")
    with stage.refused("23514"):
        stage.run("update tenancy.invitations set expires_at = 'infinity'")


def test_a_manager_sees_the_own_invitations_and_changes_none(stage: Stage) -> None:
    invite(stage.become("ann"), NEW)
    invite(stage.become("max"), LONER.email)
    assert stage.rows("select email from tenancy.invitations") == [LONER.email]
    assert stage.run("update tenancy.invitations set revoked_at = now()") == 0
    assert stage.run("delete from tenancy.invitations") == 0


def test_an_admin_removes_an_invitation_with_its_secret(own_town: Town) -> None:
    with own_town.stage(keep=True) as stage:
        token = invite(stage.become("ann"))
        assert stage.become("adam").run("delete from tenancy.invitations") == 1
        with stage.become("loner", None).refused("42501"):
            accept(stage, token)
    with own_town.database.connect() as admin:
        assert admin.execute("select * from tenancy.invitation_secrets").fetchall() == []


def test_the_town_has_no_login_of_the_loner_at_kratos() -> None:
    """What the tests above rely on."""
    assert (KRATOS, "kratos|new") not in IDENTITIES
    assert (OWN, "sub-loner") not in IDENTITIES
