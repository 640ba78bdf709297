"""A secret is sealed where it stands, and opens nowhere else."""

import hmac
from dataclasses import dataclass
from typing import Final, Protocol, Self
from uuid import UUID

from domain.canonical import canonical_bytes
from domain.environments import Environment
from domain.errors import Conflict, Unavailable

MASK: Final = "[hidden]"


class SealBroken(Conflict):
    """This secret cannot be opened here; write it again."""

    kind = "seal-broken"


class KeysUnavailable(Unavailable):
    """The keys that protect secrets cannot be reached; nothing was changed."""

    kind = "keys-unavailable"


class KeysMadeElsewhere(Conflict):
    """The keys of this ring are made where they are kept; with Vault: `vault write -f MOUNT/keys/KEY/rotate`."""

    kind = "keys-made-elsewhere"


class Secret:
    """A text that shows itself only to `reveal`: not when printed, formatted, logged, or written as JSON or pickle."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._text), _bytes(other._text))

    __hash__ = None  # type: ignore[assignment]  # a hash would tell short secrets apart

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one secret stands; `scope` is the scope's text, "" for the tenant itself."""

    tenant: UUID
    environment: Environment
    key: str
    scope: str
    version: int

    def aad(self) -> bytes:
        """What the seal is bound to: the same place always has the same bytes, and no two places share them."""
        return canonical_bytes(
            {
                "tenant": str(self.tenant),
                "environment": self.environment.value,
                "key": self.key,
                "scope": self.scope,
                "version": str(self.version),  # as text: JSON's numbers end at 2**53
            }
        )


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key under the key-encryption key `kek`, whose id has letters, digits, `_` and `-` only."""

    kek: str
    key: bytes


class KeyRing(Protocol):
    """Keeps the keys that encrypt other keys; every method raises KeysUnavailable when it cannot be reached."""

    async def ids(self) -> list[str]:
        """Of every key that can unwrap."""
        ...

    async def grow(self) -> str:
        """The id of a fresh key, which wraps from now on where no other one is named. Raises KeysMadeElsewhere."""
        ...

    async def primary(self) -> str:
        """The id of the key that wraps from now on."""
        ...

    async def wrap(self, key: bytes) -> Wrapped:
        """A data key of 32 bytes, under the primary."""
        ...

    async def unwrap(self, wrapped: Wrapped) -> bytes:
        """The data key again, also from under an older key; SealBroken where a bit differs or the key is not known."""
        ...

    async def fingerprint_key(self) -> bytes:
        """32 bytes that stay the same whatever the primary is, and are used for nothing but fingerprints."""
        ...


class Sealer(Protocol):
    """Seals secrets for storage and opens them; every method raises KeysUnavailable without the keys."""

    async def seal(self, secret: Secret, aad: bytes) -> str:
        """Printable ASCII; two seals of one secret differ."""
        ...

    async def open(self, sealed: str, aad: bytes) -> Secret:
        """SealBroken, which tells nothing more, for another `aad`, a change of any bit, or a key that is gone."""
        ...

    def parted(self, sealed: str) -> tuple[str, Wrapped]:
        """What is kept for good, and the wrapped key, which is kept apart so that it can change."""
        ...

    def joined(self, kept: str, wrapped: Wrapped) -> str:
        """A seal that opens; of one that was never parted, with this key instead. SealBroken for what is neither."""
        ...

    def named(self, kept: str) -> str:
        """32 hex digits, the same whatever key wraps, and no two seals share them. SealBroken for what is no seal."""
        ...

    async def fingerprint(self, secret: Secret, tenant: UUID) -> str:
        """16 hex digits: equal for equal secrets of one tenant, and of no use to guess one without the key."""
        ...


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
