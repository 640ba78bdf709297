"""Flags and every version that they had, in memory."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.rows import FlagSetHead, Rows, as_stored
from application.ports.records import FlagSetRecord, StoredFlag
from domain.canonical import Json
from domain.environments import Environment
from domain.flags import BUCKETING, SHARED_RULES, WHOLE
from domain.flags.lifecycle import is_archived
from domain.flags.linking import is_linked
from domain.flags.whole import bucketing_of
from domain.rollouts import StaleGeneration


class MemoryFlags:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def get(self, environment: Environment, key: str, *, lock: bool = False) -> StoredFlag | None:
        del lock  # a transaction has the whole store to itself
        found = self._rows.flags.get((environment, key))
        return _unshared(found) if found else None

    async def page(self, environment: Environment, after: str, limit: int) -> list[StoredFlag]:
        keys = sorted(key for place, key in self._rows.flags if place is environment and key > after)
        keys = [key for key in keys if key not in WHOLE]
        return [_unshared(self._rows.flags[environment, key]) for key in keys[:limit]]

    async def version(self, environment: Environment, key: str, version: int) -> Json | None:
        found = self._rows.versions.get((environment, key, version))
        return as_stored(found.definition) if found else None

    async def versions(self, environment: Environment, key: str, before: int, limit: int) -> list[StoredFlag]:
        wanted = [
            stored
            for (place, name, version), stored in self._rows.versions.items()
            if (place, name) == (environment, key) and version < before
        ]
        newest = sorted(wanted, key=lambda stored: stored.version, reverse=True)
        return [_unshared(stored) for stored in newest[:limit]]

    async def asked(self, request: UUID) -> StoredFlag | None:
        found = next((stored for stored in self._rows.versions.values() if stored.request == request), None)
        return _unshared(found) if found else None

    async def made(self, environment: Environment, keys: Sequence[str]) -> dict[str, datetime]:
        first = {key: self._rows.versions.get((environment, key, 1)) for key in keys}
        return {key: flag.written_at for key, flag in first.items() if flag is not None}

    async def put(self, flag: StoredFlag, *, expected: int) -> int:
        present = self._rows.flags.get((flag.environment, flag.key))
        if (present.version if present else 0) != expected:
            raise StaleGeneration(key=flag.key, expected=expected)
        stored = _unshared(flag)
        self._rows.flags[flag.environment, flag.key] = stored
        self._rows.versions[flag.environment, flag.key, flag.version] = stored
        head = self._head(flag.environment)
        self._rows.sets[flag.environment] = replace(head, revision=head.revision + 1)
        return head.revision + 1

    async def flag_set(self, environment: Environment) -> FlagSetRecord:
        head = self._head(environment)
        flags = {key: as_stored(f.definition) for (place, key), f in self._rows.flags.items() if place is environment}
        evaluators, bucketing = flags.pop(SHARED_RULES, {}), bucketing_of(flags.pop(BUCKETING, None)).value
        flags = {key: definition for key, definition in flags.items() if not is_archived(definition)}
        return FlagSetRecord(head.revision, bucketing, as_stored(head.metadata), evaluators, flags)

    async def linked(self, environment: Environment, keys: Collection[str]) -> FlagSetRecord:
        whole = await self.flag_set(environment)
        flags = {key: each for key, each in whole.flags.items() if key in keys or is_linked(each)}
        return replace(whole, flags=flags)

    async def revision(self, environment: Environment) -> int:
        return self._head(environment).revision

    def _head(self, environment: Environment) -> FlagSetHead:
        return self._rows.sets.get(environment, FlagSetHead())


def _unshared(flag: StoredFlag) -> StoredFlag:
    return replace(flag, definition=as_stored(flag.definition))
