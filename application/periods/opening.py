"""Where the books say so, the period of today opens by itself; where they leave no room for it, it stays pending."""

from typing import Protocol
from uuid import UUID

from application.periods.moves import GateVerb
from application.periods.moving import GateWish, TooManyOpen, move
from application.periods.places import scopes_called, year_of
from application.ports.openings import DueOpenings
from application.ports.store import Store
from application.rounds import again_and_again, attended
from domain.calendars import NoPeriod, local_date
from domain.periods import Status

PAUSE = 60.0
WHY = "The period began."
_OPENED = frozenset(Status) - {Status.PENDING}


class OpeningStore(Store, DueOpenings, Protocol):
    """A store that can be asked whose periods may have begun."""


class Opening:
    def __init__(self, store: OpeningStore, *, pause: float = PAUSE) -> None:
        self._store = store
        self._pause = pause

    async def run(self) -> None:
        """Until cancelled; an outage only delays it."""
        await again_and_again("openings", self.sweep, self._pause)

    async def sweep(self) -> int:
        """One round; how many were looked at. One entity holds no other up."""
        due = await self._store.due_openings()
        for tenant, entity, scope in due:
            await attended(self.open(tenant, entity, scope), what="opening", id=f"{entity}/{scope}")
        return len(due)

    async def open(self, tenant: UUID, entity: str, scope: str) -> bool:
        """Whether there was room for it. What people moved already stays as it is."""
        try:
            async with self._store.transaction(tenant) as tx:
                year = await year_of(tx, entity, None, lock=True)
                await scopes_called(tx, (scope,))
                if year.books.opens_itself:
                    today = year.on(local_date(tx.now, year.entity.time_zone))
                    await move(tx, None, GateVerb.OPEN, [today], GateWish(WHY, (scope,)), _OPENED)
        except (TooManyOpen, NoPeriod):
            return False
        return True
