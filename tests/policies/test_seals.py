"""Sealed sessions: SQL injected into a service of ours stays the person it was injected as.

The login `gardenos_app` runs SQL, so its claims are believed only with a seal: it holds for one
transaction of one backend and for one text of claims, and only a signature by the service's key
gets one. A "signature" below is made by the service, a "seal" by the database.
"""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import Connection, sql

from tests.clients.sessions import Signer, bind, bound_session
from tests.policies.oracle import NOTHING, QUERY, Sight, expected, seen
from tests.policies.town import AGENCIES, MEMBERSHIPS, Town, claims_of

ANN = json.dumps(claims_of("ann"))
BOB = json.dumps(claims_of("bob", "beta"))


def rotate(town: Town, login: str = "gardenos_app", overlap: str = "1 hour") -> str | None:
    """What a DBA does: become the owner, rotate."""
    with town.database.connect() as connection:
        connection.execute("set role gardenos_owner")
        row = connection.execute(
            "select app.rotate_seal_key(%s, %s::interval)", (login, overlap)
        ).fetchone()
    assert row is not None
    return row[0] if row[0] is None else str(row[0])


def signer_of(town: Town, overlap: str = "1 hour") -> Signer:
    key = rotate(town, overlap=overlap)
    assert key is not None
    return Signer(key)


@pytest.fixture(scope="module")
def signer(town: Town) -> Signer:
    return signer_of(town)


@contextmanager
def app_login(town: Town) -> Iterator[Connection[Any]]:
    with town.database.connect("gardenos_app", autocommit=True) as connection:
        yield connection


@pytest.fixture
def app(town: Town) -> Iterator[Connection[Any]]:
    with app_login(town) as connection:
        yield connection


def look(connection: Connection[Any]) -> Sight:
    """What the current role sees; the role is set first where the session is not bound."""
    row = connection.execute(QUERY).fetchone()
    assert row is not None
    return seen(row)


def setting(connection: Connection[Any], name: str) -> str | None:
    row = connection.execute("select current_setting(%s, true)", (name,)).fetchone()
    assert row is not None
    return None if row[0] is None else str(row[0])


def inject(connection: Connection[Any], claims: str, seal: str | None = None) -> None:
    """What an attacker writes into a query: other claims, perhaps a seal, the role that reads."""
    connection.execute("select set_config('request.jwt.claims', %s, true)", (claims,))
    if seal is not None:
        connection.execute("select set_config('gardenos.seal', %s, true)", (seal,))
    connection.execute("set local role authenticated")


@contextmanager
def not_bound(connection: Connection[Any], sqlstate: str = "42501") -> Iterator[None]:
    """Binding fails, and leaves neither claims nor role behind."""
    with connection.transaction():
        with pytest.raises(psycopg.Error) as caught, connection.transaction():
            yield
        assert caught.value.sqlstate == sqlstate, str(caught.value)
        assert not setting(connection, "request.jwt.claims")
        assert connection.execute("select current_user").fetchone() == ("gardenos_app",)
        connection.execute("set local role authenticated")
        assert look(connection) == NOTHING


# --- the straight way -------------------------------------------------------------------------


def test_a_bound_session_sees_its_own_agency(app: Connection[Any], signer: Signer) -> None:
    with bound_session(app, signer.sign(ANN)):
        assert look(app) == expected(ANN)
        assert app.execute("select current_user, session_user").fetchone() == (
            "authenticated",
            "gardenos_app",
        )


def test_a_bound_session_has_timeouts(app: Connection[Any], signer: Signer) -> None:
    with bound_session(app, signer.sign(ANN)):
        assert (setting(app, "statement_timeout"), setting(app, "lock_timeout")) == ("8s", "8s")
    assert setting(app, "statement_timeout") == "0"


def test_a_bound_session_writes_in_its_own_name(app: Connection[Any], signer: Signer) -> None:
    with app.transaction(force_rollback=True), bound_session(app, signer.sign(ANN)):
        row = app.execute(
            "insert into tenancy.teams (name) values ('sealed') returning agency_id, created_by"
        ).fetchone()
        assert row is not None
        assert row[0] == AGENCIES["alpha"].id
        assert app.execute("select app.membership_id()").fetchone() == (row[1],)


def test_claims_travel_as_bind_parameters(town: Town, app: Connection[Any], signer: Signer) -> None:
    """The text of the statement, which monitoring and logs can read, holds no claims."""
    with town.database.connect("gardenos_monitor", autocommit=True) as monitor:
        app.execute("begin")
        bind(app, signer.sign(ANN))
        row = monitor.execute(
            "select query from pg_stat_activity where pid = %s", (app.info.backend_pid,)
        ).fetchone()
        app.execute("rollback")
    assert row == ("select app.bind_session($1, $2, $3)",)


def test_text_in_a_claim_is_data(app: Connection[Any], signer: Signer) -> None:
    tricky = json.dumps(claims_of("ann", name="'); set role service_role; -- $1 \\ %s 🌻"))
    with bound_session(app, signer.sign(tricky)):
        assert look(app) == expected(ANN)
        row = app.execute("select app.claims() ->> 'name'").fetchone()
        assert row == ("'); set role service_role; -- $1 \\ %s 🌻",)


def test_the_next_transaction_of_a_pooled_connection_is_nobody(
    app: Connection[Any], signer: Signer
) -> None:
    with bound_session(app, signer.sign(ANN)):
        assert look(app) != NOTHING
    with app.transaction():
        assert not setting(app, "request.jwt.claims")
        assert not setting(app, "gardenos.seal")
        assert app.execute("select current_user").fetchone() == ("gardenos_app",)
        app.execute("set local role authenticated")
        assert look(app) == NOTHING
    with bound_session(app, signer.sign(BOB)):
        assert look(app) == expected(BOB)


def test_a_rolled_back_transaction_leaves_nothing_either(
    app: Connection[Any], signer: Signer
) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), bound_session(app, signer.sign(ANN)):
        app.execute("select 1 / 0")
    with app.transaction():
        app.execute("set local role authenticated")
        assert look(app) == NOTHING


def test_binding_outside_of_a_transaction_has_no_lasting_effect(
    app: Connection[Any], signer: Signer
) -> None:
    bind(app, signer.sign(ANN))
    assert app.execute("select current_user").fetchone() == ("gardenos_app",)
    assert not setting(app, "request.jwt.claims")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("select count(*) from tenancy.memberships")


def test_another_person_in_the_same_transaction_needs_another_signature(
    app: Connection[Any], signer: Signer
) -> None:
    with app.transaction():
        bind(app, signer.sign(ANN))
        with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
            bind(app, signer.sign(BOB))  # as authenticated: the function is the login's alone
        app.execute("reset role")
        signed = signer.sign(ANN)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
            app.execute(
                "select app.bind_session(%s, %s, %s)", (BOB, signed.expires_at, signed.signature)
            )
        bind(app, signer.sign(BOB))
        assert look(app) == expected(BOB)


def test_a_savepoint_takes_the_binding_back(app: Connection[Any], signer: Signer) -> None:
    with app.transaction():
        with app.transaction(force_rollback=True):
            bind(app, signer.sign(ANN))
            assert look(app) == expected(ANN)
        app.execute("set local role authenticated")
        assert look(app) == NOTHING


def test_a_sealed_session_is_proved_live(own_town: Town) -> None:
    signer = signer_of(own_town)
    with app_login(own_town) as app, bound_session(app, signer.sign(ANN)):
        assert look(app) != NOTHING
        with own_town.stage(keep=True) as stage:
            stage.service().run(
                "update tenancy.memberships set status = 'suspended' where id = %s",
                MEMBERSHIPS["alpha", "ann"].id,
            )
        assert look(app).agency is None


# --- forged, replayed, stripped ---------------------------------------------------------------


def test_claims_without_a_seal_are_nothing(app: Connection[Any]) -> None:
    with app.transaction():
        inject(app, ANN)
        assert look(app) == NOTHING


def test_other_claims_under_a_good_seal_are_nothing(app: Connection[Any], signer: Signer) -> None:
    for forged in (BOB, ANN + " ", json.dumps(json.loads(ANN), indent=1)):
        with app.transaction():
            bind(app, signer.sign(ANN))
            app.execute("select set_config('request.jwt.claims', %s, true)", (forged,))
            assert look(app) == NOTHING


def test_injected_claims_show_nothing_and_come_back_with_the_old_ones(
    app: Connection[Any], signer: Signer
) -> None:
    with bound_session(app, signer.sign(ANN)):
        app.execute("select set_config('request.jwt.claims', %s, true)", (BOB,))
        assert look(app) == NOTHING
        assert app.execute("update tenancy.agencies set name = 'owned'").rowcount == 0
        app.execute("select set_config('request.jwt.claims', %s, true)", (ANN,))
        assert look(app) == expected(ANN)


@pytest.mark.parametrize("scope", ["local", "session"])
def test_injected_settings_of_every_kind_show_nothing(
    app: Connection[Any], signer: Signer, scope: str
) -> None:
    with app.transaction(force_rollback=True):
        bind(app, signer.sign(ANN))
        app.execute(
            sql.SQL("set {} request.jwt.claims = {}").format(sql.SQL(scope), sql.Literal(BOB))
        )
        assert look(app) == NOTHING


@pytest.mark.parametrize("seal", ["", "x", "0" * 64, "null", "ä" * 64, "A" * 1_000_000])
def test_a_made_up_seal_is_none(app: Connection[Any], signer: Signer, seal: str) -> None:
    with app.transaction():
        bind(app, signer.sign(ANN))
        app.execute("select set_config('gardenos.seal', %s, true)", (seal,))
        assert look(app) == NOTHING


def test_a_stripped_seal_is_none(app: Connection[Any], signer: Signer) -> None:
    with app.transaction(force_rollback=True):
        bind(app, signer.sign(ANN))
        app.execute("reset gardenos.seal")
        assert look(app) == NOTHING


def test_a_seal_in_other_case_is_none(app: Connection[Any], signer: Signer) -> None:
    with app.transaction():
        bind(app, signer.sign(ANN))
        app.execute(
            "select set_config('gardenos.seal', upper(current_setting('gardenos.seal')), true)"
        )
        assert look(app) == NOTHING


def test_a_seal_is_of_no_use_to_another_connection(
    town: Town, app: Connection[Any], signer: Signer
) -> None:
    with bound_session(app, signer.sign(ANN)), app_login(town) as other, other.transaction():
        seal = setting(app, "gardenos.seal")
        inject(other, ANN, seal)
        assert look(other) == NOTHING
        assert look(app) == expected(ANN)


def test_a_seal_is_taken_over_backend_transaction_and_claims(town: Town) -> None:
    """Two transactions of two backends cannot be made to begin in the same microsecond."""
    with town.database.connect() as connection:
        row = connection.execute(
            "select app.sealed_text(%s), extract(epoch from now())::text", (ANN,)
        ).fetchone()
        assert row is not None
        assert row[0] == f"{connection.info.backend_pid}|{row[1]}|{ANN}"


def test_the_key_of_a_service_makes_no_seal(own_town: Town) -> None:
    """Signing is the service's part; sealing stays the database's."""
    key = rotate(own_town)
    assert key is not None
    with app_login(own_town) as app, app.transaction():
        row = app.execute("select pg_backend_pid(), extract(epoch from now())::text").fetchone()
        assert row is not None
        message = f"{row[0]}|{row[1]}|{ANN}".encode()
        inject(app, ANN, hmac.new(bytes.fromhex(key), message, "sha256").hexdigest())
        assert look(app) == NOTHING


def test_a_seal_is_of_no_use_to_another_transaction(app: Connection[Any], signer: Signer) -> None:
    with bound_session(app, signer.sign(ANN)):
        seal = setting(app, "gardenos.seal")
    with app.transaction():
        inject(app, ANN, seal)
        assert look(app) == NOTHING


def test_a_seal_does_not_survive_commit_and_chain(app: Connection[Any], signer: Signer) -> None:
    app.execute("begin")
    bind(app, signer.sign(ANN))
    seal = setting(app, "gardenos.seal")
    app.execute("commit and chain")
    inject(app, ANN, seal)
    assert look(app) == NOTHING
    app.execute("rollback")


def test_a_session_setting_of_a_good_seal_dies_with_its_transaction(
    app: Connection[Any], signer: Signer
) -> None:
    with app.transaction():
        bind(app, signer.sign(ANN))
        seal = setting(app, "gardenos.seal")
        app.execute("select set_config('gardenos.seal', %s, false)", (seal,))
        app.execute("select set_config('request.jwt.claims', %s, false)", (ANN,))
        app.execute("select set_config('role', 'authenticated', false)")
    assert setting(app, "gardenos.seal") == seal
    assert app.execute("select current_user").fetchone() == ("authenticated",)
    assert look(app) == NOTHING


def test_a_seal_is_of_no_use_in_a_prepared_statement(app: Connection[Any], signer: Signer) -> None:
    """A plan made while bound proves again when it is run unbound."""
    app.execute("set plan_cache_mode = force_generic_plan")
    with bound_session(app, signer.sign(ANN)):
        app.execute("prepare members as select count(*) from tenancy.memberships")
        assert app.execute("execute members").fetchone() == (len(expected(ANN).memberships),)
    with app.transaction():
        app.execute("set local role authenticated")
        assert app.execute("execute members").fetchone() == (0,)


def test_a_cursor_held_open_shows_what_its_own_transaction_saw(
    app: Connection[Any], signer: Signer
) -> None:
    """WITH HOLD copies rows at COMMIT: a pool must not hand out a connection with open cursors."""
    with bound_session(app, signer.sign(ANN)):
        app.execute("declare held cursor with hold for select agency_id from tenancy.memberships")
    assert {row[0] for row in app.execute("fetch all from held")} == {AGENCIES["alpha"].id}
    app.execute("discard all")
    with pytest.raises(psycopg.errors.InvalidCursorName):
        app.execute("fetch all from held")


# --- signatures that are refused --------------------------------------------------------------


def test_a_signature_of_other_claims_is_refused(app: Connection[Any], signer: Signer) -> None:
    signed = signer.sign(ANN)
    with not_bound(app):
        app.execute(
            "select app.bind_session(%s, %s, %s)", (BOB, signed.expires_at, signed.signature)
        )


def test_a_signature_for_another_expiry_is_refused(app: Connection[Any], signer: Signer) -> None:
    signed = signer.sign(ANN)
    with not_bound(app):
        app.execute(
            "select app.bind_session(%s, %s, %s)", (ANN, signed.expires_at + 1, signed.signature)
        )


@pytest.mark.parametrize("seconds", [-1, -3600, 301 + 5, 86_400, 10**15])
def test_an_expiry_that_has_passed_or_is_too_far_ahead_is_refused(
    app: Connection[Any], signer: Signer, seconds: int
) -> None:
    with not_bound(app):
        bind(app, signer.sign(ANN, expires_at=int(time.time()) + seconds))


def test_a_signature_serves_until_its_expiry_and_not_longer(
    app: Connection[Any], signer: Signer
) -> None:
    signed = signer.sign(ANN, expires_at=int(time.time()) + 2)
    with bound_session(app, signed):
        assert look(app) == expected(ANN)
        time.sleep(2.1)
        assert look(app) == expected(ANN)  # the seal holds for the transaction that got it
    with not_bound(app):
        bind(app, signed)


@pytest.mark.parametrize("signature", ["", "x", "0" * 64])
def test_a_made_up_signature_is_refused(app: Connection[Any], signature: str) -> None:
    with not_bound(app):
        app.execute("select app.bind_session(%s, %s, %s)", (ANN, int(time.time()) + 30, signature))


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_no_argument_may_be_null(app: Connection[Any], signer: Signer, missing: int) -> None:
    signed = signer.sign(ANN)
    arguments: list[Any] = [signed.claims, signed.expires_at, signed.signature]
    arguments[missing] = None
    with not_bound(app, "22004"):
        app.execute("select app.bind_session(%s, %s, %s)", arguments)


def test_a_wrong_key_is_refused(app: Connection[Any]) -> None:
    with not_bound(app):
        bind(app, Signer(secrets.token_hex(32)).sign(ANN))


def test_the_key_of_another_login_is_refused(own_town: Town) -> None:
    """A second service login, with a key of its own: each signs for itself only."""
    theirs, ours = secrets.token_bytes(32), signer_of(own_town)
    with own_town.database.connect() as connection:
        connection.execute(
            "insert into migration.seal_keys (login, inner_key, outer_key)"
            " values ('gardenos_other', app.padded_key(%s, 54), app.padded_key(%s, 92))",
            (theirs, theirs),
        )
    with app_login(own_town) as app:
        with not_bound(app):
            bind(app, Signer(theirs.hex()).sign(ANN))
        with bound_session(app, ours.sign(ANN)):
            assert look(app) == expected(ANN)


@pytest.mark.parametrize(
    "role", ["service_role", "anon", "postgres", "gardenos_owner", "Authenticated", "", 1, None]
)
def test_no_other_role_can_be_bound(app: Connection[Any], signer: Signer, role: object) -> None:
    with not_bound(app):
        bind(app, signer.sign(json.dumps(claims_of("ann", role=role))))


@pytest.mark.parametrize("claims", ["", "null", "[]", "{", "{}", " " * 9000 + ANN])
def test_signed_nonsense_is_not_bound(app: Connection[Any], signer: Signer, claims: str) -> None:
    with not_bound(app):
        bind(app, signer.sign(claims))


# --- rotation ---------------------------------------------------------------------------------


def test_a_rotated_key_serves_on_during_the_overlap(own_town: Town) -> None:
    old = signer_of(own_town)
    new = signer_of(own_town)
    with app_login(own_town) as app:
        for signer in (old, new):
            with bound_session(app, signer.sign(ANN)):
                assert look(app) == expected(ANN)


def test_a_key_rotated_without_overlap_is_dead_at_once(own_town: Town) -> None:
    old = signer_of(own_town)
    new = signer_of(own_town, overlap="0")
    with app_login(own_town) as app:
        with not_bound(app):
            bind(app, old.sign(ANN))
        with bound_session(app, new.sign(ANN)):
            assert look(app) == expected(ANN)


def test_an_overlap_ends(own_town: Town) -> None:
    old = signer_of(own_town)
    signer_of(own_town, overlap="700 milliseconds")
    with app_login(own_town) as app:
        with bound_session(app, old.sign(ANN)):
            assert look(app) == expected(ANN)
        time.sleep(0.8)
        with not_bound(app):
            bind(app, old.sign(ANN))


def test_rotating_the_key_of_the_seals_spares_open_transactions(own_town: Town) -> None:
    signer = signer_of(own_town)
    with app_login(own_town) as app:
        with bound_session(app, signer.sign(ANN)):
            assert rotate(own_town, "database") is None
            assert look(app) == expected(ANN)
        with bound_session(app, signer.sign(ANN)):
            assert look(app) == expected(ANN)


def test_rotating_the_key_of_the_seals_without_overlap_ends_open_sessions(own_town: Town) -> None:
    signer = signer_of(own_town)
    with app_login(own_town) as app:
        with bound_session(app, signer.sign(ANN)):
            rotate(own_town, "database", "0")
            assert look(app) == NOTHING
        with bound_session(app, signer.sign(ANN)):
            assert look(app) == expected(ANN)


def test_each_rotation_makes_another_key_and_leaves_one_in_use(own_town: Town) -> None:
    keys = {rotate(own_town) for _ in range(5)}
    assert len(keys) == 5
    assert all(key is not None and len(bytes.fromhex(key)) == 32 for key in keys)
    with own_town.database.connect() as connection:
        row = connection.execute(
            "select count(*) filter (where expires_at is null), count(*) from migration.seal_keys"
            " where login = 'gardenos_app'"
        ).fetchone()
    assert row == (1, 5)


@pytest.mark.parametrize(
    ("login", "overlap"),
    [
        ("postgres", "1 hour"),
        ("authenticator", "1 hour"),
        ("", "1 hour"),
        (None, "1 hour"),
        ("gardenos_app", "-1 second"),
        ("gardenos_app", "8 days"),
        ("gardenos_app", None),
    ],
)
def test_a_rotation_that_makes_no_sense_is_refused(
    town: Town, login: str | None, overlap: str | None
) -> None:
    with town.database.connect() as connection:
        connection.execute("set role gardenos_owner")
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            connection.execute("select app.rotate_seal_key(%s, %s::interval)", (login, overlap))
        connection.rollback()


# --- other ways out ---------------------------------------------------------------------------

WAYS_OUT = {
    "set role service_role": "set local role service_role",
    "set_config role": "select set_config('role', 'service_role', true)",
    "set_config role for the session": "select set_config('role', 'service_role', false)",
    "the owner": "set role gardenos_owner",
    "the migrator": "set role gardenos_migrator",
    "the membership reader": "set role gardenos_membership_reader",
    "the tenancy writer": "set role gardenos_tenancy_writer",
    "the sealer": "set role gardenos_sealer",
    "the auditor": "set role gardenos_auditor",
    "anon": "set role anon",
    "authenticator": "set role authenticator",
    "session authorization": "set session authorization authenticator",
    "session authorization of the superuser": "set session authorization postgres",
    "a row_security that is off": (
        "set local row_security = off; select count(*) from tenancy.memberships"
    ),
    "the proof of another": "select app.claimed_user('{}')",
    "a seal of one's own": "select app.hmac_sha256('\\x00', '\\x00', 'x')",
    "the text of a seal": "select app.sealed_text('x')",
    "a rotation": "select app.rotate_seal_key('gardenos_app')",
    "the keys": "select * from migration.seal_keys",
    "the secrets": "select * from tenancy.api_key_secrets",
    "a file": "select pg_read_file('postgresql.conf')",
    "a program": "copy (select 1) to program 'true'",
    "a temporary function": (
        "create function pg_temp.claims() returns int language sql as 'select 1'"
    ),
    "a function of the app": "create function app.mine() returns int language sql as 'select 1'",
    "another claim reader": "alter function app.claims() owner to gardenos_app",
    "a grant": "grant service_role to gardenos_app",
    "a stack depth": "set max_stack_depth = '100kB'",
    "no triggers": "set session_replication_role = replica",
}


@pytest.mark.parametrize("bound", [True, False], ids=["bound", "unbound"])
@pytest.mark.parametrize("way", WAYS_OUT)
def test_injected_sql_becomes_nobody_else(
    app: Connection[Any], signer: Signer, way: str, bound: bool
) -> None:
    for reset in (False, True):
        with app.transaction(force_rollback=True):
            if bound:
                bind(app, signer.sign(ANN))
            if reset:
                app.execute("reset role")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(WAYS_OUT[way].encode())


def test_the_unbound_login_reads_no_table(app: Connection[Any]) -> None:
    for table in ("agencies", "users", "memberships", "issuers", "invitations", "api_keys"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(sql.SQL("select * from tenancy.{}").format(sql.Identifier(table)))


def test_resetting_the_role_shows_less_not_more(app: Connection[Any], signer: Signer) -> None:
    for back in ("reset role", "set role none", "set role gardenos_app"):
        with app.transaction(force_rollback=True):
            bind(app, signer.sign(ANN))
            app.execute(back.encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute("select * from tenancy.memberships")


def test_discarding_everything_leaves_nobody(app: Connection[Any]) -> None:
    app.execute("discard all")
    with app.transaction():
        app.execute("set local role authenticated")
        assert look(app) == NOTHING


def test_claims_of_a_worker_need_a_seal_too(town: Town) -> None:
    """It may become `authenticated`, for imports, and is nobody then until it is bound to one."""
    with town.database.connect("gardenos_worker") as connection:
        inject(connection, ANN)
        assert look(connection) == NOTHING
        connection.rollback()


@pytest.mark.parametrize("login", ["gardenos_auditor", "gardenos_monitor", "gardenos_migrator"])
def test_claims_of_every_other_login_need_a_seal_too(town: Town, login: str) -> None:
    """Only PostgREST, realtime, storage-api and superusers are believed without one."""
    with town.database.connect(login) as connection:
        connection.execute("select set_config('request.jwt.claims', %s, true)", (ANN,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("set role authenticated")
        connection.rollback()


def test_a_login_that_somebody_adds_needs_a_seal(own_town: Town) -> None:
    name, password = f"{own_town.database.name}_careless", secrets.token_urlsafe()
    role = sql.Identifier(name)
    with own_town.database.connect(autocommit=True) as admin:
        admin.execute(
            sql.SQL("create role {} login password {} in role authenticated").format(role, password)
        )
        try:
            with own_town.database.connect(name, password=password) as connection:
                inject(connection, ANN)
                assert look(connection) == NOTHING
                connection.rollback()
        finally:
            admin.execute(sql.SQL("drop role {}").format(role))


def test_only_the_sealer_reads_the_keys(town: Town) -> None:
    with town.database.connect() as admin:
        readers = admin.execute(
            "select rolname from pg_roles"
            " where not rolsuper"
            " and not pg_has_role(oid, 'pg_read_all_data', 'usage')"
            " and has_schema_privilege(oid, 'migration', 'usage')"
            " and has_table_privilege(oid, 'migration.seal_keys', 'select')"
            " and rolname not in ('gardenos_owner', 'gardenos_migrator')"
        ).fetchall()
        assert readers == [("gardenos_sealer",)]
        for role, count in (("gardenos_owner", 0), ("gardenos_sealer", 1)):
            admin.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            row = admin.execute("select count(*) from migration.seal_keys").fetchone()
            assert row is not None
            assert (row[0] > 0) == (count > 0)
        admin.rollback()
    with town.database.connect("gardenos_auditor") as auditor:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            auditor.execute("select * from migration.seal_keys")
        auditor.rollback()


def test_the_stored_halves_are_not_the_key(own_town: Town) -> None:
    key = rotate(own_town)
    assert key is not None
    with own_town.database.connect() as admin:
        rows = admin.execute(
            "select encode(inner_key, 'hex'), encode(outer_key, 'hex') from migration.seal_keys"
        ).fetchall()
    assert all(key not in half for row in rows for half in row)


# --- the hash ---------------------------------------------------------------------------------


def test_hmac_is_that_of_rfc_2104(town: Town) -> None:
    with town.database.connect(autocommit=True) as connection:

        @settings(max_examples=300, database=None, derandomize=True, deadline=None)
        @given(
            key=st.binary(min_size=1, max_size=64),
            message=st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        )
        def check(key: bytes, message: str) -> None:
            row = connection.execute(
                "select app.hmac_sha256(app.padded_key(%s, 54), app.padded_key(%s, 92), %s)",
                (key, key, message),
            ).fetchone()
            assert row == (hmac.digest(key, message.encode(), "sha256"),)

        check()


def test_hmac_of_the_published_vectors(town: Town) -> None:
    """RFC 4231, test cases 1 and 2."""
    vectors = [
        (
            b"\x0b" * 20,
            "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe",
            "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
    ]
    with town.database.connect() as connection:
        for key, message, digest in vectors:
            row = connection.execute(
                "select app.hmac_sha256(app.padded_key(%s, 54), app.padded_key(%s, 92), %s)",
                (key, key, message),
            ).fetchone()
            assert row == (bytes.fromhex(digest),)
            assert hmac.new(key, message.encode(), hashlib.sha256).hexdigest() == digest


@pytest.mark.slow
def test_no_random_seal_or_signature_opens_a_session(town: Town, signer: Signer) -> None:
    with app_login(town) as app:

        @settings(max_examples=300, database=None, derandomize=True, deadline=None)
        @given(
            forged=st.one_of(
                st.binary(min_size=32, max_size=32).map(bytes.hex),
                st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80),
            )
        )
        def check(forged: str) -> None:
            with app.transaction():
                inject(app, ANN, forged)
                assert look(app) == NOTHING
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(
                    "select app.bind_session(%s, %s, %s)", (ANN, int(time.time()) + 30, forged)
                )

        check()
