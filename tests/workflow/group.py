"""Several entities that close together, or one over several periods: asked for by root, on the real servers."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from temporalio.client import WorkflowHandle
from temporalio.worker import Replayer

from adapters.holidays.listed import ListedHolidays
from adapters.temporal.worker import WORKFLOWS, sandbox
from application.calendars.cases import CalendarCases
from application.calendars.entities import EntityWish
from application.closure_series.asking import CloseWish, SeriesWish, carry_on_waiting_series
from application.periods.books import BooksWish
from application.periods.moves import GateVerb
from application.periods.moving import GateWish
from application.ports.records import WaitingKind
from domain.approvals import Answer
from domain.closures import ClosureRun, RunState
from domain.closures.series import Member, Series, SeriesState
from tests.workflow.office import WHY, Office
from tests.workflow.record import kept
from tests.workflow.theatre import known, seen

PERIOD = "2025-01"


@dataclass
class Group:
    office: Office
    asked: list[Series] = field(default_factory=list)

    async def join(self, *entities: str, most: int = 1) -> None:
        """Books by the month as those of the first, whose first periods are open."""
        office, root = self.office, self.office.house.root
        entered = CalendarCases.over(office.store, ListedHolidays()).entities
        for entity in entities:
            await entered.put(root, entity, EntityWish(entity.upper(), "UTC"), expected=0, reason=WHY)
            await office.periods.books.put(root, entity, BooksWish("books"), expected=0, reason=WHY)
            for number in range(1, most + 1):
                await self.open(entity, f"2025-{number:02}")

    async def open(self, entity: str, period: str = PERIOD, *scopes: str) -> None:
        wish = GateWish(WHY, scopes=scopes)
        await self.office.periods.gating.period(self.office.house.root, GateVerb.OPEN, (entity, period), wish)

    async def ask(self, *closes: CloseWish, at_once: int = 4) -> Series:
        wish = SeriesWish(uuid4(), closes, at_once, WHY)
        series = await self.office.series.asking.ask(self.office.house.root, wish)
        self.asked.append(series)
        return series

    async def months(self, last: str, **given: Any) -> Series:
        """Everything up to `last` of the first entity, in order."""
        return await self.ask(CloseWish(self.office.entity, last, gapless=True, **given))

    # --- what happens

    def handle(self, series: Series) -> WorkflowHandle[Any, Any]:
        return self.office.client.get_workflow_handle(series.workflow_id)

    async def series(self, series: Series) -> Series:
        return (await self.office.series.looking.get(self.office.house.root, series.id)).series

    async def members(self, series: Series) -> dict[str, Member]:
        return {each.key: each for each in (await self.series(series)).members}

    async def states(self, series: Series) -> list[str]:
        return [each.state.value for each in (await self.series(series)).members]

    async def run(self, series: Series, key: str, but: UUID | None = None) -> ClosureRun:
        """The close of this member, once it has begun (anew, where `but` is what it was)."""

        async def begun() -> UUID | None:
            found = (await self.members(series))[key].run
            return found if found != but else None

        run = await seen(begun)
        return (await self.office.cases.looking.get(self.office.house.root, run)).run

    async def close(self, series: Series, key: str, answer: Answer = Answer.APPROVE) -> ClosureRun:
        """With the votes that it asks for."""
        run = await self.run(series, key)
        voters = (self.office.house.bob, self.office.house.cyd)
        await self.office.vote(run, *voters[: 1 if answer is Answer.REJECT else 2], answer=answer)
        return await self.office.until(run, RunState.REJECTED if answer is Answer.REJECT else RunState.CLOSED)

    async def rests(self, series: Series, state: SeriesState) -> Series:
        """Its workflow has ended, and says what the database holds."""
        result = await self.handle(series).result()
        found = await self.series(series)
        assert (result["state"], result["why"]) == (found.state.value, found.why)
        assert found.state is state, found
        return found

    async def until(self, series: Series, look: Any) -> Series:
        async def reached() -> Series | None:
            found = await self.series(series)
            return found if look(found) else None

        found = await seen(reached)
        assert isinstance(found, Series)
        return found

    async def carried_on(self, series: Series) -> None:
        """Once the sweeper would find it."""
        await seen(lambda: self._sweep(series))

    async def swept(self, series: Series, look: Any) -> None:
        """Until it stands so, and meanwhile carried on whenever the sweeper would do it."""

        async def reached() -> bool:
            await self._sweep(series)
            return bool(look(await self.series(series)))

        await seen(reached)

    async def _sweep(self, series: Series) -> bool:
        waiting = await self.office.store.waiting()
        if not any(each.kind is WaitingKind.SERIES and each.id == series.id for each in waiting):
            return False
        await carry_on_waiting_series(self.office.store, self.office.processes, series.tenant, series.id)
        return True

    async def parent(self, run: ClosureRun) -> str | None:
        """The workflow that began this close, once there is one of it."""
        handle = self.office.handle(run)
        await seen(lambda: known(handle))
        return (await handle.describe()).parent_id

    async def replayed(self) -> None:
        replayer = Replayer(
            workflows=WORKFLOWS, workflow_runner=sandbox(), data_converter=self.office.client.data_converter
        )  # fmt: skip
        for series in self.asked:
            if await known(self.handle(series)):
                history = await self.handle(series).fetch_history()
                await replayer.replay_workflow(history)
                kept("series", history)
