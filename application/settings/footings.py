"""Some keys of an environment that is not held are read by themselves, once for all who ask for them at a time."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from application.ports.store import News, Store
from application.settings.claims import Place
from application.settings.developing import Snapshot, developed
from application.settings.sharing import SharedSettings

_MOST = 10_000


@dataclass
class Footing:
    """What is known of a place until there is news of it: its epoch, as heard on one line, and who is reading."""

    line: int
    epoch: int | None = None
    asked: int = 0
    flights: dict[tuple[str, ...], asyncio.Task[Snapshot | None]] = field(default_factory=dict)


class Footings:
    """What has not changed since it was shared is told without the database."""

    def __init__(self, store: Store, news: News, clock: Callable[[], datetime], shared: SharedSettings | None) -> None:
        self._store = store
        self._news = news
        self._clock = clock
        self._shared = shared
        self._known: OrderedDict[Place, Footing] = OrderedDict()

    def forget(self, place: Place) -> None:
        """Whoever is reading may be told what was; whoever asks from now on is not."""
        self._known.pop(place, None)

    def asked(self, place: Place) -> int:
        """How often, this time included, since there was news of it."""
        footing = self._footing(place)
        footing.asked += 1
        return footing.asked

    async def some(self, place: Place, keys: Collection[str]) -> Snapshot | None:
        """None where the database is to be asked."""
        if self._shared is None:
            return None
        footing, asked = self._footing(place), tuple(sorted(set(keys)))
        flight = footing.flights.get(asked)
        if flight is None:
            flight = footing.flights[asked] = asyncio.create_task(self._read(self._shared, place, asked, footing))
            flight.add_done_callback(lambda done: _landed(footing, asked, done))
        return await asyncio.shield(flight)

    def _footing(self, place: Place) -> Footing:
        footing = self._known.get(place)
        if footing is None or footing.line != self._news.line:
            footing = self._known[place] = Footing(self._news.line)
        self._known.move_to_end(place)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return footing

    async def _read(
        self, shared: SharedSettings, place: Place, keys: tuple[str, ...], footing: Footing
    ) -> Snapshot | None:
        if footing.epoch is None:
            async with self._store.transaction(place[0]) as tx:
                footing.epoch = await tx.settings.epoch(place[1])
        picture = await shared.some(place, keys, footing.epoch)
        if picture is None:
            return None
        footing.epoch = max(footing.epoch, picture.epoch)
        return await developed(place[0], picture, footing.line, self._clock)


def _landed(footing: Footing, asked: tuple[str, ...], flight: asyncio.Task[Snapshot | None]) -> None:
    footing.flights.pop(asked, None)
    if not flight.cancelled():
        flight.exception()  # whoever waited was told; there may be nobody left
