"""Which fences stand, for those who wait and for modules that ask instead of being told."""

from datetime import datetime
from uuid import UUID

from application.periods.places import period_called
from application.ports.fences import FenceFilter
from application.ports.store import Store
from domain.errors import Missing
from domain.fences import Fence
from domain.people import Actor, Permission


class LookingAtFences:
    """Each raises PermissionMissing or Missing where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor, fence: UUID) -> Fence:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.fences.get(fence)
            if found is None:
                raise Missing(kind_of_thing="module fence")
            return found

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
