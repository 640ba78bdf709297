"""The public keys of an issuer are fetched rarely, kept when it is down, and never asked for by an attacker."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
import structlog

from application.ports.egress import AddressRefused, CallFailed, Egress

TTL_SECONDS: Final = 600.0
PAUSE_SECONDS: Final = 60.0
FIRST_PAUSE_SECONDS: Final = 5.0
SET_BYTES: Final = 64 * 1024
ALGORITHMS: Final[Mapping[tuple[str, str | None], frozenset[str]]] = {
    ("RSA", None): frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}
"""Which asymmetric algorithms a key of this type and curve may verify."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class VerifyingKey:
    """A public key, and the algorithms that it may verify: what a token's header says does not count."""

    key: Any
    algorithms: frozenset[str]


def keys_of(jwks: Iterable[Any]) -> dict[str, VerifyingKey]:
    """The usable keys of a JWK set (RFC 7517) by `kid`, without private, symmetric, encrypting and nameless ones."""
    usable = (
        (jwk["kid"], _verifying(jwk)) for jwk in jwks if isinstance(jwk, dict) and isinstance(jwk.get("kid"), str)
    )
    return {kid: key for kid, key in usable if key is not None}


def _verifying(jwk: dict[str, Any]) -> VerifyingKey | None:
    curve = None if jwk.get("crv") is None else str(jwk["crv"])
    family = ALGORITHMS.get((str(jwk.get("kty")), curve), frozenset())
    algorithms = family & {str(jwk["alg"])} if "alg" in jwk else family
    if not algorithms or "d" in jwk or jwk.get("use", "sig") != "sig":
        return None
    try:
        return VerifyingKey(jwt.PyJWK(jwk, min(algorithms)).key, algorithms)
    except (jwt.PyJWTError, KeyError, AttributeError):
        return None


@dataclass
class _KeySet:
    keys: dict[str, VerifyingKey] = field(default_factory=dict)
    fetched: float | None = None
    tried: float | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def needs_fetch(self, kid: str, now: float) -> bool:
        pause = PAUSE_SECONDS if self.keys else FIRST_PAUSE_SECONDS
        if self.tried is not None and now - self.tried < pause:
            return False
        old = self.fetched is None or now - self.fetched >= TTL_SECONDS
        return old or kid not in self.keys


class KeyCache:
    """Keys by the address of their set. One fetch at a time; a known key never waits for another caller's fetch."""

    def __init__(self, egress: Egress, now: Callable[[], float] = time.monotonic) -> None:
        self._egress = egress
        self._now = now
        self._sets: dict[str, _KeySet] = {}

    async def find(self, url: str, kid: str) -> VerifyingKey | None:
        known = self._sets.setdefault(url, _KeySet())
        if known.needs_fetch(kid, self._now()) and not (kid in known.keys and known.turn.locked()):
            async with known.turn:
                if known.needs_fetch(kid, self._now()):
                    await self._fetch(url, known)
        return known.keys.get(kid)

    def age(self, url: str) -> float | None:
        """Seconds since the set was last fetched well; None when it never was."""
        known = self._sets.get(url)
        return None if known is None or known.fetched is None else self._now() - known.fetched

    async def _fetch(self, url: str, known: _KeySet) -> None:
        try:
            known.keys = await self._read(url)
            known.fetched = self._now()
        except (CallFailed, AddressRefused) as failure:
            _log.warning("jwks.fetch_failed", url=url, reason=failure.facts.get("reason"), age_seconds=self.age(url))
        finally:
            known.tried = self._now()  # only now: who comes during the fetch waits for it instead of being refused

    async def _read(self, url: str) -> dict[str, VerifyingKey]:
        answer = await self._egress.request("GET", url, headers={"accept": "application/json"})
        if answer.status != 200:  # noqa: PLR2004 - the one status that carries a key set
            raise CallFailed(reason=f"status-{answer.status}")
        if len(answer.body) > SET_BYTES:
            raise CallFailed(reason="too-large")
        try:
            listed = json.loads(answer.body)["keys"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise CallFailed(reason="not-a-key-set") from None
        keys = keys_of(listed) if isinstance(listed, list) else {}
        if not keys:
            raise CallFailed(reason="no-usable-key")
        return keys
