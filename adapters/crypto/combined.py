"""Secrets move from one ring to another while both are read: what the old one wrapped opens until it is rotated."""

from application.ports.secrets import KeyRing, Wrapped


class CombinedKeyRing:
    """Answers `application.ports.secrets.KeyRing`: `newer` wraps, both unwrap.

    Fingerprints stay those of `older`, so that a secret that is written again can still be seen to be the same.
    """

    def __init__(self, newer: KeyRing, older: KeyRing) -> None:
        self._newer = newer
        self._older = older

    async def ids(self) -> list[str]:
        return [*await self._older.ids(), *await self._newer.ids()]

    async def grow(self) -> str:
        return await self._newer.grow()

    async def primary(self) -> str:
        return await self._newer.primary()

    async def wrap(self, key: bytes) -> Wrapped:
        return await self._newer.wrap(key)

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        if wrapped.kek in await self._older.ids():
            return await self._older.unwrap(wrapped)
        return await self._newer.unwrap(wrapped)

    async def fingerprint_key(self) -> bytes:
        return await self._older.fingerprint_key()
