"""Closed periods that are opened again for a while, carried on step by step as a process would."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from application.ports.periods import PostingAsked
from application.reopenings.asking import AskWish
from application.reopenings.cases import ReopeningCases
from application.reopenings.looking import ReopeningView
from application.reopenings.stand import ReopenStand, ReopenStep
from domain.approvals import Answer
from domain.closures import Reopening
from domain.periods import Operation
from tests.closes import ENTITY, MARCH, Close, Started

WHY = "an invoice of March came in May"


class Begun(Started):
    """Reopenings that a process was started for, and what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.reopenings: list[UUID] = []
        self.told: list[UUID] = []
        self.called_off: list[UUID] = []

    async def start_reopening(self, reopening: Reopening, requester: str) -> None:
        del requester
        self.reopenings.append(reopening.id)

    async def reopening_told(self, reopening: Reopening) -> None:
        self.told.append(reopening.id)

    async def closed(self, approval: UUID) -> None:
        self.called_off.append(approval)


class Window:
    """`fin` asks for it."""

    def __init__(self, close: Close) -> None:
        self.close, self.world, self.begun = close, close.world, Begun()
        processes: Any = self.begun
        self.cases = ReopeningCases.over(self.world.store, processes, close.cases.starting)
        self.id = uuid4()

    async def ask(self, handle: str = "fin", period: str = MARCH, **given: Any) -> Reopening:
        ends = self.world.clock() + timedelta(days=1)
        raw = {"reason": "late-invoice", "justification": WHY, "reopen_until": ends.isoformat(), **given}
        self.id = uuid4()
        return await self.cases.asking.ask(self.world.people[handle], AskWish(self.id, ENTITY, period, raw))

    @property
    def step(self) -> ReopenStep:
        return ReopenStep(self.world.tenant.id, self.id)

    async def open(self, period: str = MARCH, **given: Any) -> ReopenStand:
        asked = await self.ask(period=period, **given)
        await self.approve(asked)
        return await self.cases.opening.open(self.step)

    async def approve(self, asked: Reopening, answer: Answer = Answer.APPROVE) -> None:
        for handle in ("bob", "cyd"):
            await self.world.vote(handle, asked.approval, answer)

    async def over(self) -> ReopenStand:
        self.world.clock += timedelta(days=1, seconds=1)
        return await self.cases.shutting.due(self.step)

    async def view(self) -> ReopeningView:
        return await self.cases.looking.get(self.world.eve, self.id)

    async def post(self, scope: str = "AP", operation: Operation = Operation.ADJUSTMENT, period: str = MARCH) -> None:
        place = await self.close.place(period)
        async with self.close.transaction() as tx:
            asked = PostingAsked(ENTITY, scope, operation, place.period.begins, self.world.fin.id)
            await tx.periods.assert_postable(asked)

    async def certifying(self) -> ReopenStand:
        """On to the next of its periods, or to its end."""
        return await self.cases.recertifying.recertify(self.step)

    async def certified(self) -> None:
        """The close that is under way, gone through."""
        cases, step = self.close.cases, self.close.step
        await self.voting()
        await cases.closing.close(step())
        await cases.closing.notify(step())

    async def voting(self, answer: Answer = Answer.APPROVE) -> None:
        """The close that is under way, until everybody has voted."""
        run = (await self.view()).reopening.recertified[-1].closure
        assert run is not None
        self.close.run_id = run
        cases, step = self.close.cases, self.close.step
        await cases.prechecking.precheck(step())
        await cases.freezing.freeze(step())
        await cases.freezing.frozen(step())
        await cases.validating.validate(step())
        await self.close.vote(await cases.validating.ask(step()), answer)
