"""A link carries our signature, under a type of its own: no act and no access token can stand in for one."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.ports.links import Link, LinkExpired, LinkForged

TYPE: Final = "changegate-link+jwt"
AUDIENCE: Final = "changegate-links"
MAX_CHARACTERS: Final = 2048


class SignedLinks:
    """Answers `application.ports.links.LinkSeals` with an Ed25519 key."""

    def __init__(self, key: Ed25519PrivateKey, now: Callable[[], datetime]) -> None:
        self._key = key
        self._now = now

    def issue(self, link: Link) -> str:
        claims = {
            "aud": AUDIENCE,
            "jti": link.id.hex,
            "tnt": link.tenant.hex,
            "sub": link.person.hex,
            "apr": link.approval.hex,
            "dig": link.digest,
            "exp": int(link.expires_at.timestamp()),
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"typ": TYPE})

    def read(self, token: str) -> Link:
        link = _link_of(self._claims(token))
        if self._now() >= link.expires_at:
            raise LinkExpired
        return link

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_CHARACTERS or not token.isascii():
            raise LinkForged
        try:
            if jwt.get_unverified_header(token).get("typ") != TYPE:
                raise LinkForged
            return jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                # the expiry is ours to judge, by the clock that was given
                options={"require": ["aud", "sub", "exp", "jti"], "verify_exp": False, "verify_sub": False},
            )
        except jwt.PyJWTError:
            raise LinkForged from None


def _link_of(claims: dict[str, Any]) -> Link:
    try:
        return Link(
            id=UUID(claims["jti"]),
            tenant=UUID(claims["tnt"]),
            person=UUID(claims["sub"]),
            approval=UUID(claims["apr"]),
            digest=claims["dig"],
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError, AttributeError):
        raise LinkForged from None
