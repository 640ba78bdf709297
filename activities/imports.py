"""What an import does to the world: each step may be done again, and tells how far it is while it works."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

from temporalio import activity

from activities.refusals import typed
from application.ports.imports import Progress
from application.settings.importing import Importing, Reached, Stand
from domain.errors import Unavailable

AT_ONCE = 2
"""A large bundle takes memory and time: the others wait, and say that they live."""
PULSE_SECONDS = 1.0

Step = Callable[[UUID, UUID, Reached], Awaitable[Stand]]


@dataclass(frozen=True)
class OfImport:
    """`cause` says why it is given up, where it is."""

    tenant: UUID
    record: UUID
    cause: str = ""


class ImportActivities:
    def __init__(self, importing: Importing) -> None:
        self._importing = importing
        self._gate = asyncio.Semaphore(AT_ONCE)

    @activity.defn(name="import.validate")
    async def validate(self, wish: OfImport) -> Stand:
        return await self._worked(wish, self._importing.validate)

    @activity.defn(name="import.plan")
    async def plan(self, wish: OfImport) -> Stand:
        return await self._worked(wish, self._importing.plan)

    @activity.defn(name="import.apply")
    async def apply(self, wish: OfImport) -> Stand:
        return await self._worked(wish, self._importing.apply)

    @activity.defn(name="import.standing")
    async def standing(self, wish: OfImport) -> Stand:
        with typed():
            return await self._importing.standing(wish.tenant, wish.record)

    @activity.defn(name="import.give_up")
    async def give_up(self, wish: OfImport) -> Stand:
        with typed():
            return await self._importing.give_up(wish.tenant, wish.record, wish.cause)

    @activity.defn(name="import.finish")
    async def finish(self, wish: OfImport) -> Stand:
        with typed():
            return await self._importing.finish(wish.tenant, wish.record)

    async def _worked(self, wish: OfImport, step: Step) -> Stand:
        with typed():
            async with self._pulse(wish) as reached, self._gate:
                return await step(wish.tenant, wish.record, reached)

    @asynccontextmanager
    async def _pulse(self, wish: OfImport) -> AsyncIterator[Reached]:
        """Beats while the step works, apart from it: what it has not committed yet, nobody else could see."""
        latest: list[Progress] = []
        beating = asyncio.create_task(self._beat(wish, latest))
        try:
            yield latest.append
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
            await self._told(wish, latest)

    async def _beat(self, wish: OfImport, latest: list[Progress]) -> None:
        while True:
            activity.heartbeat(*latest[-1:])
            await self._told(wish, latest)
            await asyncio.sleep(PULSE_SECONDS)

    async def _told(self, wish: OfImport, latest: list[Progress]) -> None:
        if not latest:
            return
        newest = latest[-1]
        latest.clear()
        try:
            await self._importing.report(wish.tenant, wish.record, newest)
        except Unavailable:
            activity.logger.warning("progress could not be written")
