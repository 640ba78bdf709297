"""Templates and locks of a tenant, in memory."""

from dataclasses import replace
from uuid import UUID

from adapters.memory.rows import Rows, as_stored
from application.ports.tenants import StoredLock, StoredTemplate
from domain.environments import Environment
from domain.errors import AlreadyExists


class MemoryTenantTemplates:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def get(self, name: str, version: int | None = None) -> StoredTemplate | None:
        found = await self.versions(name, version + 1 if version else 2**62, 1)
        return next((each for each in found if version in (None, each.version)), None)

    async def page(self, after: str, limit: int) -> list[StoredTemplate]:
        names = sorted({name for name, _ in self._rows.templates if name > after})[:limit]
        return [(await self.versions(name, 2**62, 1))[0] for name in names]

    async def versions(self, name: str, before: int, limit: int) -> list[StoredTemplate]:
        kept = [each for each in self._rows.templates.values() if each.name == name and each.version < before]
        newest = sorted(kept, key=lambda each: -each.version)[:limit]
        return [replace(each, content=as_stored(each.content)) for each in newest]

    async def put(self, template: StoredTemplate) -> None:
        if (template.name, template.version) in self._rows.templates:
            raise AlreadyExists
        kept = replace(template, content=as_stored(template.content))
        self._rows.templates[template.name, template.version] = kept

    async def asked(self, request: UUID) -> StoredTemplate | None:
        return next((each for each in self._rows.templates.values() if each.request == request), None)


class MemoryTenantLocks:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def get(self, environment: Environment, key: str) -> StoredLock | None:
        kept = [each for each in self._rows.locks.values() if (each.environment, each.key) == (environment, key)]
        return _unshared(max(kept, key=lambda each: each.version)) if kept else None

    async def standing(self, environment: Environment, after: str, limit: int) -> list[StoredLock]:
        keys = sorted({each.key for each in self._rows.locks.values() if each.environment is environment})
        newest = [await self.get(environment, key) for key in keys if key > after]
        return [each for each in newest if each is not None and each.lock is not None][:limit]

    async def put(self, lock: StoredLock) -> None:
        place = (lock.environment, lock.key, lock.version)
        if place in self._rows.locks:
            raise AlreadyExists
        self._rows.locks[place] = _unshared(lock)

    async def asked(self, request: UUID) -> StoredLock | None:
        return next((_unshared(each) for each in self._rows.locks.values() if each.request == request), None)


def _unshared(lock: StoredLock) -> StoredLock:
    return replace(lock, lock=as_stored(lock.lock))
