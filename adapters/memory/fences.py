"""Remote modules and their fences in memory, where one transaction runs at a time."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.rows import Rows
from application.ports.fences import FenceFilter
from domain.errors import AlreadyExists, Stale
from domain.fences import EpochUnknown, Fence, RemoteModule, RemoteModuleMissing, check_epoch, serving
from domain.periods import GateKey, StaleEpoch


class MemoryFences:
    def __init__(self, rows: Rows) -> None:
        self._modules = rows.remote_modules
        self._fences = rows.fences
        self._gates = rows.gates

    async def module(self, code: str, *, lock: bool = False) -> RemoteModule | None:
        del lock
        return self._modules.get(code)

    async def modules(self, after: str, limit: int) -> list[RemoteModule]:
        return [self._modules[code] for code in sorted(self._modules) if code > after][:limit]

    async def serving(self, entity: str, scope: str) -> list[RemoteModule]:
        return serving(self._modules.values(), entity, scope)

    async def put_module(self, module: RemoteModule) -> None:
        before = self._modules.get(module.code)
        if (before.version if before else 0) != module.version - 1:
            raise Stale(expected=module.version - 1)
        self._modules[module.code] = replace(module, scope=before.scope) if before else module

    async def add(self, *fences: Fence) -> None:
        for fence in fences:
            newest = await self.newest(fence.module, fence.gate.key)
            if newest is not None and newest.epoch == fence.epoch:
                raise AlreadyExists
            self._fences[fence.id] = fence

    async def save(self, *fences: Fence) -> None:
        self._fences.update({fence.id: fence for fence in fences})

    async def get(self, fence: UUID) -> Fence | None:
        return self._fences.get(fence)

    async def newest(self, module: str, key: GateKey) -> Fence | None:
        return max(self._at(module, key), key=lambda each: each.epoch, default=None)

    async def newest_at(self, keys: Collection[GateKey]) -> dict[tuple[str, GateKey], Fence]:
        every = sorted(self._fences.values(), key=lambda each: each.epoch)
        return {(each.module, each.gate.key): each for each in every if each.gate.key in set(keys)}

    async def of_run(self, run: UUID) -> list[Fence]:
        found = [each for each in self._fences.values() if each.run == run]
        return sorted(found, key=lambda each: (each.gate.key.scope, each.module, each.epoch))

    async def page(self, wanted: FenceFilter, before: tuple[datetime, UUID] | None, limit: int) -> list[Fence]:
        found = [
            each
            for each in self._fences.values()
            if wanted.module in {None, each.module}
            and wanted.state in {None, each.state}
            and wanted.run in {None, each.run}
            and (each.outstanding or not wanted.outstanding)
            and (before is None or (each.asked_at, each.id) < before)
        ]
        return sorted(found, key=lambda each: (each.asked_at, each.id), reverse=True)[:limit]

    async def assert_epoch(self, module: str, entity: str, period: UUID, epoch: int) -> None:
        known = self._modules.get(module)
        if known is None or not known.serves(entity, known.scope):
            raise RemoteModuleMissing(code=module)
        key = GateKey(entity, period, known.scope)
        gate = self._gates.get(key)
        present = gate.epoch if gate else 0
        try:
            check_epoch(present, epoch, self._at(module, key))
        except (StaleEpoch, EpochUnknown) as refusal:
            refusal.facts = {"module": module, "entity": entity, "scope": known.scope, **refusal.facts}
            raise

    def _at(self, module: str, key: GateKey) -> list[Fence]:
        return [each for each in self._fences.values() if (each.module, each.gate.key) == (module, key)]
