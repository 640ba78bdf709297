"""How a reopening stands, and which certificates no longer say what the books are."""

from dataclasses import dataclass
from uuid import UUID

from application.periods.places import period_called
from application.ports.closures import Place
from application.ports.store import Store, Transaction
from application.reopenings.stand import ReopenStand, ReopenStep, locked, missing, stand_of
from domain.closures import Reopening
from domain.people import Actor, Permission


@dataclass(frozen=True)
class ReopeningView:
    """`uncertified`: periods that were certified before they, or what they build on, were opened, and not since.

    `entries` is how many a limited window has let in.
    """

    reopening: Reopening
    uncertified: tuple[str, ...]
    entries: int = 0


class Looking:
    """Each raises PermissionMissing or Missing where it applies."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def stand(self, step: ReopenStep) -> ReopenStand:
        async with self._store.transaction(step.tenant) as tx:
            return await stand_of(tx, await locked(tx, step.reopening))

    async def get(self, actor: Actor, reopening: UUID) -> ReopeningView:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            found = await tx.reopenings.get(reopening)
            if found is None:
                raise missing(reopening)
            return await view_of(tx, found)

    async def page(
        self, actor: Actor, entity: str, period: str, before: Place | None, limit: int
    ) -> list[ReopeningView]:
        actor.require(Permission.PERIODS_READ)
        async with self._store.transaction(actor.tenant) as tx:
            place = await period_called(tx, entity, period)
            found = await tx.reopenings.page(entity, place.id, before, limit)
            return [await view_of(tx, each) for each in found]


async def view_of(tx: Transaction, reopening: Reopening) -> ReopeningView:
    if reopening.opened_at is None:
        return ReopeningView(reopening, ())
    uncertified = []
    for code in (*reopening.periods, *reopening.stale):
        place = await period_called(tx, reopening.entity, code)
        certificates = await tx.closures.certificates(reopening.entity, place.id)
        if not certificates or certificates[-1].closed_at <= reopening.opened_at:
            uncertified.append(code)
    return ReopeningView(reopening, tuple(uncertified), await tx.reopenings.entries(reopening.id))
