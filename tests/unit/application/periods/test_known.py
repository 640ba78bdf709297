"""What is known of gates is told while news would be heard, and otherwise nothing is allowed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from application.periods import known
from application.periods.checking import Question
from application.periods.known import GateUnknown
from application.periods.tables import EntityTable, read_table
from domain.periods import Operation
from tests.gatekeeping import Bookroom
from tests.unit.application.periods.advising import PATIENCE, Adviser
from tests.world import World, world_in

MARCH = "2024-03"
Read = Callable[[Any, str], Awaitable[EntityTable | None]]


@pytest_asyncio.fixture
async def here(world: World) -> AsyncIterator[Adviser]:
    adviser = Adviser(world)
    await adviser.books.furnish(2024)
    await adviser.books.stand(MARCH, "AP", "open")
    following = asyncio.create_task(adviser.checks.follow())
    yield adviser
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The entities that were read, in their order."""
    seen: list[str] = []
    read: Read = read_table

    async def counted(tx: Any, entity: str) -> EntityTable | None:
        seen.append(entity)
        await asyncio.sleep(0)
        return await read(tx, entity)

    monkeypatch.setattr(known, "read_table", counted)
    return seen


class TestMemory:
    @pytest.mark.req("FP42")
    async def test_answers_while_the_database_is_away(self, here: Adviser) -> None:
        assert await here.told() == ""
        here.down()
        assert await here.told() == ""

    async def test_is_read_anew_after_news_of_the_tenant(self, here: Adviser) -> None:
        assert await here.told() == ""
        await here.books.move(MARCH, "AP", "closed")
        assert await here.told() == ""
        await here.wire.tell(here.world.tenant.id)
        assert await here.told() == "period-closed"

    async def test_stays_after_news_of_another(self, here: Adviser, readings: list[str]) -> None:
        other = await world_in(here.world.store, here.world.clock)
        await here.told()
        await here.wire.tell(other.tenant.id)
        await here.told()
        assert readings == ["acme"]

    async def test_is_read_anew_when_news_may_have_been_lost(self, here: Adviser, readings: list[str]) -> None:
        await here.told()
        await here.wire.tell(None)
        await here.told()
        here.wire.line += 1
        await here.told()
        assert readings == ["acme"] * 3

    async def test_of_who_has_no_books_is_kept_as_well(self, here: Adviser, readings: list[str]) -> None:
        asked = {"entity": "nobody"}
        assert [await here.told(**asked), await here.told(**asked)] == ["books-missing"] * 2
        assert readings == ["nobody"]

    async def test_of_one_tenant_is_never_told_to_another(self, here: Adviser) -> None:
        other = await world_in(here.world.store, here.world.clock)
        await Bookroom(other.store, other.tenant.id, other.root.id).furnish(2024)
        assert [await here.told(), await here.told(by=other.eve)] == ["", "period-pending"]

    @pytest.mark.req("FP44")
    async def test_is_read_once_for_five_hundred_who_ask_at_once(self, here: Adviser, readings: list[str]) -> None:
        assert await asyncio.gather(*(here.told() for _ in range(500))) == [""] * 500
        assert readings == ["acme"]
        here.down()
        assert await asyncio.gather(*(here.told() for _ in range(500))) == [""] * 500

    async def test_hears_news_that_comes_while_it_is_read(self, here: Adviser, monkeypatch: pytest.MonkeyPatch) -> None:
        read: Read = read_table

        async def overtaken(tx: Any, entity: str) -> EntityTable | None:
            found = await read(tx, entity)
            await here.wire.tell(here.world.tenant.id)
            return found

        monkeypatch.setattr(known, "read_table", overtaken)
        assert await here.told() == ""
        monkeypatch.setattr(known, "read_table", read)
        await here.books.move(MARCH, "AP", "closed")
        assert await here.told() == "period-closed"

    async def test_lets_go_of_who_was_not_asked_for_longest(self, world: World, readings: list[str]) -> None:
        here = Adviser(world, most_held=40)
        for entity in ("acme", "bits", "cogs"):
            await Bookroom(world.store, world.tenant.id, world.root.id, entity).furnish(2024)
        for entity in ("acme", "bits", "acme", "cogs", "acme", "bits"):
            await here.told(entity=entity)
        assert readings == ["acme", "bits", "cogs", "bits"]


class TestSilence:
    async def test_is_told_with_the_answer(self, here: Adviser) -> None:
        await here.told()
        here.seconds += 10
        here.wire.silence = 4.5
        asked = Question("acme", "AP", Operation.TRANSACTION, "2024-03-15")
        assert (await here.checks.ask(here.world.eve, [asked])).age == 4.5

    async def test_is_borne_for_a_while(self, here: Adviser, readings: list[str]) -> None:
        await here.told()
        here.seconds += PATIENCE
        here.wire.silence = PATIENCE
        await here.told()
        assert readings == ["acme"]

    @pytest.mark.req("FP42")
    async def test_that_lasts_longer_has_it_read_again(self, here: Adviser) -> None:
        await here.told()
        await here.books.move(MARCH, "AP", "closed")
        here.seconds += PATIENCE + 1
        here.wire.silence = PATIENCE + 1
        assert await here.told() == "period-closed"

    @pytest.mark.req("FP42")
    async def test_allows_nothing_once_nobody_can_say(self, here: Adviser) -> None:
        await here.told()
        here.down()
        here.seconds += PATIENCE + 1
        here.wire.silence = PATIENCE + 1
        with pytest.raises(GateUnknown):
            await here.ask()
        here.down(so=False)
        assert await here.told() == ""

    @pytest.mark.req("FP42")
    async def test_of_the_database_refuses_what_was_never_read(self, here: Adviser) -> None:
        here.down()
        with pytest.raises(GateUnknown):
            await here.ask()

    @pytest.mark.req("FP42")
    async def test_after_news_nothing_old_is_told(self, here: Adviser) -> None:
        await here.told()
        await here.wire.tell(here.world.tenant.id)
        here.down()
        with pytest.raises(GateUnknown):
            await here.ask()
