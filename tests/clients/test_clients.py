"""The reference clients: tokens, sessions and the demo."""

import base64
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from psycopg import Connection

from migrations.embedded import Server
from tests.clients import demo
from tests.clients.sessions import Request, postgrest_session, postgrest_settings
from tests.clients.tokens import Algorithm, Issuer, Verifier
from tests.database import Cluster, Database

GOTRUE = Issuer.fresh("https://gotrue.example", "HS256")
KRATOS = Issuer.fresh("https://kratos.example", "ES256")
AUTHENTIK = Issuer.fresh("https://authentik.example", "RS256")
VERIFIER = Verifier([GOTRUE, KRATOS, AUTHENTIK])


@pytest.fixture
def authenticator(database: Database) -> Iterator[Connection[Any]]:
    with database.connect("authenticator", autocommit=True) as connection:
        yield connection


# --- tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("issuer", [GOTRUE, KRATOS, AUTHENTIK], ids=lambda issuer: issuer.algorithm)
def test_a_good_token_answers_its_claims(issuer: Issuer) -> None:
    claims = json.loads(VERIFIER.verify(issuer.sign({"sub": "7", "name": "Ünal 🌻"})))
    assert (claims["iss"], claims["sub"], claims["name"]) == (issuer.name, "7", "Ünal 🌻")
    assert claims["exp"] > claims["iat"]


@pytest.mark.parametrize("algorithm", ["HS256", "ES256", "RS256"])
def test_a_token_signed_with_another_key_is_refused(algorithm: Algorithm) -> None:
    ours = Issuer.fresh("https://id.example", algorithm)
    theirs = Issuer.fresh("https://id.example", algorithm)
    with pytest.raises(jwt.InvalidSignatureError):
        Verifier([ours]).verify(theirs.sign({"sub": "7"}))


def encoded(part: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")


def test_a_public_key_is_never_taken_for_a_secret() -> None:
    """The algorithm of a token's header is the attacker's choice; ours is fixed by issuer."""
    public_key = AUTHENTIK.verification_key
    assert not isinstance(public_key, bytes)
    pem = public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    # by hand, because PyJWT refuses to make such a token
    header = encoded({"alg": "HS256", "typ": "JWT"})
    payload = encoded({"iss": AUTHENTIK.name, "aud": "authenticated", "iat": 1, "exp": 2**33})
    signature = hmac.digest(pem, header + b"." + payload, "sha256")
    forged = b".".join([header, payload, base64.urlsafe_b64encode(signature).rstrip(b"=")])
    with pytest.raises(jwt.InvalidAlgorithmError):
        VERIFIER.verify(forged.decode())


def test_the_key_of_one_issuer_does_not_sign_for_another() -> None:
    with pytest.raises(jwt.InvalidTokenError):
        VERIFIER.verify(GOTRUE.sign({"iss": KRATOS.name}))


@pytest.mark.parametrize(
    "claims",
    [{"exp": 1}, {"aud": "other"}, {"iss": "https://evil.example"}, {"nbf": 2**40}, {"iat": 2**40}],
    ids=str,
)
def test_a_token_out_of_place_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        VERIFIER.verify(GOTRUE.sign(claims))


@pytest.mark.parametrize("missing", ["exp", "iat", "iss", "aud"])
def test_a_token_without_a_required_claim_is_refused(missing: str) -> None:
    claims = {"exp": 2**33, "iat": 1, "iss": GOTRUE.name, "aud": "authenticated"}
    del claims[missing]
    assert isinstance(GOTRUE.key, bytes)
    with pytest.raises(jwt.InvalidTokenError):
        VERIFIER.verify(jwt.encode(claims, GOTRUE.key, algorithm="HS256"))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(jwt.InvalidTokenError):
        VERIFIER.verify(token)


# --- sessions ---------------------------------------------------------------------------------


def test_settings_come_in_the_order_of_postgrest() -> None:
    names = [name for name, _ in postgrest_settings('{"role":"authenticated"}', Request())]
    assert names == [
        "search_path",
        "statement_timeout",
        "role",
        "request.jwt.claims",
        "request.method",
        "request.path",
        "request.headers",
        "request.cookies",
    ]


def test_a_request_without_a_token_is_anonymous(authenticator: Connection[Any]) -> None:
    with postgrest_session(authenticator, None) as session:
        row = session.execute(
            "select current_user, current_setting('request.jwt.claims')"
        ).fetchone()
        assert row == ("anon", '{"role":"anon"}')


def test_a_get_cannot_write(authenticator: Connection[Any]) -> None:
    with (
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        postgrest_session(authenticator, '{"role":"service_role"}') as session,
    ):
        session.execute("insert into tenancy.users (full_name) values ('x')")


@pytest.mark.parametrize(
    ("role", "sqlstate"),
    [("postgres", "42501"), ("gardenos_owner", "42501"), ("no such role", "22023")],
)
def test_a_role_that_is_not_theirs_is_refused(
    authenticator: Connection[Any], role: str, sqlstate: str
) -> None:
    with (
        pytest.raises(psycopg.Error) as caught,
        postgrest_session(authenticator, json.dumps({"role": role})),
    ):
        pass
    assert caught.value.sqlstate == sqlstate


# --- demo -------------------------------------------------------------------------------------


def databases(server: Server) -> set[str]:
    with psycopg.connect(server.url("postgres", "postgres")) as connection:
        return {name for (name,) in connection.execute("select datname from pg_database")}


def test_the_demo_is_right_and_leaves_nothing(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    before = databases(cluster.server)
    report = demo.play(cluster.server)
    assert (report.wrong, report.lines > 30) == (0, True)
    assert databases(cluster.server) == before
    printed = capsys.readouterr().out
    assert "WRONG" not in printed
    assert "\x1b" not in printed
    assert max(len(line) for line in printed.splitlines()) <= 108


def test_the_demo_tells_right_from_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    report = demo.Report(colour=False)
    report.line("label", "0 rows", "1 rows")
    report.columns("label", (1, 2), (1, 3))
    report.line("label", "0 rows", "0 rows")
    assert (report.wrong, report.lines) == (2, 3)
    printed = capsys.readouterr().out
    assert printed.count("WRONG") == 2
    assert "3, not 2" in printed


def test_the_demo_without_a_server_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "local_server", lambda: Server(tmp_path / "postgres"))
    assert demo.main() == 2
    assert capsys.readouterr().err == (
        "The local PostgreSQL does not run: run `make upgrade` first.\n"
    )


def test_the_demo_before_the_upgrade_says_what_to_do(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "local_server", lambda: cluster.server)
    assert demo.main() == 2  # this server has no database gardenos
    assert "not migrated: run `make upgrade` first." in capsys.readouterr().err
