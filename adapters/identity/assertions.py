"""A person's act carries our signature, so that reaching Temporal is not enough to vote."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.people.acts import Act, AssertionForged

TYPE: Final = "changegate-act+jwt"
ISSUER: Final = "changegate"
AUDIENCE: Final = "changegate-acts"
MAX_CHARACTERS: Final = 4096


class ActReader:
    """Answers `application.ports.identity.ActVerifier` with the public key alone: this is what a worker holds."""

    def __init__(self, public_key: Ed25519PublicKey, now: Callable[[], datetime]) -> None:
        self._public = public_key
        self._now = now

    def verify(self, token: str) -> Act:
        act = _act_of(self._claims(token))
        act.check_use(self._now())
        return act

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > MAX_CHARACTERS or not token.isascii():
            raise AssertionForged(reason="malformed")
        try:
            if jwt.get_unverified_header(token).get("typ") != TYPE:
                raise AssertionForged(reason="wrong-type")
            return jwt.decode(
                token,
                self._public,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=ISSUER,
                # the expiry is ours to judge, by the clock that was given
                options={"require": ["iss", "aud", "sub", "exp", "jti"], "verify_exp": False},
            )
        except jwt.PyJWTError:
            raise AssertionForged(reason="signature") from None


class SignedActs(ActReader):
    """Answers `application.ports.identity.Assertions` with an Ed25519 key: this is what the API holds."""

    def __init__(self, key: Ed25519PrivateKey, now: Callable[[], datetime]) -> None:
        super().__init__(key.public_key(), now)
        self._key = key

    def issue(self, act: Act) -> str:
        act.check_issue(self._now())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": str(act.id),
            "tenant": str(act.tenant),
            "sub": str(act.actor),
            "verb": act.verb,
            "subject": act.subject,
            "digest": act.digest,
            "exp": act.expires_at.timestamp(),
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"typ": TYPE})


def _act_of(claims: dict[str, Any]) -> Act:
    try:
        return Act(
            id=UUID(claims["jti"]),
            tenant=UUID(claims["tenant"]),
            actor=UUID(claims["sub"]),
            verb=claims["verb"],
            subject=claims["subject"],
            digest=claims["digest"],
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError, AttributeError):
        raise AssertionForged(reason="claims") from None
