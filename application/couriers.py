"""Tickets that are due are attended to, and a system that hangs holds up what is for itself and nothing else."""

from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final
from uuid import UUID

from application.faring import Sent
from application.ports.outward import Errands
from application.rounds import Lanes, again_and_again

MOST_CALLS: Final = 48
MOST_EACH: Final = 4
"""Errands at a time, altogether and on one lane."""

Attend = Callable[[UUID, UUID], Coroutine[Any, Any, Sent | None]]
"""Of a tenant one ticket; how it fared, where anything left."""


class Courier:
    def __init__(self, errands: Errands, attend: Attend, *, pause: float = 0.5) -> None:
        self._errands = errands
        self._attend = attend
        self._pause = pause
        self._lanes = Lanes(MOST_CALLS, MOST_EACH)

    @property
    def sent(self) -> Counter[Sent]:
        return self._lanes.sent

    async def run(self) -> None:
        """Until cancelled; an outage of the database only delays it."""
        try:
            await again_and_again("courier", self.round, self._pause)
        finally:
            await self._lanes.stop()

    async def round(self) -> None:
        """Errands are begun and not waited for."""
        for errand in await self._errands.errands():
            attend = partial(self._attend, errand.tenant, errand.id)
            self._lanes.begin(errand.id, errand.lane, attend, what="ticket", id=str(errand.id))

    async def settled(self) -> None:
        """Once everything that was begun has ended."""
        await self._lanes.settled()
