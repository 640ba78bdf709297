"""What this process knows of gates it read, or heard that nothing changed since; what is older is not told."""

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from application.periods.tables import EntityTable, read_table
from application.ports.periods_news import PeriodNews
from application.ports.store import Store
from domain.errors import Unavailable

LONGEST_SILENCE = 30.0
"""Seconds for which what was read is told on after the last sign that news would be heard."""
_MOST_HELD = 500_000
"""Periods, gates and exceptions of all entities together; the entity that was asked for last stays in any case."""
_AT_A_TIME = 8

Place = tuple[UUID, str]
Heard = tuple[int, int, int]
"""The line, how often news of all was lost on it, and how often news of one tenant was heard."""


class GateUnknown(Unavailable):
    """What the gates allow is not known now, so nothing is allowed."""

    kind = "gate-unknown"


@dataclass(frozen=True)
class Known:
    """The reading of this `number` began at `began`, in seconds of the process, when `heard` had been heard."""

    table: EntityTable | None
    number: int
    began: float
    heard: Heard

    @property
    def size(self) -> int:
        return 1 if self.table is None else 1 + self.table.size


class KnownTables:
    """By tenant and entity, read when first asked for, and again after news of the tenant was heard."""

    def __init__(
        self,
        store: Store,
        news: PeriodNews,
        longest_silence: float = LONGEST_SILENCE,
        most_held: int = _MOST_HELD,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._news = news
        self._longest_silence = longest_silence
        self._most_held = most_held
        self._seconds = seconds
        self._held: OrderedDict[Place, Known] = OrderedDict()
        self._size = self._begun = self._of_all = 0
        self._of_one: dict[UUID, int] = defaultdict(int)
        self._readings: dict[Place, tuple[Heard, asyncio.Task[Known]]] = {}
        self._hands = asyncio.Semaphore(_AT_A_TIME)

    def at_hand(self, tenant: UUID, entity: str) -> Known | None:
        """What is held, while it is fresh enough to be told."""
        held = self._held.get((tenant, entity))
        if held is None or not self._is_told_on(tenant, held):
            return None
        self._held.move_to_end((tenant, entity))
        return held

    async def get(self, tenant: UUID, entity: str) -> Known:
        """Raises GateUnknown."""
        return self.at_hand(tenant, entity) or await self._load((tenant, entity))

    def age(self, known: Known) -> float:
        """Seconds in which something may have been changed that was not heard of."""
        return max(0.0, min(self._seconds() - known.began, self._news.silence))

    async def follow(self) -> None:
        """Runs as long as the process."""
        async for tenant in self._news.listen():
            if tenant is None:
                self._of_all += 1
            else:
                self._of_one[tenant] += 1

    def _is_told_on(self, tenant: UUID, held: Known) -> bool:
        return held.heard == self._heard(tenant) and self.age(held) <= self._longest_silence

    def _heard(self, tenant: UUID) -> Heard:
        return self._news.line, self._of_all, self._of_one[tenant]

    async def _load(self, place: Place) -> Known:
        """Read once for all who ask while nothing more is heard."""
        heard = self._heard(place[0])
        reading = self._readings.get(place)
        if reading is None or reading[0] != heard:
            reading = self._readings[place] = heard, asyncio.create_task(self._read(place, heard))
            reading[1].add_done_callback(partial(self._done, place))
        return await asyncio.shield(reading[1])  # who hangs up takes nobody else along

    async def _read(self, place: Place, heard: Heard) -> Known:
        self._begun += 1
        number, began = self._begun, self._seconds()
        try:
            async with self._hands, self._store.transaction(place[0]) as tx:
                known = Known(await read_table(tx, place[1]), number, began, heard)
        except Unavailable as error:
            self._forget(place)
            raise GateUnknown(entity=place[1]) from error
        held = self._held.get(place)
        if held is None or held.number < number:
            self._keep(place, known)
        return known

    def _done(self, place: Place, task: "asyncio.Task[Known]") -> None:
        if self._readings.get(place, (None, None))[1] is task:
            del self._readings[place]
        if not task.cancelled():
            task.exception()  # of which everybody who waited was told

    def _keep(self, place: Place, known: Known) -> None:
        self._forget(place)
        self._held[place] = known
        self._size += known.size
        while len(self._held) > 1 and self._size > self._most_held:
            self._forget(next(iter(self._held)))

    def _forget(self, place: Place) -> None:
        gone = self._held.pop(place, None)
        self._size -= 0 if gone is None else gone.size
