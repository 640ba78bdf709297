"""Applications that ask many times a second are verified once in a few seconds."""

import hashlib
import time

from api.denials import write_down
from application.authentication import Authentication
from domain.errors import Unavailable
from domain.people import Actor, Permission, PermissionMissing

_TRUST_SECONDS = 5.0
"""A signature check costs more than an evaluation, so a token is believed this long: a role that was taken away, or a
person who was removed, can read flags for so many seconds more. Nothing can be changed through here."""
_MOST_TOKENS = 10_000


class Callers:
    """Who may evaluate, by the hash of their token: no token is kept in memory."""

    def __init__(self, authentication: Authentication) -> None:
        self._authentication = authentication
        self._known: dict[bytes, tuple[Actor, float]] = {}

    def believed(self, mark: bytes) -> Actor | None:
        """Who was verified with this token moments ago; waits for nothing."""
        known = self._known.get(mark)
        return known[0] if known is not None and known[1] > time.monotonic() else None

    async def verified(self, mark: bytes, token: bytes, tenant: bytes | None, place: str) -> Actor:
        """Who asks now; a denial at `place` is written down. Who was known stays known while nobody can look."""
        known = self._known.get(mark)
        try:
            actor = await self._authentication.actor(
                token.decode("latin-1"), tenant.decode("latin-1") if tenant is not None else None
            )
        except Unavailable:
            if known is None:
                raise
            actor = known[0]
        try:
            actor.require(Permission.FEATURES_EVALUATE)
        except PermissionMissing as refusal:
            await write_down(self._authentication.store, actor, place, refusal)
            raise
        if len(self._known) >= _MOST_TOKENS:
            self._known.clear()
        self._known[mark] = (actor, time.monotonic() + _TRUST_SECONDS)
        return actor


def mark_of(token: bytes, tenant: bytes | None) -> bytes:
    return hashlib.sha256(token if tenant is None else token + b"\n" + tenant).digest()
