"""Where no identity provider is at hand, this one signs access tokens with a key of its own."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jwt

from adapters.identity.keys import kept_key, public_jwk

if TYPE_CHECKING:
    from adapters.identity.tokens import IssuerConfig

KEY_FILE: Final = "access-tokens.pem"
ISSUER: Final = "changegate-embedded"


class EmbeddedIssuer:
    """Keeps its Ed25519 key in `folder`; `config()` is what a TokenVerifier needs to believe it."""

    def __init__(self, folder: Path, issuer: str = ISSUER, audience: str = "changegate") -> None:
        self.issuer = issuer
        self.audience = audience
        self._key = kept_key(folder / KEY_FILE)
        self._jwk = public_jwk(self._key.public_key())

    def mint(self, subject: str, ttl: timedelta = timedelta(hours=1)) -> str:
        now = datetime.now(UTC)
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + ttl,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": self._jwk["kid"]})

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public key as a JWK set (RFC 7517)."""
        return {"keys": [dict(self._jwk)]}

    def config(self) -> "IssuerConfig":
        from adapters.identity.tokens import IssuerConfig  # who only mints need not know how tokens are verified

        return IssuerConfig(self.issuer, self.audience, frozenset({"EdDSA"}), keys=(self._jwk,))
