"""What is due is leased, each lane in its turn, and begun; whoever has nothing to do waits to be told."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Hashable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from temporal_outbox.events import Deaf, Delayed, LaneFailed, Leased, Tell, logged

Lane = TypeVar("Lane", bound=Hashable)


class Lease(Protocol):
    """Its length is how many messages it holds."""

    def __len__(self) -> int: ...


Held = TypeVar("Held", bound=Lease)
News: TypeAlias = Callable[[], AsyncIterator[object]]
"""Word that something was added, while somebody has asked for it; also after it may have gone unheard."""


class Away(Exception):
    """PostgreSQL or Temporal does not answer; it is tried again in a moment."""


@dataclass(frozen=True)
class Due(Generic[Lane]):
    """The lanes in which something may be leased; `soon` when there may be more of it and nobody tells."""

    lanes: Sequence[Lane]
    soon: bool = False


@dataclass(frozen=True)
class Pace:
    """Seconds: between two looks, where nobody was told, and after an outage, twice as long after each that follows.

    A lease that is not over after `slow` may leave its place to others.
    """

    busy: float = 0.2
    idle: float = 1.0
    outage: float = 0.2
    longest_outage: float = 5.0
    slow: float = 5.0
    listens: timedelta = timedelta(seconds=3)

    def after(self, outages: int) -> float:
        return min(self.outage * 2.0 ** min(outages, 30), self.longest_outage)


PACE: Final = Pace()


class Source(Protocol[Lane, Held]):
    """Where messages wait, and who carries them out. Any number of relays may look at one."""

    async def due(self) -> Due[Lane]:
        """In no order that favours one lane."""
        ...

    async def reach(self) -> None:
        """Raises while nobody would carry a lease out: then nothing is leased."""
        ...

    def lease(self, lane: Lane, busy: Counter[Hashable]) -> AsyncGenerator[Held]:
        """What nobody else holds, and what `busy` leaves room for; each is begun, and counts, before the next."""
        ...

    def counts(self, lease: Held) -> Collection[Hashable]:
        """What it counts for in `busy` until it is over, or slow.

        By what counts for the lanes themselves these take their turns; where nothing does, a relay has nothing to do.
        """
        ...

    def counts_slow(self, lease: Held) -> Collection[Hashable]:
        """What it counts for instead once it has lasted `Pace.slow`: the same, or it holds up nobody any more."""
        ...

    async def begin(self, lease: Held) -> None:
        """Have it carried out. Beginning again what was begun changes nothing."""
        ...

    async def give_back(self, lease: Held) -> None:
        """What could not be begun is due at once, unless it was begun after all."""
        ...

    async def over(self, lease: Held) -> None:
        """Returns once it is carried out."""
        ...

    async def listen(self, lasting: timedelta) -> None:
        """For so long whoever adds a message tells."""
        ...


def room(busy: Counter[Hashable], bounds: Mapping[Hashable, int]) -> int:
    """How many leases more there may be, where there may be so many of each."""
    return min(most - busy[key] for key, most in bounds.items())


@dataclass
class _Flight(Generic[Lane, Held]):
    """A lease that is not over."""

    lane: Lane
    lease: Held
    begun: float
    counted: Counter[Hashable]
    slow: bool = False


class Relay(Generic[Lane, Held]):
    """`away` are the errors by which the source says that a server does not answer."""

    def __init__(
        self,
        source: Source[Lane, Held],
        away: type[Exception] = Away,
        news: News | None = None,
        pace: Pace = PACE,
        tell: Tell = logged,
    ) -> None:
        self._source = source
        self._away = away
        self._news = news
        self._pace = pace
        self._tell = tell
        self._heard = asyncio.Event()
        self._stopping = asyncio.Event()
        self._soon = False
        self._busy: Counter[Hashable] = Counter()
        self._flying: dict[asyncio.Task[None], _Flight[Lane, Held]] = {}

    @property
    def flying(self) -> int:
        """How many leases are not over."""
        return len(self._flying)

    async def run(self) -> None:
        """Until it is stopped or cancelled; an outage only delays it."""
        hearing = asyncio.create_task(self._hear())
        outages = 0
        try:
            while not self._stopping.is_set():
                try:
                    await self._look()
                    outages = 0
                except self._away as error:
                    pause = self._pace.after(outages)
                    outages += 1
                    self._tell(Delayed(error, pause))
                    await _within(pause, self._stopping)
        finally:
            for task in (hearing, *self._flying):
                task.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    def stop(self) -> None:
        """What is leased now is begun, and nothing more; then `run` returns."""
        self._stopping.set()
        self._heard.set()

    async def round(self) -> int:
        """Through what is due, until there is no more of it or no room for it; how many messages were leased."""
        leased = 0
        while not self._stopping.is_set() and (found := await self.turn()):
            leased += found
        return leased

    async def turn(self) -> int:
        """Once for each lane, however much lies in another; first those of which least is carried out now."""
        self._recount()
        due = await self._source.due()
        self._soon = due.soon
        lanes = sorted(due.lanes, key=lambda lane: self._busy[lane])
        if lanes:
            await self._source.reach()
        leased = 0
        for lane in lanes:
            if self._stopping.is_set():
                break
            try:
                leased += await self._led(lane)
            except self._away:
                raise
            except Exception as error:  # noqa: BLE001 -- whatever it is, other lanes go on
                self._tell(LaneFailed(lane, error))
        return leased

    async def settled(self) -> None:
        """Once every lease that it began is over."""
        await asyncio.gather(*self._flying)

    async def _look(self) -> None:
        """Whoever has nothing to do asks to be told, looks once more for what was added meanwhile, and waits."""
        self._heard.clear()
        if await self.round() or self._stopping.is_set():
            return
        idle = self._news is not None and not any(each.counted[each.lane] for each in self._flying.values())
        if idle:
            await self._source.listen(self._pace.listens)
            if await self.round() or self._stopping.is_set():
                return
        await _within(self._pace.idle if idle and not self._soon else self._pace.busy, self._heard)

    async def _hear(self) -> None:
        outages = 0
        while self._news is not None:
            try:
                async for _ in self._news():
                    self._heard.set()
                    outages = 0
            except Exception as error:  # noqa: BLE001 -- whatever it is, it looks by itself
                self._tell(Deaf(error))
            await asyncio.sleep(self._pace.after(outages))
            outages += 1

    async def _led(self, lane: Lane) -> int:
        led = 0
        async with aclosing(self._source.lease(lane, self._busy)) as leases:
            async for lease in leases:
                await self._begun(lane, lease)
                led += len(lease)
        if led:
            self._tell(Leased(lane, led))
        return led

    async def _begun(self, lane: Lane, lease: Held) -> None:
        """One that fails by a defect is left to the end of its lease: given back it would fail again at once."""
        try:
            await self._source.begin(lease)
        except self._away:
            await self._source.give_back(lease)
            raise
        flight = _Flight(lane, lease, asyncio.get_running_loop().time(), Counter(self._source.counts(lease)))
        self._busy += flight.counted
        flown = asyncio.create_task(self._flown(lane, lease))
        self._flying[flown] = flight
        flown.add_done_callback(self._landed)

    def _recount(self) -> None:
        """Those that have become slow since the last look."""
        now = asyncio.get_running_loop().time()
        for flight in self._flying.values():
            if flight.slow or now - flight.begun < self._pace.slow:
                continue
            flight.slow = True
            try:
                counted = Counter(self._source.counts_slow(flight.lease))
            except Exception as error:  # noqa: BLE001 -- it counts as it did, and other leases go on
                self._tell(LaneFailed(flight.lane, error))
                continue
            self._busy -= flight.counted
            self._busy += counted
            flight.counted = counted

    async def _flown(self, lane: Lane, lease: Held) -> None:
        try:
            await self._source.over(lease)
        except Exception as error:  # noqa: BLE001 -- nobody can say when it is over, and other leases go on
            self._tell(LaneFailed(lane, error))

    def _landed(self, flown: asyncio.Task[None]) -> None:
        self._busy -= self._flying.pop(flown).counted
        self._heard.set()


async def _within(seconds: float, event: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
