"""Nothing that was committed stays untold: a worker numbers what no other process did, and forgets what is old."""

from datetime import timedelta

from application.events.publishing import Publisher, taken_up
from application.ports.events import Work, WorkKind
from application.ports.store import Store
from application.rounds import again_and_again, attended


class Relay:
    def __init__(self, store: Store, publisher: Publisher, *, keep: timedelta, pause: float = 0.25) -> None:
        """Events can be read again for as long as `keep`."""
        self._store = store
        self._publisher = publisher
        self._keep = keep
        self._pause = pause

    @property
    def publisher(self) -> Publisher:
        return self._publisher

    async def run(self) -> None:
        """Until cancelled; an outage of the database only delays it."""
        await again_and_again("relay", self.round, self._pause)

    async def round(self) -> None:
        for work in await self._store.event_work(self._keep):
            await attended(self._attend(work), what=work.kind.value, tenant=str(work.tenant))

    async def _attend(self, work: Work) -> None:
        match work.kind:
            case WorkKind.UNTOLD:
                await self._publisher.publish(work.tenant)
            case WorkKind.UNCARRIED:
                async with self._store.transaction(work.tenant) as tx:
                    await taken_up(tx)
            case WorkKind.OLD:
                async with self._store.transaction(work.tenant) as tx:
                    await tx.events.forget(self._keep)
