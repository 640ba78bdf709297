"""Which fences stand, for those who wait and for modules that ask instead of being told."""

from datetime import datetime
from uuid import UUID

from application.fences.asking import outstanding
from application.fences.telling import last
from application.periods.places import period_called
from application.ports.fences import FenceFilter
from application.ports.store import Store, Transaction
from domain.errors import Missing
from domain.fences import Fence
from domain.fences.telling import Awaited, telling_of
from domain.people import Actor, Permission


class LookingAtFences:
    """Each raises PermissionMissing or Missing where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor, fence: UUID) -> Awaited:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.fences.get(fence)
            if found is None:
                raise Missing(kind_of_thing="module fence")
            return await _told(tx, found)

    async def check_epoch(self, actor: Actor, module: str, entity: str, period: str, epoch: int) -> None:
        """What `Fences.assert_epoch` would answer now: StaleEpoch, EpochUnknown or RemoteModuleMissing."""
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            place = await period_called(tx, entity, period)
            await tx.fences.assert_epoch(module, entity, place.id, epoch)

    async def page(
        self, actor: Actor, wanted: FenceFilter, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Fence]:  # fmt: skip
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            return await tx.fences.page(wanted, before, limit)


async def awaited(tx: Transaction, run: UUID) -> list[Awaited]:
    """What this close waits for."""
    return [await _told(tx, each) for each in await outstanding(tx, run)]


async def _told(tx: Transaction, fence: Fence) -> Awaited:
    record = await last(tx, fence)
    return Awaited(fence, None if record is None else telling_of(fence, record))
