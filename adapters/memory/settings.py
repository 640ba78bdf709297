"""Settings in memory: an entry is replaced only by one that ends sooner."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from adapters.memory.rows import Rows, Tick, as_stored
from application.ports.settings import End, Picture, Rulebook, StoredDefinition, StoredEntry
from domain.environments import Environment
from domain.errors import AlreadyExists
from domain.rollouts import StaleGeneration
from domain.settings import Scope


class MemorySettings:
    def __init__(self, rows: Rows, tick: Tick) -> None:
        self._rows = rows
        self._tick = tick

    async def lock(self, environment: Environment) -> datetime:
        del environment  # a transaction has the whole store to itself
        return self._tick()

    async def enter(self, environment: Environment) -> tuple[datetime, int]:
        return await self.lock(environment), await self.bump(environment)

    async def bump(self, environment: Environment) -> int:
        self._rows.epochs[environment] = epoch = await self.epoch(environment) + 1
        return epoch

    async def epoch(self, environment: Environment) -> int:
        return self._rows.epochs.get(environment, 0)

    async def picture(self, environment: Environment, keys: Collection[str] | None = None) -> Picture:
        at = self._tick()
        every = await self.definitions("", len(self._rows.setting_definitions))
        definitions = {each.key: each.definition for each in every if keys is None or each.key in keys}
        entries = await self.entries(environment, keys, None, at)
        return Picture(at, await self.epoch(environment), definitions, entries, len(self._rows.touched))

    async def written_since(self, environment: Environment, mark: int) -> Picture:
        at, touched = self._tick(), set(self._rows.touched[mark:])
        definitions = await self.definitions_of([each for each in touched if isinstance(each, str)])
        raw = {key: each.definition for key, each in definitions.items()}
        entries = [_unshared_entry(each) for place, each in self._rows.entries.items() if place in touched]
        mine = [each for each in entries if each.environment == environment]
        return Picture(at, await self.epoch(environment), raw, mine, len(self._rows.touched))

    async def definition(self, key: str, *, lock: bool = False) -> StoredDefinition | None:
        del lock
        versions = self._rows.setting_definitions.get(key, ())
        return _unshared(versions[-1]) if versions else None

    async def definitions(self, after: str, limit: int) -> list[StoredDefinition]:
        keys = sorted(key for key in self._rows.setting_definitions if key > after)
        return [_unshared(self._rows.setting_definitions[key][-1]) for key in keys[:limit]]

    async def definitions_of(self, keys: Collection[str]) -> dict[str, StoredDefinition]:
        known = self._rows.setting_definitions
        return {key: _unshared(known[key][-1]) for key in keys if key in known}

    async def definition_versions(self, key: str, before: int, limit: int) -> list[StoredDefinition]:
        versions = reversed(self._rows.setting_definitions.get(key, ()))
        return [_unshared(each) for each in versions if each.version < before][:limit]

    async def put_definition(self, definition: StoredDefinition, *, expected: int) -> None:
        versions = self._rows.setting_definitions.get(definition.key, ())
        if (versions[-1].version if versions else 0) != expected:
            raise StaleGeneration(key=definition.key, expected=expected)
        if definition.request is not None and await self.defined(definition.request) is not None:
            raise AlreadyExists
        self._rows.setting_definitions[definition.key] = (*versions, _unshared(definition))
        self._rows.touched.append(definition.key)

    async def defined(self, request: UUID) -> StoredDefinition | None:
        every = (each for versions in self._rows.setting_definitions.values() for each in versions)
        return next((_unshared(each) for each in every if each.request == request), None)

    async def rulebook(self, version: int | None = None) -> Rulebook:
        found = [each for each in self._rows.rulebooks if version in (None, each.version)]
        if not found:
            return Rulebook(0, [], None, None)
        return replace(found[-1], rules=as_stored(found[-1].rules))

    async def put_rulebook(self, rulebook: Rulebook) -> None:
        if rulebook.version != (await self.rulebook()).version + 1:
            raise AlreadyExists
        self._rows.rulebooks.append(replace(rulebook, rules=as_stored(rulebook.rules)))

    async def entries(
        self,
        environment: Environment,
        keys: Collection[str] | None,
        scopes: Collection[str] | None,
        ending_after: datetime,
    ) -> list[StoredEntry]:
        return [
            each
            for each in self._all(environment, keys, scopes)
            if each.entry.until is None or each.entry.until > max(ending_after, each.entry.since)
        ]

    async def around(
        self, environment: Environment, keys: Collection[str], scopes: Collection[str], ending_after: datetime
    ) -> list[StoredEntry]:
        asked = [Scope(text) for text in scopes]
        return [
            each
            for each in await self.entries(environment, keys, None, ending_after)
            if any(one.contains(Scope(each.scope)) or Scope(each.scope).contains(one) for one in asked)
        ]

    async def history(
        self, environment: Environment, key: str, scope: str, before: int, limit: int
    ) -> list[StoredEntry]:
        newest = reversed(self._all(environment, [key], [scope]))
        return [each for each in newest if each.entry.version < before][:limit]

    async def underlying(self, environment: Environment, key: str, scope: str, at: datetime) -> list[StoredEntry]:
        begun = [
            each
            for each in self._all(environment, [key], [scope])
            if each.entry.since <= at and each.entry.until != each.entry.since
        ]
        endless = [each.entry.since for each in begun if each.entry.meant_until is None]
        bottom = max(endless, default=datetime.min.replace(tzinfo=UTC))
        return [
            each
            for each in begun
            if each.entry.since >= bottom and (each.entry.meant_until is None or each.entry.meant_until > at)
        ]

    async def latest(
        self, environment: Environment, keys: Collection[str], scopes: Collection[str]
    ) -> dict[tuple[str, str], int]:
        return {(each.key, each.scope): each.entry.version for each in self._all(environment, keys, scopes)}

    async def put(self, *entries: StoredEntry) -> None:
        for entry in entries:
            place = (entry.environment, entry.key, entry.scope, entry.entry.version)
            if place in self._rows.entries or any(_meet(entry, each) for each in self._beside(entry)):
                raise AlreadyExists
            self._rows.entries[place] = _unshared_entry(entry)
            self._rows.touched.append(place)

    async def end(self, environment: Environment, *ends: End) -> None:
        for key, scope, version, at in ends:
            known = self._rows.entries[environment, key, scope, version]
            until = known.entry.since if at is None else at
            self._rows.entries[environment, key, scope, version] = replace(
                known, entry=replace(known.entry, until=until)
            )
            self._rows.touched.append((environment, key, scope, version))

    async def of_change(self, change: UUID) -> list[StoredEntry]:
        return [each for each in self._all(None, None, None) if each.entry.change == change]

    async def written(self, request: UUID) -> list[StoredEntry]:
        return [each for each in self._all(None, None, None) if each.request == request]

    def _beside(self, entry: StoredEntry) -> list[StoredEntry]:
        return self._all(entry.environment, [entry.key], [entry.scope])

    def _all(
        self, environment: Environment | None, keys: Collection[str] | None, scopes: Collection[str] | None
    ) -> list[StoredEntry]:
        found = [
            _unshared_entry(each)
            for each in self._rows.entries.values()
            if environment in (None, each.environment)
            and (keys is None or each.key in keys)
            and (scopes is None or each.scope in scopes)
        ]
        return sorted(found, key=lambda each: (each.key, each.scope, each.entry.version))


def _meet(one: StoredEntry, other: StoredEntry) -> bool:
    a, b = one.entry, other.entry
    empty = a.until == a.since or b.until == b.since
    return not empty and (b.until is None or a.since < b.until) and (a.until is None or b.since < a.until)


def _unshared(definition: StoredDefinition) -> StoredDefinition:
    return replace(definition, definition=as_stored(definition.definition))


def _unshared_entry(stored: StoredEntry) -> StoredEntry:
    return replace(stored, entry=replace(stored.entry, value=as_stored(stored.entry.value)))
