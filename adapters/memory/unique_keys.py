"""Unique keys of commands in memory, where one transaction runs at a time and so nobody takes one meanwhile."""

from collections.abc import Collection
from datetime import datetime

from adapters.memory.rows import Rows
from domain.commands import CommandRecord, Key


class MemoryUniqueKeys:
    def __init__(self, rows: Rows, now: datetime) -> None:
        self._rows = rows
        self._now = now

    async def holders(self, keys: Collection[Key]) -> dict[Key, CommandRecord]:
        there = self._rows.commands.values()
        return {key: each for each in there if not each.over and (key := each.command.unique) in keys and key}

    async def take(self, keys: Collection[Key]) -> None:
        del keys

    async def sent(self, ids: Collection[Key]) -> frozenset[Key]:
        purged = {key for key, each in self._rows.purged_commands.items() if each.known_until > self._now}
        return frozenset(each for each in ids if each in self._rows.commands or each in purged)
