"""Tokens as a team would make and check them: real keys, signed and verified by PyJWT.

A token says who somebody was when it was signed. It is verified here, in the client; the database
receives the claims as text and proves them again against live rows at every statement.
"""

import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Algorithm = Literal["HS256", "ES256", "RS256"]
Key = bytes | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

AUDIENCE = "authenticated"


def new_key(algorithm: Algorithm) -> Key:
    """A fresh signing key: a shared secret for HS256, a private key for the other two."""
    if algorithm == "HS256":
        return secrets.token_bytes(32)
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Issuer:
    """One issuer of tokens: gotrue with a shared secret, an OIDC provider with a key pair."""

    name: str
    algorithm: Algorithm
    key: Key

    @classmethod
    def fresh(cls, name: str, algorithm: Algorithm = "HS256") -> "Issuer":
        """An issuer of this name (the claim `iss`) with a new key."""
        return cls(name, algorithm, new_key(algorithm))

    def sign(self, claims: Mapping[str, Any], *, lifetime: int = 600) -> str:
        """A token with these claims; `iss`, `aud`, `iat` and `exp` are filled in.

        Args:
            claims: what the token says; a key given here wins over what would be filled in.
            lifetime: seconds until it expires.
        """
        now = int(time.time())
        standard = {"iss": self.name, "aud": AUDIENCE, "iat": now, "exp": now + lifetime}
        return jwt.encode({**standard, **claims}, self.key, algorithm=self.algorithm)

    @property
    def verification_key(self) -> bytes | ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
        """What a verifier needs: the shared secret, or the public half of the key pair."""
        return self.key if isinstance(self.key, bytes) else self.key.public_key()


class Verifier:
    """Checks tokens of a fixed list of issuers."""

    def __init__(self, issuers: Iterable[Issuer]) -> None:
        """Believe these issuers, each with its own key and its own algorithm."""
        self._issuers = {issuer.name: issuer for issuer in issuers}

    def verify(self, token: str) -> str:
        """The claims of a good token, as the JSON text that the database session receives.

        The issuer is read first, without trust, only to choose the key. The algorithm comes from
        our list and never from the token's header: else a public key could be taken for a secret.

        Raises:
            jwt.InvalidTokenError: not a token, unknown issuer, wrong key, expired, wrong audience.
        """
        unread = jwt.decode(token, options={"verify_signature": False})
        issuer = self._issuers.get(str(unread.get("iss")))
        if issuer is None:
            raise jwt.InvalidIssuerError("the issuer of this token is not on the list")
        claims = jwt.decode(
            token,
            issuer.verification_key,
            algorithms=[issuer.algorithm],
            audience=AUDIENCE,
            issuer=issuer.name,
            options={"require": ["exp", "iat", "iss", "aud"]},
        )
        return json.dumps(claims, separators=(",", ":"))
