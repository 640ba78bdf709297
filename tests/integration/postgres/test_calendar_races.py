import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from adapters.holidays.listed import ListedHolidays
from adapters.postgres.engine import connect
from adapters.postgres.store import PostgresStore
from application.calendars.cases import CalendarCases
from application.calendars.configuring import CalendarWish
from application.calendars.making import Made, YearWish
from application.calendars.places import Place
from domain.calendars.keeping import YearsApart, YearUsed
from domain.errors import Missing, Stale
from tests.world import Clock, World, world_in

BOOKS = Place("books")
MONTHS = CalendarWish({"kind": "gregorian"})
CALLERS = 10


@pytest_asyncio.fixture
async def world(store: PostgresStore) -> World:
    return await world_in(store, Clock())


@pytest_asyncio.fixture
async def doors(store: PostgresStore, database_url: str) -> AsyncIterator[list[CalendarCases]]:
    """Two processes."""
    engine = connect(database_url)
    yield [CalendarCases.over(each, ListedHolidays()) for each in (store, PostgresStore(engine))]
    await engine.dispose()


async def rows(world: World, table: str) -> int:
    async with world.store.transaction(world.tenant.id) as tx:
        found = await tx._session.execute(text(f"SELECT count(*) FROM {table}"))  # type: ignore[attr-defined]  # noqa: S608 -- ours, in PostgreSQL
        return int(found.scalar_one())


class TestYears:
    @pytest.mark.req("FP24", "FP20", "FR-SM-021")
    async def test_asked_for_at_once_are_made_once(self, world: World, doors: list[CalendarCases]) -> None:
        await doors[0].configuring.put(world.root, BOOKS, MONTHS, expected=0, reason="because")
        made: list[Made] = await asyncio.gather(
            *(door.making.make(world.root, BOOKS, 2024, YearWish(), "because") for door in doors * CALLERS)
        )
        assert sorted(each.fresh for each in made) == [False] * (2 * CALLERS - 1) + [True]
        assert len({each.years for each in made}) == 1
        assert [await rows(world, table) for table in ("fiscal_year", "fiscal_period")] == [1, 12]
        assert len(await world.events("calendar:year:made")) == 1

    async def test_on_either_side_of_one_that_is_missing_are_not_both_made(
        self, world: World, doors: list[CalendarCases]
    ) -> None:
        await doors[0].configuring.put(world.root, BOOKS, MONTHS, expected=0, reason="because")
        answers = await asyncio.gather(
            *(door.making.make(world.root, BOOKS, year, YearWish(), "because")
              for door, year in zip(doors, (2024, 2026), strict=True)),
            return_exceptions=True,
        )  # fmt: skip
        assert [type(each) for each in answers if isinstance(each, BaseException)] == [YearsApart]


class TestRules:
    @pytest.mark.parametrize("seen", [0, 1])
    async def test_of_those_who_saw_the_same_version_one_writes(
        self, world: World, doors: list[CalendarCases], seen: int
    ) -> None:
        for expected in range(seen):
            await doors[0].configuring.put(world.root, BOOKS, MONTHS, expected=expected, reason="because")
        answers = await asyncio.gather(
            *(door.configuring.put(world.root, BOOKS, MONTHS, expected=seen, reason="because") for door in doors * 3),
            return_exceptions=True,
        )
        refused = [each for each in answers if isinstance(each, BaseException)]
        assert [type(each) for each in refused] == [Stale] * 5

    async def test_asked_for_twice_by_one_request_are_one(self, world: World, doors: list[CalendarCases]) -> None:
        asked = replace(world.root, request=uuid4())
        first = await doors[0].configuring.put(asked, BOOKS, MONTHS, expected=0, reason="because")
        assert await doors[1].configuring.put(asked, BOOKS, MONTHS, expected=0, reason="because") == first


class TestUse:
    @pytest.mark.req("FP25")
    async def test_of_a_year_that_is_being_removed_is_either_refused_or_keeps_it(
        self, world: World, doors: list[CalendarCases]
    ) -> None:
        """Whoever would post into it never posts into a year that is gone."""
        await doors[0].configuring.put(world.root, BOOKS, MONTHS, expected=0, reason="because")
        for number in range(2024, 2034):
            (year,) = (await doors[0].making.make(world.root, BOOKS, number, YearWish(), "because")).years
            answers = await asyncio.gather(
                use(world, year.id),
                doors[1].making.remove(world.root, BOOKS, str(number), "because"),
                return_exceptions=True,
            )
            assert [type(each) for each in answers if isinstance(each, BaseException)] in ([Missing], [YearUsed])
            if isinstance(answers[0], Missing):
                await doors[0].making.make(world.root, BOOKS, number, YearWish(), "because")


async def use(world: World, year: UUID) -> None:
    async with world.store.transaction(world.tenant.id) as tx:
        await tx.calendars.use(year)
