"""The loop takes turns, keeps within bounds, and is only delayed by outages, whatever it leases."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Hashable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from relaying import eventually
from temporal_outbox.events import Deaf, Delayed, Event, LaneFailed, Leased
from temporal_outbox.relay import Away, Due, Pace, Relay, room


class Numbers:
    """Lanes of numbers, two of each in a lease; `down` is what does not answer, `broken` the lanes with a defect.

    What is slow in those that are `apart` counts for nothing of its lane any more.
    """

    def __init__(self, **lanes: list[int]) -> None:
        self.lanes = lanes
        self.begun: list[list[int]] = []
        self.asked = 0
        self.down: set[str] = set()
        self.broken: set[str] = set()
        self.apart: set[str] = set()
        self.soon = False
        self.end = asyncio.Event()
        self.listened = asyncio.Event()
        self.news: asyncio.Queue[Exception | None] = asyncio.Queue()

    async def due(self) -> Due[str]:
        self.asked += 1
        self._there("due")
        return Due([lane for lane, found in self.lanes.items() if found], self.soon)

    async def reach(self) -> None:
        self._there("reach")

    async def lease(self, lane: str, busy: Counter[Hashable]) -> AsyncGenerator[list[int]]:
        if lane in self.broken:
            raise ZeroDivisionError
        if self.lanes[lane] and room(busy, {lane: 2, "all": 3}) > 0:
            taken, self.lanes[lane] = self.lanes[lane][:2], self.lanes[lane][2:]
            yield taken

    def counts(self, lease: list[int]) -> Collection[Hashable]:
        return (chr(lease[0]), "all") if lease[0] >= ord("a") else ("all",)

    def counts_slow(self, lease: list[int]) -> Collection[Hashable]:
        if "slow" in self.broken:
            raise ZeroDivisionError
        return ("slow",) if chr(lease[0]) in self.apart else self.counts(lease)

    async def begin(self, lease: list[int]) -> None:
        self._there("begin")
        self.begun.append(lease)

    async def give_back(self, lease: list[int]) -> None:
        self.lanes["a"] = [*lease, *self.lanes["a"]]

    async def over(self, lease: list[int]) -> None:
        await self.end.wait()

    async def listen(self, lasting: timedelta) -> None:
        self.listened.set()

    async def told(self) -> AsyncIterator[None]:
        while (word := await self.news.get()) is None:
            yield
        raise word

    def _there(self, what: str) -> None:
        if what in self.down:
            raise Away(what)


@pytest.fixture
def events() -> list[Event]:
    return []


def made(numbers: Numbers, events: list[Event], **pace: Any) -> Relay[str, list[int]]:
    usual = Pace(busy=0.001, idle=0.001, outage=0.001, longest_outage=0.004)
    return Relay(numbers, news=numbers.told, pace=replace(usual, **pace), tell=events.append)


A, B = ord("a"), ord("b")


async def test_each_lane_has_its_turn_within_the_bounds_of_what_is_not_over(events: list[Event]) -> None:
    numbers = Numbers(a=[A] * 20, b=[B, B])
    relay = made(numbers, events)
    assert await relay.turn() == 4
    assert await relay.round() == 2
    assert (relay.flying, numbers.begun) == (3, [[A, A], [B, B], [A, A]])
    numbers.lanes["b"] = [B, B]
    numbers.end.set()
    await relay.settled()
    assert await relay.turn() == 4
    assert [each.lane for each in events if isinstance(each, Leased)] == ["a", "b", "a", "a", "b"]


async def test_the_lane_goes_first_of_which_least_is_not_over(events: list[Event]) -> None:
    numbers = Numbers(a=[A] * 2)
    relay = made(numbers, events)
    await relay.round()
    numbers.lanes = {"a": [A, A], "b": [B, B]}
    await relay.turn()
    assert numbers.begun == [[A, A], [B, B], [A, A]]


@pytest.mark.parametrize(("slow", "apart", "most"), [(0, {"a"}, 10), (0, {"b"}, 2), (3600, {"a"}, 2)])
async def test_what_is_slow_may_leave_its_place_to_others(
    events: list[Event], slow: float, apart: set[str], most: int
) -> None:
    """Once it is over it counts for nothing."""
    numbers = Numbers(a=[A] * 20)
    numbers.apart = apart
    relay = made(numbers, events, slow=slow)
    await relay.round()
    assert relay.flying == most
    numbers.end.set()
    await relay.settled()
    numbers.end.clear()
    numbers.apart, numbers.lanes = set(), {"a": [A] * 6, "b": [B] * 6}
    await relay.round()
    assert relay.flying == 3


async def test_what_cannot_be_counted_anew_counts_as_it_did(events: list[Event]) -> None:
    numbers = Numbers(a=[A] * 6, b=[B] * 2)
    numbers.broken = {"slow"}
    relay = made(numbers, events, slow=0)
    assert await relay.round() == 6
    assert [each.lane for each in events if isinstance(each, LaneFailed)] == ["a", "b", "a"]


async def test_a_defect_in_one_lane_holds_no_other_up(events: list[Event]) -> None:
    numbers = Numbers(a=[A], b=[B])
    numbers.broken = {"a"}
    assert await made(numbers, events).turn() == 1
    assert [each.lane for each in events if isinstance(each, LaneFailed)] == ["a"]


@pytest.mark.parametrize("what", ["due", "reach", "begin"])
async def test_an_outage_delays_it_longer_and_longer_and_loses_nothing(events: list[Event], what: str) -> None:
    numbers = Numbers(a=[A])
    numbers.down = {what}
    relay = made(numbers, events)
    running = asyncio.create_task(relay.run())
    await eventually(lambda: _many(events, 4))
    assert numbers.lanes["a"] == [A]
    assert [each.pause for each in events if isinstance(each, Delayed)][:4] == [0.001, 0.002, 0.004, 0.004]
    numbers.down = set()
    await eventually(lambda: _begun(numbers, [[A]]))
    relay.stop()
    await running


async def test_who_has_nothing_to_do_is_told_and_listens_anew_where_it_no_longer_hears(events: list[Event]) -> None:
    numbers = Numbers(a=[])
    relay = made(numbers, events, idle=3600)
    running = asyncio.create_task(relay.run())
    await numbers.listened.wait()
    numbers.news.put_nowait(ConnectionError())
    await eventually(lambda: _deaf(events))
    numbers.lanes["a"] = [A]
    numbers.news.put_nowait(None)
    await eventually(lambda: _begun(numbers, [[A]]))
    relay.stop()
    await running


@pytest.mark.parametrize("number", [1, A])
async def test_what_counts_for_no_lane_keeps_nobody_from_being_told(events: list[Event], number: int) -> None:
    """As what is slow and counts apart."""
    numbers = Numbers(a=[number])
    numbers.apart = {"a"}
    relay = made(numbers, events, idle=3600, slow=0)
    running = asyncio.create_task(relay.run())
    await eventually(lambda: _begun(numbers, [[number]]))
    await asyncio.wait_for(numbers.listened.wait(), 60)
    relay.stop()
    await running


async def test_it_looks_again_soon_where_nobody_would_tell(events: list[Event]) -> None:
    numbers = Numbers(a=[])
    numbers.soon = True
    relay = made(numbers, events, idle=3600)
    running = asyncio.create_task(relay.run())
    await eventually(lambda: _asked(numbers, 10))
    relay.stop()
    await running


async def test_it_stops_while_it_waits_for_a_server(events: list[Event]) -> None:
    numbers = Numbers(a=[A])
    numbers.down = {"reach"}
    relay = made(numbers, events, outage=3600, longest_outage=3600)
    running = asyncio.create_task(relay.run())
    await eventually(lambda: _many(events, 1))
    relay.stop()
    await running
    assert await relay.round() == 0


async def _many(events: list[Event], many: int) -> bool:
    return sum(isinstance(each, Delayed) for each in events) >= many


async def _deaf(events: list[Event]) -> bool:
    return any(isinstance(each, Deaf) for each in events)


async def _begun(numbers: Numbers, wanted: list[list[int]]) -> bool:
    return numbers.begun == wanted


async def _asked(numbers: Numbers, many: int) -> bool:
    return numbers.asked >= many
