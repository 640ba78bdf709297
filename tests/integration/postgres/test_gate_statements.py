"""What it costs to move the gates of a year: as many statements, however many periods it has."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.holidays.listed import ListedHolidays
from adapters.postgres.engine import connect
from adapters.postgres.store import PostgresStore
from application.calendars.cases import CalendarCases
from application.calendars.configuring import CalendarWish
from application.calendars.entities import EntityWish
from application.calendars.making import YearWish
from application.calendars.places import Place
from application.fences.cases import FenceCases
from application.fences.modules import ModuleWish
from application.periods.books import BooksWish
from application.periods.cases import PeriodCases
from application.periods.moves import GateVerb
from application.periods.moving import GateWish
from application.ports.fences import FenceFilter
from domain.periods import GateKey, Scope, Status
from tests.integration.postgres.test_part_statements import counted
from tests.world import Clock, World, world_in

WHY = "for the test"
YEAR = 2025
SCOPES = ("AP", "AR", "GL")
RULES = {"quarters": {"kind": "gregorian", "months_per_period": 3}, "months": {"kind": "gregorian"}}


@pytest_asyncio.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Nobody else says anything over this one."""
    engine = connect(database_url)
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def world(engine: AsyncEngine) -> World:
    """An entity whose year has four periods, one whose year has twelve; AP is kept elsewhere as well."""
    world = await world_in(PostgresStore(engine), Clock())
    calendars, periods = CalendarCases.over(world.store, ListedHolidays()), PeriodCases.over(world.store)
    for code in SCOPES:
        await periods.scopes.put(world.root, Scope(code, code, ledger=code == "GL"), expected=0, reason=WHY)
    for entity, rule in RULES.items():
        place = Place(entity, entity)
        await calendars.entities.put(world.root, entity, EntityWish(entity, "UTC"), expected=0, reason=WHY)
        await calendars.configuring.put(world.root, place, CalendarWish(rule), expected=0, reason=WHY)
        await calendars.making.make(world.root, place, YEAR, YearWish(), WHY)
        await periods.books.put(world.root, entity, BooksWish(entity), expected=0, reason=WHY)
    await FenceCases.over(world.store).modules.put(
        world.root, "ERP", ModuleWish("ERP", "AP", "shop"), expected=0, reason=WHY
    )
    return world


class TestStatements:
    @pytest.mark.req("FP44")
    async def test_are_as_many_however_many_periods_are_opened(self, world: World, engine: AsyncEngine) -> None:
        gating, costs = PeriodCases.over(world.store).gating, []
        for entity, periods in (("quarters", 4), ("months", 12)):
            with counted(engine) as said:
                year = await gating.year(world.root, GateVerb.OPEN, (entity, str(YEAR)), GateWish(WHY))
            assert [gate.status for each in year.periods for gate in each.gates] == [Status.OPEN] * periods * len(
                SCOPES
            )
            assert await self.asked(world, entity) == periods
            costs.append(len(said))
        assert costs[0] == costs[1]

    async def test_and_when_they_move_on(self, world: World, engine: AsyncEngine) -> None:
        gating, costs = PeriodCases.over(world.store).gating, []
        for entity in RULES:
            place = (entity, str(YEAR))
            year = await gating.year(world.root, GateVerb.OPEN, place, GateWish(WHY))
            keys = [GateKey(entity, each.place.id, scope) for each in year.periods for scope in SCOPES]
            async with world.store.transaction(world.tenant.id) as tx:
                held = await tx.periods.hold(keys)
                await tx.periods.move([gate.closed(world.root.id, tx.now, WHY) for gate in held.values()])
            with counted(engine) as said:
                await gating.year(world.root, GateVerb.LOCK, place, GateWish(WHY))
            costs.append(len(said))
        assert costs[0] == costs[1]

    async def asked(self, world: World, entity: str) -> int:
        async with world.store.transaction(world.tenant.id) as tx:
            found = await tx.fences.page(FenceFilter(module="ERP"), None, 100)
        return sum(each.gate.key.entity == entity for each in found)
