"""The wrapped data keys of sealed secrets, apart from the secrets: they change when keys are rotated, and only then."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from application.ports.secrets import Wrapped


@dataclass(frozen=True)
class SealedKey:
    """The data key of one seal, which `Sealer.named` names."""

    seal: str
    wrapped: Wrapped


@dataclass(frozen=True)
class KeyUse:
    """So many data keys of one tenant are under this key of the ring."""

    tenant: UUID
    kek: str
    found: int


class SealedKeys(Protocol):
    """One tenant's; none is ever removed, for the past of a secret can be read again."""

    async def add(self, *keys: SealedKey) -> None:
        """AlreadyExists for a seal that has one."""
        ...

    async def get(self, seal: str) -> SealedKey | None: ...
    async def under_others(self, kek: str, after: str, limit: int) -> list[SealedKey]:
        """By seal, after `after`: those that are not under `kek`."""
        ...

    async def rewrap(self, *pairs: tuple[SealedKey, Wrapped]) -> int:
        """How many were still as they were read, and are wrapped anew now."""
        ...
