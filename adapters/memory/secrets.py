"""A seal holds because this memory remembers what it sealed, and where."""

import hashlib
import hmac
import secrets
from contextlib import suppress
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

    async def ids(self) -> list[str]:
        self._reach()
        return [f"memory-v{number}" for number in range(1, self._primary + 1)]

    async def grow(self) -> str:
        self._reach()
        self.rotate()
        return await self.primary()

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
    """Answers `application.ports.secrets.Sealer`; `rotate` and `down` are those of its ring.

    A seal is `memory.<kek>.<wrapped key>.<token>`, and what is kept of it `kept.<token>`.
    """

    def __init__(self, ring: MemoryKeyRing | None = None) -> None:
        self.ring = ring or MemoryKeyRing()
        self._sealed: dict[str, tuple[Secret, bytes, bytes]] = {}

    async def seal(self, secret: Secret, aad: bytes) -> str:
        key, token = secrets.token_bytes(32), secrets.token_hex(24)
        self._sealed[token] = secret, aad, key
        return _whole(await self.ring.wrap(key), token)

    async def open(self, sealed: str, aad: bytes) -> Secret:
        wrapped, token = _parse(sealed)
        if wrapped is None:
            raise SealBroken
        key = await self.ring.unwrap(wrapped)
        secret, *bound = self._sealed.get(token, (None, b"", b""))
        if secret is None or bound != [aad, key]:
            raise SealBroken
        return secret

    def parted(self, sealed: str) -> tuple[str, Wrapped]:
        wrapped, token = _parse(sealed)
        if wrapped is None:
            raise SealBroken
        return f"kept.{token}", wrapped

    def joined(self, kept: str, wrapped: Wrapped) -> str:
        return _whole(wrapped, _parse(kept)[1])

    def named(self, kept: str) -> str:
        return hashlib.sha256(_parse(kept)[1].encode()).hexdigest()[:32]

    async def fingerprint(self, secret: Secret, tenant: UUID) -> str:
        content = tenant.bytes + secret.reveal().encode("utf-8", "surrogatepass")
        return hmac.new(await self.ring.fingerprint_key(), content, hashlib.sha256).hexdigest()[:16]


def _whole(wrapped: Wrapped, token: str) -> str:
    return f"memory.{wrapped.kek}.{wrapped.key.hex()}.{token}"


def _parse(text: str) -> tuple[Wrapped | None, str]:
    match text.split("."):
        case ["memory", kek, key, token] if token:
            with suppress(ValueError):
                return Wrapped(kek, bytes.fromhex(key)), token
        case ["kept", token] if token:
            return None, token
    raise SealBroken
