import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from adapters.memory.store import MemoryStore
from application.events.listeners import Listeners
from application.events.publishing import Publisher
from application.events.tails import Tail
from application.events.watching import Scene, Seen, TooManyWatchers, Watching
from application.ports.records import Tenant
from domain.environments import Environment
from domain.events import Event, EventType, Subject, new_event_id
from domain.people import Actor, PermissionMissing, Role
from tests.world import START

DEV = Environment.DEV
TENANT = Tenant(uuid4(), "t-watching", "Watched")
EVE = Actor(TENANT.id, uuid4(), "eve", roles=frozenset({Role.VIEWER}))


class Word:
    """News that the test gives."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[UUID, Environment] | None] = asyncio.Queue()
        self.alive, self.line = True, 1

    async def listen(self) -> AsyncIterator[tuple[UUID, Environment] | None]:
        while True:
            yield await self.queue.get()

    def give(self) -> None:
        self.queue.put_nowait((TENANT.id, DEV))


@pytest_asyncio.fixture
async def store() -> MemoryStore:
    store = MemoryStore()
    await store.create_tenant(TENANT)
    return store


def happened(key: str, kind: EventType = EventType.SETTING_CHANGED) -> Event:
    return Event(new_event_id(START), kind, TENANT.id, DEV, Subject(key, "", 1), START)


async def tell(store: MemoryStore, *keys: str, kind: EventType = EventType.SETTING_CHANGED) -> None:
    async with store.transaction(TENANT.id) as tx:
        await tx.events.add(*(happened(key, kind) for key in keys))
    await Publisher(store).publish(TENANT.id)


def keys(seen: Seen) -> list[str | None]:
    return [event.subject.key for event in seen.events]


class TestWatching:
    async def test_goes_on_behind_the_position(self, store: MemoryStore) -> None:
        watching = Watching(store)
        await tell(store, "a", "b")
        seen = await watching.wait(EVE, Scene(), 1, 0)
        assert (keys(seen), seen.position) == (["b"], 2)

    async def test_moves_on_over_what_was_not_asked_for(self, store: MemoryStore) -> None:
        watching = Watching(store)
        await tell(store, "a", "b")
        assert await watching.wait(EVE, Scene(DEV, "c"), 0, 0) == Seen(2)

    async def test_from_a_position_that_never_was_reads_everything_anew(self, store: MemoryStore) -> None:
        await tell(store, "a")
        assert await Watching(store).wait(EVE, Scene(), 99, 0) == Seen(1, resync=True)

    async def test_is_for_who_may_read(self, store: MemoryStore) -> None:
        with pytest.raises(PermissionMissing):
            await Watching(store).present(replace(EVE, roles=frozenset()))

    async def test_of_one_process_has_an_end(self, store: MemoryStore) -> None:
        watching = Watching(store, most=1)
        async with watching.seated(EVE):
            with pytest.raises(TooManyWatchers):
                await watching.wait(EVE, Scene(), 0, 0)
        assert (await watching.wait(EVE, Scene(), 0, 0)).silent

    async def test_tells_who_is_seated_what_is_told_and_nothing_when_nothing_is(self, store: MemoryStore) -> None:
        watching = Watching(store)
        async with watching.seated(EVE) as tail:
            assert await watching.next(EVE, Scene(), tail, 0, 0.05) == Seen(0)
            await tell(store, "a")
            assert keys(await watching.next(EVE, Scene(), tail, 0, 20)) == ["a"]

    async def test_outlives_an_outage_of_the_database(self, store: MemoryStore) -> None:
        watching = Watching(store)
        begin = await watching.present(EVE)
        waiting = asyncio.create_task(watching.wait(EVE, Scene(), begin, 20))
        await asyncio.sleep(0.05)
        await tell(store, "a")
        store.down = True
        await asyncio.sleep(1.1)
        store.down = False
        assert keys(await waiting) == ["a"]


class TestTail:
    def test_lets_the_oldest_go_and_says_where_the_database_must_be_asked(self) -> None:
        tail = Tail(0, 0)
        for position in range(1, 2502):
            tail.grow([replace(happened("k"), position=position)])
        assert (tail.floor, tail.position, len(tail.events)) == (501, 2501, 2000)
        assert tail.after(500) is None
        assert tail.after(2502) is None
        first = tail.after(501)
        assert first is not None
        assert [first[0].position, first[-1].position] == [502, 1001]
        assert tail.after(2501) == []


class TestListeners:
    async def test_hear_each_event_once_and_again_when_they_failed(self, store: MemoryStore) -> None:
        heard: list[str | None] = []
        failures = [RuntimeError()]

        async def listener(_tenant: UUID, events: Any) -> None:
            heard.extend(event.subject.key for event in events)
            if failures:
                raise failures.pop()

        word = Word()
        following = asyncio.create_task(Listeners(store, listener, pause=0).follow(word))
        await tell(store, "a")
        word.give()
        await self._until(heard, ["a", "a"])
        word.give()
        await tell(store, "b")
        word.give()
        await self._until(heard, ["a", "a", "b"])
        following.cancel()

    async def test_one_that_fails_holds_no_other_up(self, store: MemoryStore) -> None:
        heard: list[str | None] = []

        async def broken(_tenant: UUID, _events: Any) -> None:
            raise RuntimeError

        async def listener(_tenant: UUID, events: Any) -> None:
            heard.extend(event.subject.key for event in events)

        first, second = Word(), Word()
        words = iter([first, second])

        class Both(Word):
            def listen(self) -> AsyncIterator[tuple[UUID, Environment] | None]:
                return next(words).listen()

        following = asyncio.create_task(Listeners(store, broken, listener, pause=0.01).follow(Both()))
        await tell(store, "a")
        first.give()
        second.give()
        await self._until(heard, ["a"])
        following.cancel()

    async def _until(self, heard: list[str | None], expected: list[str]) -> None:
        async with asyncio.timeout(60):
            while heard != expected:  # noqa: ASYNC110 -- a list sets no event
                await asyncio.sleep(0.01)
