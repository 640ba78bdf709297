"""A seal holds because this memory remembers what it sealed, and where."""

import hashlib
import hmac
import secrets
from uuid import UUID

from application.ports.secrets import KeysUnavailable, SealBroken, Secret, Wrapped


class MemoryKeyRing:
    """Answers `application.ports.secrets.KeyRing`; `down` makes it unreachable."""

    def __init__(self) -> None:
        self.down = False
        self._primary = 1
        self._wrapped: dict[tuple[str, bytes], bytes] = {}
        self._fingerprint_key = secrets.token_bytes(32)

    def rotate(self) -> None:
        self._primary += 1

    async def primary(self) -> str:
        self._reach()
        return f"memory-v{self._primary}"

    async def wrap(self, key: bytes) -> Wrapped:
        wrapped = Wrapped(await self.primary(), secrets.token_bytes(32))
        self._wrapped[wrapped.kek, wrapped.key] = key
        return wrapped

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        self._reach()
        key = self._wrapped.get((wrapped.kek, wrapped.key))
        if key is None:
            raise SealBroken
        return key

    async def fingerprint_key(self) -> bytes:
        self._reach()
        return self._fingerprint_key

    def _reach(self) -> None:
        if self.down:
            raise KeysUnavailable(reason="down")


class MemorySealer:
    """Answers `application.ports.secrets.Sealer`; `rotate` and `down` are those of its ring."""

    def __init__(self, ring: MemoryKeyRing | None = None) -> None:
        self.ring = ring or MemoryKeyRing()
        self._sealed: dict[str, tuple[Secret, bytes]] = {}

    async def seal(self, secret: Secret, aad: bytes) -> str:
        sealed = f"memory.{await self.ring.primary()}.{secrets.token_urlsafe(32)}"
        self._sealed[sealed] = secret, aad
        return sealed

    async def open(self, sealed: str, aad: bytes) -> Secret:
        await self.ring.primary()
        secret, bound = self._sealed.get(sealed, (None, b""))
        if secret is None or bound != aad:
            raise SealBroken
        return secret

    async def rewrapped(self, sealed: str, aad: bytes) -> str:
        secret = await self.open(sealed, aad)
        current = sealed.startswith(f"memory.{await self.ring.primary()}.")
        return sealed if current else await self.seal(secret, aad)

    async def fingerprint(self, secret: Secret, tenant: UUID) -> str:
        content = tenant.bytes + secret.reveal().encode("utf-8", "surrogatepass")
        return hmac.new(await self.ring.fingerprint_key(), content, hashlib.sha256).hexdigest()[:16]
