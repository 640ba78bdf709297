"""Data keys in memory, each under the name of its seal."""

from adapters.memory.rows import Rows
from application.ports.sealed_keys import SealedKey
from application.ports.secrets import Wrapped
from domain.errors import AlreadyExists


class MemorySealedKeys:
    def __init__(self, rows: Rows) -> None:
        self._keys = rows.sealed_keys

    async def add(self, *keys: SealedKey) -> None:
        for each in keys:
            if each.seal in self._keys:
                raise AlreadyExists
            self._keys[each.seal] = each

    async def get(self, seal: str) -> SealedKey | None:
        return self._keys.get(seal)

    async def under_others(self, kek: str, after: str, limit: int) -> list[SealedKey]:
        found = [self._keys[seal] for seal in sorted(self._keys) if seal > after]
        return [each for each in found if each.wrapped.kek != kek][:limit]

    async def rewrap(self, *pairs: tuple[SealedKey, Wrapped]) -> int:
        still = [(before, after) for before, after in pairs if self._keys.get(before.seal) == before]
        self._keys.update({before.seal: SealedKey(before.seal, after) for before, after in still})
        return len(still)
