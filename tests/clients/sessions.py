"""How a client opens a session of the database: reference code for a team.

Two ways, and in both everything ends with the transaction, so a pooled connection carries nothing
over to the next person:

* `postgrest_session`, as PostgREST does it: the login `authenticator` runs none of its clients'
  SQL, so it sets role and claims itself, and the database believes them as they stand.
* `bound_session`, for services of ours that run SQL (FastAPI, agents), as login `gardenos_app`:
  claims are only believed with a signature that injected SQL cannot make (`app.bind_session`).

All values travel as bind parameters (psycopg sends them apart from the statement): a statement text
can be read by other sessions of the same login, and a claim in it could end the string.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

# A signature is made for one transaction; the database takes no expiry beyond five minutes.
SIGNATURE_SECONDS = 30


@dataclass(frozen=True)
class Request:
    """The part of an HTTP request that PostgREST passes on to the database."""

    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] | None = None
    cookies: Mapping[str, str] | None = None
    schema: str = "tenancy"

    @property
    def read_only(self) -> bool:
        """Whether PostgREST opens a READ ONLY transaction for it."""
        return self.method in {"GET", "HEAD"}


def postgrest_settings(claims: str | None, request: Request) -> list[tuple[str, str]]:
    """The settings of one request, in the order in which PostgREST sets them.

    Args:
        claims: verified claims as JSON text; None for a request without a token.
        request: what was asked for.
    """
    payload: dict[str, Any] = json.loads(claims) if claims is not None else {}
    role = str(payload.get("role", "anon"))
    return [
        ("search_path", f'"{request.schema}", "extensions"'),
        ("statement_timeout", "8s" if role != "anon" else "3s"),
        ("role", role),
        ("request.jwt.claims", json.dumps(payload | {"role": role}, separators=(",", ":"))),
        ("request.method", request.method),
        ("request.path", request.path),
        ("request.headers", json.dumps(dict(request.headers or {}))),
        ("request.cookies", json.dumps(dict(request.cookies or {}))),
    ]


@contextmanager
def postgrest_session(
    connection: Connection[Any], claims: str | None, request: Request | None = None
) -> Iterator[Connection[Any]]:
    """One transaction of the login `authenticator` as PostgREST opens it.

    Args:
        connection: an autocommit connection of the login `authenticator`.
        claims: claims that `Verifier.verify` answered; None when the request has no token.
        request: what was asked for; a GET by default, which is READ ONLY.

    Raises:
        psycopg.errors.InsufficientPrivilege: the claimed role is none that authenticator may take.
        psycopg.errors.InvalidParameterValue: there is no such role.
    """
    request = request or Request()
    settings = postgrest_settings(claims, request)
    one_call = sql.SQL(", ").join([sql.SQL("set_config(%s, %s, true)")] * len(settings))
    with connection.transaction():
        if request.read_only:
            connection.execute("set transaction read only")
        connection.execute(
            sql.SQL("select ") + one_call, [part for pair in settings for part in pair]
        )
        yield connection


@dataclass(frozen=True)
class Signed:
    """Claims with the signature that `app.bind_session` checks."""

    claims: str
    expires_at: int
    signature: str


class Signer:
    """Signs claims for one service login; holds the key that `app.rotate_seal_key` gave out."""

    def __init__(self, key: str) -> None:
        """Keep the key, 64 hex digits, in this process only: never in the database session."""
        self._key = bytes.fromhex(key)

    def sign(self, claims: str, *, expires_at: int | None = None) -> Signed:
        """Sign verified claims for the transaction that begins now.

        Args:
            claims: claims as JSON text; the database must receive this very text.
            expires_at: seconds since 1970; by default half a minute ahead.
        """
        expiry = int(time.time()) + SIGNATURE_SECONDS if expires_at is None else expires_at
        message = f"{expiry}|{claims}".encode()
        return Signed(claims, expiry, hmac.new(self._key, message, hashlib.sha256).hexdigest())


def bind(connection: Connection[Any], signed: Signed) -> None:
    """Bind the open transaction to signed claims: role, claims and timeouts, until it ends.

    Raises:
        psycopg.errors.InsufficientPrivilege: the signature is wrong or too old, or the claims name
            another role than `authenticated`.
    """
    connection.execute(
        "select app.bind_session(%s, %s, %s)", (signed.claims, signed.expires_at, signed.signature)
    )


@contextmanager
def bound_session(connection: Connection[Any], signed: Signed) -> Iterator[Connection[Any]]:
    """One transaction of the login `gardenos_app`, bound to signed claims.

    Args:
        connection: an autocommit connection of the login `gardenos_app`.
        signed: what `Signer.sign` answered, made for this transaction.

    Raises:
        psycopg.errors.InsufficientPrivilege: see `bind`.
    """
    with connection.transaction():
        bind(connection, signed)
        yield connection
