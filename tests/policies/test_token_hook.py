"""gotrue's token hook, called as gotrue calls it: supabase contract, section 8."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection, sql

from tests.policies.town import (
    AGENCIES,
    GOTRUE,
    KRATOS,
    MEMBERSHIPS,
    RETIRED,
    USERS,
    Stage,
    Town,
    claims_of,
    named,
)

ALPHA = AGENCIES["alpha"].id
BETA = AGENCIES["beta"].id


def subject(user: str) -> str:
    return str(named("subject", user))


def event(user: str, **claims: Any) -> dict[str, Any]:
    """What gotrue sends when this person signs in with a password."""
    return {
        "metadata": {
            "uuid": "2f0fd6a1-6a0e-4d28-9d0a-5a5c3c2f3a5e",
            "time": "2026-08-01T12:00:00Z",
            "name": "customize-access-token",
            "ip_address": "192.0.2.1",
        },
        "user_id": subject(user),
        "authentication_method": "password",
        "claims": {
            "iss": GOTRUE,
            "sub": subject(user),
            "aud": "authenticated",
            "exp": 2_000_003_600,
            "iat": 2_000_000_000,
            "email": f"{user}@people.example",
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {},
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": 2_000_000_000}],
            "session_id": "0f0c1b4e-5d0c-4a63-9a4b-1a1b1c1d1e1f",
            "is_anonymous": False,
            **claims,
        },
    }


def call(connection: Connection[Any], body: object) -> Any:
    """The hook, in the transaction and with the time limit of gotrue."""
    with connection.transaction():
        connection.execute("set local statement_timeout to '2000'")
        row = connection.execute(
            "select app.custom_access_token(%s::jsonb)",
            (body if isinstance(body, str | None) else json.dumps(body),),
        ).fetchone()
        connection.execute("set local statement_timeout to default")
    assert row is not None
    return row[0]


@contextmanager
def gotrue(town: Town) -> Iterator[Connection[Any]]:
    with town.database.connect("supabase_auth_admin", autocommit=True) as connection:
        yield connection


@pytest.fixture
def auth(town: Town) -> Iterator[Connection[Any]]:
    with gotrue(town) as connection:
        yield connection


def ours(claims: dict[str, Any]) -> tuple[Any, Any, Any]:
    return claims.get("user_id"), claims.get("agency_id"), claims.get("agency_role")


# --- what goes into the token -----------------------------------------------------------------


def test_a_token_names_user_agency_and_role(auth: Connection[Any]) -> None:
    answer = call(auth, event("ann"))
    assert set(answer) == {"claims"}
    assert ours(answer["claims"]) == (str(USERS["ann"].id), str(ALPHA), "owner")


def test_the_claims_of_gotrue_are_kept(auth: Connection[Any]) -> None:
    """The answer replaces the whole set, so whatever is left out is lost."""
    sent = event("ann", email="x@people.example", client_id="app", scope="openid", extra=[1, {}])
    claims = call(auth, sent)["claims"]
    for key, value in sent["claims"].items():
        assert claims[key] == value, key
    assert set(claims) == set(sent["claims"]) | {"user_id", "agency_id", "agency_role"}


def test_required_claims_have_the_types_gotrue_demands(auth: Connection[Any]) -> None:
    claims = call(auth, event("ann"))["claims"]
    assert isinstance(claims["exp"], int)
    assert isinstance(claims["iat"], int)
    assert isinstance(claims["is_anonymous"], bool)
    for key in ("sub", "email", "phone", "role", "aal", "session_id"):
        assert isinstance(claims[key], str), key


def test_the_token_opens_the_agency_it_names(auth: Connection[Any], stage: Stage) -> None:
    claims = call(auth, event("ann"))["claims"]
    assert stage.present(claims).value("select count(*) from tenancy.memberships") == 16


@pytest.mark.parametrize(
    "claims",
    [
        {"role": "service_role"},
        {"role": "postgres"},
        {"role": ""},
        {"role": None},
        {"role": {"role": "service_role"}},
    ],
    ids=str,
)
def test_the_role_is_set_deliberately(auth: Connection[Any], claims: dict[str, Any]) -> None:
    assert call(auth, event("ann", **claims))["claims"]["role"] == "authenticated"


def test_planted_claims_are_dropped(auth: Connection[Any]) -> None:
    planted = {
        "user_id": str(USERS["bob"].id),
        "agency_id": str(BETA),
        "agency_role": "owner",
        "act": {"sub": "machine:bot"},
        "api_key_id": str(named("api_key", "whole")),
        "link": {"iss": KRATOS, "sub": "kratos|bob"},
    }
    claims = call(auth, event("ann", **planted))["claims"]
    assert ours(claims) == (str(USERS["ann"].id), str(ALPHA), "owner")
    assert not {"act", "api_key_id", "link"} & set(claims)
    claims = call(auth, event("nobody", **planted))["claims"]
    assert not set(planted) & set(claims)


def test_metadata_is_never_read(auth: Connection[Any]) -> None:
    forged = {"user_id": str(USERS["bob"].id), "agency_id": str(BETA), "agency_role": "owner"}
    claims = call(auth, event("ann", user_metadata=forged, app_metadata=forged))["claims"]
    assert ours(claims) == (str(USERS["ann"].id), str(ALPHA), "owner")
    assert claims["user_metadata"] == forged  # kept, for the client


# --- which agency -----------------------------------------------------------------------------


def test_several_agencies_and_no_choice_means_no_agency(auth: Connection[Any]) -> None:
    claims = call(auth, event("both"))["claims"]
    assert ours(claims) == (str(USERS["both"].id), None, None)


@pytest.mark.parametrize(("agency", "role"), [("alpha", "member"), ("beta", "owner")])
def test_the_hook_follows_the_choice(own_town: Town, agency: str, role: str) -> None:
    with own_town.stage(keep=True) as stage:
        stage.become("both", None).run("select app.switch_agency(%s)", AGENCIES[agency].id)
    with gotrue(own_town) as auth:
        claims = call(auth, event("both"))["claims"]
    assert ours(claims) == (str(USERS["both"].id), str(AGENCIES[agency].id), role)


def test_a_choice_that_is_no_longer_open_is_not_followed(own_town: Town) -> None:
    """One agency is left, so the token is for that one."""
    with own_town.stage(keep=True) as stage:
        stage.become("both", None).run("select app.switch_agency(%s)", ALPHA)
        stage.become("ann").run(
            "update tenancy.memberships set status = 'suspended' where id = %s",
            MEMBERSHIPS["alpha", "both"].id,
        )
    with gotrue(own_town) as auth:
        claims = call(auth, event("both"))["claims"]
    assert ours(claims) == (str(USERS["both"].id), str(BETA), "owner")


@pytest.mark.parametrize("change", ["status = 'suspended'", "deleted_at = now()"])
def test_an_agency_that_is_not_active_is_not_named(own_town: Town, change: str) -> None:
    with own_town.stage(keep=True) as stage:
        stage.service().run(f"update tenancy.agencies set {change} where id = %s", ALPHA)
    with gotrue(own_town) as auth:
        claims = call(auth, event("ann"))["claims"]
    assert ours(claims) == (str(USERS["ann"].id), None, None)


def test_a_person_without_an_agency_signs_in(auth: Connection[Any]) -> None:
    claims = call(auth, event("loner"))["claims"]
    assert ours(claims) == (str(USERS["loner"].id), None, None)


def test_an_unknown_subject_signs_in_as_nobody(auth: Connection[Any], stage: Stage) -> None:
    """Signing up must work: the person has no user row yet, and accepts an invitation with it."""
    claims = call(auth, event("newcomer"))["claims"]
    assert ours(claims) == (None, None, None)
    assert stage.present(claims).value("select app.user_id()") is None


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": RETIRED, "sub": "retired-ann"},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": {"a": 1}},
        {"sub": 7},
        {"iss": KRATOS},
    ],
    ids=str,
)
def test_a_login_that_is_not_believed_names_nobody(
    auth: Connection[Any], claims: dict[str, Any]
) -> None:
    assert ours(call(auth, event("ann", **claims))["claims"]) == (None, None, None)


# --- refusals and malformed events ------------------------------------------------------------


def test_a_disabled_person_is_refused(auth: Connection[Any]) -> None:
    answer = call(auth, event("disabled"))
    assert answer == {"error": {"http_code": 403, "message": "This account is disabled."}}


def test_an_erased_person_is_refused(own_town: Town) -> None:
    with own_town.stage(keep=True) as stage:
        stage.service().run(
            "update tenancy.users set status = 'erased' where id = %s", USERS["loner"].id
        )
    with gotrue(own_town) as auth:
        assert call(auth, event("loner"))["error"]["http_code"] == 403


@pytest.mark.parametrize(
    "body",
    [
        None,
        "null",
        "[]",
        "{}",
        "1",
        '"x"',
        '{"claims": null}',
        '{"claims": []}',
        '{"claims": "x"}',
        '{"claims": 1}',
        '[{"claims": {}}]',
    ],
)
def test_a_malformed_event_is_answered_not_raised(auth: Connection[Any], body: str | None) -> None:
    answer = call(auth, body)
    assert answer["error"]["http_code"] == 400
    assert answer["error"]["message"]


def test_an_empty_set_of_claims_is_answered(auth: Connection[Any]) -> None:
    assert call(auth, '{"claims": {}}') == {"claims": {"role": "authenticated"}}


def test_unusual_events_never_abort_a_login(auth: Connection[Any]) -> None:
    unusual: list[dict[str, Any]] = [
        {"sub": "x" * 100_000},
        {"iss": "x" * 100_000},
        {"sub": "' or 1=1 --"},
        {"amr": None},
        {"aud": ["authenticated", "other"]},
        {"user_id": {"deep": [[[[{}]]]]}},
        {str(number): number for number in range(2000)},
    ]
    for claims in unusual:
        assert "claims" in call(auth, event("ann", **claims))


# --- within two seconds, whatever is locked ---------------------------------------------------


@pytest.mark.parametrize(
    ("table", "agency", "user"),
    [
        ("memberships", False, True),
        ("agencies", False, True),
        ("users", False, False),
        ("user_identities", False, False),
        ("issuers", False, False),
    ],
)
def test_a_locked_table_delays_no_login(
    town: Town, auth: Connection[Any], table: str, agency: bool, user: bool
) -> None:
    with town.database.connect() as admin:
        admin.execute(
            sql.SQL("lock table tenancy.{} in access exclusive mode").format(sql.Identifier(table))
        )
        started = time.monotonic()
        claims = call(auth, event("ann"))["claims"]
        assert time.monotonic() - started < 2
        admin.rollback()
    assert (claims.get("agency_id") is not None, claims.get("user_id") is not None) == (
        agency,
        user,
    )
    assert claims["sub"] == subject("ann")
    assert "agency_role" not in claims
    assert ours(call(auth, event("ann"))["claims"])[1] == str(ALPHA)


def test_the_lock_timeout_of_the_session_is_not_changed(auth: Connection[Any]) -> None:
    call(auth, event("ann"))
    assert auth.execute("show lock_timeout").fetchone() == ("0",)


def test_a_locked_row_delays_nothing(own_town: Town) -> None:
    """gotrue locks its own row and writers of ours theirs; reading waits for neither."""
    with own_town.stage() as stage, gotrue(own_town) as auth:
        stage.service().run("update tenancy.users set full_name = 'x'")
        stage.run("update tenancy.memberships set job_title = 'x'")
        started = time.monotonic()
        assert ours(call(auth, event("ann"))["claims"])[1] == str(ALPHA)
        assert time.monotonic() - started < 1


# --- who may call it --------------------------------------------------------------------------


def test_only_gotrue_calls_the_hook(stage: Stage) -> None:
    for who in (stage.become("ann"), stage.service()):
        with who.refused("42501"):
            who.run("select app.custom_access_token('{}')")
    stage.run("set local role anon")
    with stage.refused("42501"):
        stage.run("select app.custom_access_token('{}')")


@pytest.mark.parametrize(
    "login", ["gardenos_app", "gardenos_worker", "gardenos_auditor", "authenticator"]
)
def test_no_other_login_calls_the_hook(town: Town, login: str) -> None:
    with town.database.connect(login) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select app.custom_access_token('{}')")
        connection.rollback()


def test_gotrue_reads_no_table_of_ours(auth: Connection[Any]) -> None:
    for table in ("users", "memberships", "agencies", "issuers", "user_identities"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            auth.execute(sql.SQL("select * from tenancy.{}").format(sql.Identifier(table)))


def test_row_level_security_is_forced_while_it_answers(town: Town, auth: Connection[Any]) -> None:
    """The agency does not come from a policy that somebody forgot to force."""
    with town.database.connect() as admin:
        rows = admin.execute(
            "select relrowsecurity and relforcerowsecurity from pg_class as c"
            " join pg_namespace as n on n.oid = c.relnamespace"
            " where n.nspname = 'tenancy' and c.relkind = 'r'"
        ).fetchall()
        assert set(rows) == {(True,)}
        (owner,) = admin.execute(
            "select proowner::regrole::text from pg_proc where proname = 'custom_access_token'"
        ).fetchone() or ("",)
        assert owner == "gardenos_membership_reader"
        (bypass,) = admin.execute(
            "select rolbypassrls or rolsuper from pg_roles where rolname = %s", (owner,)
        ).fetchone() or (True,)
        assert not bypass
    assert ours(call(auth, event("ann"))["claims"])[1] == str(ALPHA)


def test_there_is_one_hook_and_no_overload(town: Town) -> None:
    with town.database.connect() as admin:
        rows = admin.execute(
            "select pg_get_function_identity_arguments(oid), prorettype::regtype::text"
            " from pg_proc where proname = 'custom_access_token'"
        ).fetchall()
    assert rows == [("event jsonb", "jsonb")]


def test_the_hook_ignores_who_is_signed_in(own_town: Town) -> None:
    """Claims of the session, were there any, are not the event's."""
    with gotrue(own_town) as auth, auth.transaction():
        auth.execute(
            "select set_config('request.jwt.claims', %s, true)",
            (json.dumps(claims_of("bob", "beta")),),
        )
        row = auth.execute(
            "select app.custom_access_token(%s::jsonb)", (json.dumps(event("ann")),)
        ).fetchone()
    assert row is not None
    assert UUID(row[0]["claims"]["agency_id"]) == ALPHA
