"""Who has a unique key among the commands of a tenant that are not over."""

from collections.abc import Collection, Mapping
from typing import Protocol

from domain.commands import CommandRecord, Key


class UniqueKeys(Protocol):
    """Beside `Commands`, which adds them. A unique key is the domain and the key that it is unique in."""

    async def holders(self, keys: Collection[Key]) -> Mapping[Key, CommandRecord]:
        """By unique key: of each that somebody has, the one that has it."""
        ...

    async def take(self, keys: Collection[Key]) -> None:
        """Nobody else takes one of them until the transaction ends; whoever has done so is waited for."""
        ...

    async def sent(self, ids: Collection[Key]) -> frozenset[Key]:
        """Of these domains and ids those under which a command was sent, also if it was purged."""
        ...
