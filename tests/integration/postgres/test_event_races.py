import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.engine import connect
from adapters.postgres.store import PostgresStore
from application.events.publishing import Publisher
from application.ports.records import AuditFilter
from domain.errors import Refusal
from domain.events import Event, EventType, Subject, new_event_id
from domain.rollouts import State
from tests.wishing import DEV, cancel, define, say, ungovern, wish
from tests.world import START, Clock, World, world_in

WRITERS, EACH = 20, 10


class KilledError(Exception):
    """The writer died here."""


@pytest_asyncio.fixture
async def world(store: PostgresStore) -> World:
    world = await world_in(store, Clock())
    await ungovern(world)
    return world


@pytest_asyncio.fixture
async def doomed(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect(database_url)
    yield engine
    await engine.dispose()


def happened(world: World, key: str) -> Event:
    subject = Subject(key, "", 1)
    return Event(new_event_id(START), EventType.SETTING_CHANGED, world.tenant.id, DEV, subject, START)


async def after(world: World, position: int = 0) -> list[Event]:
    async with world.store.transaction(world.tenant.id) as tx:
        return await tx.events.after(position, 10_000)


async def told(world: World) -> list[Event]:
    await Publisher(world.store).publish(world.tenant.id)
    return await after(world)


class Reader:
    """Follows the cursor, and never looks back."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.read: list[Event] = []

    async def look(self) -> None:
        self.read += await after(self.world, self.read[-1].position or 0 if self.read else 0)

    async def follow(self, done: asyncio.Event) -> None:
        while not done.is_set():
            await self.look()
            await asyncio.sleep(0)
        await self.look()


class TestReaders:
    async def test_never_skip_what_is_committed_late(self, world: World) -> None:
        reader, publisher = Reader(world), Publisher(world.store)
        async with world.store.transaction(world.tenant.id) as slow:
            await slow.events.add(happened(world, "slow"))
            async with world.store.transaction(world.tenant.id) as quick:
                await quick.events.add(happened(world, "quick"))
            await publisher.publish(world.tenant.id)
            await reader.look()
            assert [each.subject.key for each in reader.read] == ["quick"]
        await publisher.publish(world.tenant.id)
        await reader.look()
        assert [each.subject.key for each in reader.read] == ["quick", "slow"]

    async def test_see_everything_of_many_writers_once_and_in_order(self, world: World) -> None:
        done, dice = asyncio.Event(), random.Random(7)

        async def write(writer: int) -> None:
            for number in range(EACH):
                async with world.store.transaction(world.tenant.id) as tx:
                    await tx.events.add(happened(world, f"{writer}.{number}"))
                    await asyncio.sleep(dice.random() / 50)

        async def publish() -> None:
            while not done.is_set():
                await Publisher(world.store).publish(world.tenant.id)
                await asyncio.sleep(dice.random() / 100)

        reader = Reader(world)
        others = [asyncio.create_task(publish()) for _ in range(3)]
        others.append(asyncio.create_task(reader.follow(done)))
        await asyncio.gather(*map(write, range(WRITERS)))
        await Publisher(world.store).publish(world.tenant.id)
        done.set()
        await asyncio.gather(*others)
        assert [each.position for each in reader.read] == list(range(1, WRITERS * EACH + 1))
        keys = [str(each.subject.key) for each in reader.read]
        assert len(set(keys)) == WRITERS * EACH
        for writer in range(WRITERS):
            assert [key for key in keys if key.startswith(f"{writer}.")] == [f"{writer}.{n}" for n in range(EACH)]

    @pytest.mark.req("FR-SM-001", "FR-SM-002")
    async def test_hear_of_every_version_of_a_key_in_its_order(self, world: World) -> None:
        await define(world)
        await asyncio.gather(*(say(world, wish("limit", number)) for number in range(WRITERS)))
        found = [each for each in await told(world) if each.type is EventType.SETTING_CHANGED]
        assert [each.subject.version for each in found] == list(range(1, WRITERS + 1))


class TestWriters:
    async def test_that_die_at_any_statement_tell_of_a_change_exactly_if_they_made_it(
        self, world: World, doomed: AsyncEngine
    ) -> None:
        await define(world)
        dying = World(PostgresStore(doomed), world.tenant, world.clock)
        dying.people = world.people
        statements = 0
        last = 0

        def die(*_: Any) -> None:
            nonlocal statements
            statements += 1
            if statements == last:
                raise KilledError

        event.listen(doomed.sync_engine, "before_cursor_execute", die)
        written = False
        while not written:
            last, statements = last + 1, 0
            try:
                await say(dying, wish("limit", last), wish("limit", last, "company:de"))
                written = True
            except (KilledError, Refusal):
                pass
            assert len(await self._changed(world)) == await self._audited(world) == (2 if written else 0)
        assert last > 8

    async def _changed(self, world: World) -> list[Event]:
        return [each for each in await told(world) if each.type is EventType.SETTING_CHANGED]

    async def _audited(self, world: World) -> int:
        async with world.store.transaction(world.tenant.id) as tx:
            return len(await tx.audit.page(AuditFilter(action="setting:value:changed"), None, 100))


@pytest.mark.req("ST79")
class TestPlans:
    async def test_are_told_when_they_begin_and_when_they_end(self, world: World) -> None:
        await define(world, default=0)
        soon = await self._soon(world)
        later = soon + timedelta(seconds=0.2)
        await say(world, wish("limit", 7, since=soon, until=later))
        assert [each.type for each in await told(world)] == [EventType.SETTING_DEFINED]
        assert [each.at for each in await self._eventually(world, 2)] == [soon, later]

    async def test_that_were_cancelled_are_never_told(self, world: World, engine: AsyncEngine) -> None:
        await define(world, default=0)
        soon = await self._soon(world)
        await say(world, wish("limit", 7, since=soon))
        await cancel(world, "limit", 1)
        await asyncio.sleep(0.6)
        assert [each.type for each in await told(world)] == [EventType.SETTING_DEFINED]
        async with engine.begin() as connection:
            await connection.execute(
                text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(world.tenant.id)}
            )
            left = await connection.scalar(text("SELECT count(*) FROM event WHERE position IS NULL"))
        assert left == 0

    async def test_that_something_goes_on_after_are_told_once(self, world: World) -> None:
        await define(world, default=0)
        await say(world, wish("limit", 1))
        soon = await self._soon(world)
        await say(world, wish("limit", 2, until=soon))
        ends = [each for each in await self._eventually(world, 3) if each.at == soon]
        assert [(each.subject.key, each.subject.scope) for each in ends] == [("limit", "")]

    async def _soon(self, world: World) -> Any:
        async with world.store.transaction(world.tenant.id) as tx:
            return tx.now + timedelta(seconds=0.5)

    async def _eventually(self, world: World, count: int) -> list[Event]:
        async with asyncio.timeout(60):
            while True:
                found = [each for each in await told(world) if each.type is EventType.SETTING_CHANGED]
                if len(found) == count:
                    return found
                await asyncio.sleep(0.05)


class TestFlags:
    @pytest.mark.req("FR-SM-013")
    async def test_that_a_rollout_serves_and_takes_back_are_told_with_its_change(self, world: World) -> None:
        rollout = await world.running()
        await world.progression.move(world.step(rollout, "back"), State.ROLLING_BACK, "aborted")
        await world.back(world.step(rollout, "restore"))
        found = await told(world)
        assert [each.type for each in found if each.type.of_flags] == [EventType.FEATURE_FLAG_UPDATED] * 2
        assert {each.change for each in found} == {rollout}
