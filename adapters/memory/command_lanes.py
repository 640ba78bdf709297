"""Commands of every tenant in memory, as relays, sweepers and whoever purges find them."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from adapters.memory.command_counts import counted
from adapters.memory.commands import waiting
from adapters.memory.purged_commands import has_old_commands
from adapters.memory.rows import Catalogue, Rows
from application.ports.command_counts import CommandCount
from domain.commands import CommandRecord, CommandType
from domain.commands.answers import OWN
from domain.commands.dependencies import Dependence, newest


class MemoryCommandLanes(ABC):
    """A part of the store, which has the rows, the clock and the catalogue."""

    catalogue: Catalogue
    _clock: Callable[[], datetime]
    _rows: dict[UUID, Rows]

    @abstractmethod
    async def ping(self) -> None:
        """Unavailable while nothing can be read."""

    @abstractmethod
    def closed(self, tenant: UUID) -> bool:
        """Whether it, or one above it, is suspended or deleted."""

    async def put_command_types(self, types: Sequence[CommandType]) -> None:
        await self.ping()
        sendable = {(each.type, each.schema_version): each for each in types if each.domain != OWN}
        self.catalogue.types.update(sendable)
        domains = {each.domain for each in types}
        for key, each in self.catalogue.types.items():
            if each.domain in domains and key not in sendable:
                policy = {name: said for name, said in each.policy.items() if name != "follows"}
                self.catalogue.types[key] = replace(each, policy=policy)
        for name, policy in newest(types).items():
            self.catalogue.depending.pop(name, None)
            if (depends := Dependence.of(name, policy)) is not None:
                self.catalogue.depending[name] = depends

    async def due_commands(self) -> list[tuple[UUID, str]]:
        await self.ping()
        lanes = {(tenant, each.command.domain) for tenant, each in self._due() if not self.closed(tenant)}
        return random.sample(sorted(lanes), len(lanes))

    async def due_alone(self) -> set[tuple[UUID, str]]:
        await self.ping()
        return {(tenant, each.command.domain) for tenant, each in self._due() if each.alone}

    async def command_counts(self, domains: Collection[str]) -> list[CommandCount]:
        await self.ping()
        return counted(self._rows.values(), domains, self._clock())

    async def ended_leases(self) -> list[tuple[UUID, UUID]]:
        await self.ping()
        now = self._clock()
        leases = [(tenant, *each) for tenant, rows in self._rows.items() for each in rows.command_leases.items()]
        return [(tenant, lease) for tenant, lease, (_, ends_at) in leases if ends_at <= now]

    async def tenants_of_old_commands(self, age: timedelta) -> list[UUID]:
        await self.ping()
        return [tenant for tenant, rows in self._rows.items() if has_old_commands(rows, self._clock(), age)]

    async def listen_for_commands(self, lasting: timedelta) -> None:
        await self.ping()
        self.catalogue.listened = self._clock() + lasting

    def _due(self) -> list[tuple[UUID, CommandRecord]]:
        now = self._clock()
        return [(tenant, each) for tenant, rows in self._rows.items() for each in waiting(rows.commands, now)]
