"""Limits and breakers of commands in memory; nobody else holds one, since one transaction runs at a time."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from adapters.memory.rows import Catalogue, Rows
from domain.canonical import Json
from domain.commands import LEASED, CommandRecord
from domain.commands.breakers import Breaker, BreakerOperation
from domain.commands.dependencies import Dependence
from domain.commands.limits import Bucket, Limit, LimitScope, Room


class MemoryCommandLimits:
    def __init__(
        self, rows: Rows, catalogue: Catalogue, now: datetime, everybodys: Callable[[], Iterable[Rows]]
    ) -> None:
        self._rows = rows
        self._now = now
        self._everybodys = everybodys
        self._kept = {LimitScope.TENANT: rows.command_buckets, LimitScope.EVERYWHERE: catalogue.buckets}

    async def take(self, limits: Sequence[Limit]) -> dict[str, Bucket]:
        return {
            each.type: self._kept[each.scope].setdefault(each.type, each.full(self._now)) for each in limits
        }  # fmt: skip

    async def put(self, limits: Sequence[Limit], buckets: Mapping[str, Bucket]) -> None:
        for each in limits:
            if each.type in buckets:
                self._kept[each.scope][each.type] = buckets[each.type]

    async def leased(self, limits: Sequence[Limit]) -> dict[str, int]:
        scopes = {each.type: each.scope for each in limits}
        own = self._count([self._rows], scopes, LimitScope.TENANT)
        return own | self._count(self._everybodys(), scopes, LimitScope.EVERYWHERE)

    async def apart(self) -> dict[str, int]:
        records = self._rows.commands.values()
        return dict(Counter(each.dependency for each in records if each.dependency and each.state in LEASED))

    def _count(
        self, rows: Iterable[Rows], scopes: Mapping[str, LimitScope], scope: LimitScope
    ) -> dict[str, int]:  # fmt: skip
        records = (each for row in rows for each in row.commands.values() if each.state in LEASED)
        return dict(Counter(each.command.type for each in records if scopes.get(each.command.type) is scope))


class MemoryCommandBreakers:
    def __init__(self, rows: Rows, catalogue: Catalogue) -> None:
        self._operations = rows.breaker_operations
        self._depending = catalogue.depending
        self._kept = {LimitScope.TENANT: rows.command_breakers, LimitScope.EVERYWHERE: catalogue.breakers}

    async def some(self, dependencies: Collection[str] | None = None) -> list[Breaker]:
        found = [each for kept in self._kept.values() for each in kept.values()]
        wanted = [each for each in found if dependencies is None or each.dependency in dependencies]
        return sorted(wanted, key=lambda each: (each.dependency, each.scope.value))

    async def troubled(self) -> list[Breaker]:
        return [each for each in await self.some() if each.scope is LimitScope.TENANT and not each.calm]

    async def depending(self) -> list[Dependence]:
        return [self._depending[name] for name in sorted(self._depending)]

    async def lock(self, dependency: str, scope: LimitScope) -> Breaker:
        return self._kept[scope].setdefault(dependency, Breaker(dependency, scope))

    async def lock_free(self, dependency: str, scope: LimitScope) -> Breaker | None:
        return self._kept[scope].get(dependency)

    async def save(self, breaker: Breaker) -> None:
        self._kept[breaker.scope][breaker.dependency] = breaker

    async def operation(self, id_: UUID) -> BreakerOperation | None:
        return self._operations.get(id_)

    async def add_operation(self, operation: BreakerOperation) -> bool:
        return self._operations.setdefault(operation.id, operation) is operation


def receiver_of(catalogue: Catalogue, type: str, payload: Json) -> str:  # noqa: A002 -- the command's
    depends = catalogue.depending.get(type)
    return depends.receiver(payload) if depends else ""


def within(
    line: Iterable[CommandRecord], rooms: Mapping[str, Room], parts: Mapping[str, int]
) -> list[CommandRecord]:  # fmt: skip
    """Those of a line, in its order, for which there is room."""
    taken: list[CommandRecord] = []
    counted: Counter[str] = Counter()
    shared: Counter[str] = Counter()
    for each in line:
        name = each.command.type
        room = rooms.get(name, Room())
        among, most = room.probes, 1 if room.probes else None
        if room.apart is not None:
            among = each.dependency or room.apart
            most = parts.get(among, room.each)
        if _full(counted[name], room.most) or (among is not None and _full(shared[among], most)):
            continue
        counted[name] += 1
        if among is not None:
            shared[among] += 1
        taken.append(each)
    return taken


def _full(there: int, most: int | None) -> bool:
    return most is not None and there >= most
