"""What the close of a period does to the world: every step once, and each answers with what the database holds."""

from dataclasses import dataclass
from uuid import UUID

from temporalio import activity

from activities.pulsing import pulse
from activities.refusals import typed
from application.closures.cases import ClosureCases
from application.closures.stand import ClosureAct, RunStep, Stand
from domain.closures.states import RunState


@dataclass(frozen=True)
class Reminded:
    """`tasks` are keys."""

    step: RunStep
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Ending:
    step: RunStep
    state: RunState
    why: str


class ClosureActivities:
    def __init__(self, cases: ClosureCases) -> None:
        self._cases = cases

    @activity.defn(name="closure.stand")
    async def stand(self, step: RunStep) -> Stand:
        with typed():
            return await self._cases.looking.stand(step)

    @activity.defn(name="closure.precheck")
    async def precheck(self, step: RunStep) -> Stand:
        with typed():
            async with pulse():
                return await self._cases.prechecking.precheck(step)

    @activity.defn(name="closure.freeze")
    async def freeze(self, step: RunStep) -> Stand:
        """Waits for whoever is posting at this moment."""
        with typed():
            async with pulse():
                return await self._cases.freezing.freeze(step)

    @activity.defn(name="closure.ask_again")
    async def ask_again(self, step: RunStep) -> Stand:
        with typed():
            return await self._cases.freezing.ask_again(step)

    @activity.defn(name="closure.call")
    async def call(self, step: RunStep) -> Stand:
        with typed():
            return await self._cases.freezing.call(step)

    @activity.defn(name="closure.frozen")
    async def frozen(self, step: RunStep) -> Stand:
        with typed():
            async with pulse():
                return await self._cases.freezing.frozen(step)

    @activity.defn(name="closure.act")
    async def act(self, act: ClosureAct) -> Stand:
        with typed():
            async with pulse():
                return await self._announced(act.tenant, await self._cases.tasks.apply(act))

    @activity.defn(name="closure.remind")
    async def remind(self, wish: Reminded) -> None:
        with typed():
            await self._cases.tasks.remind(wish.step, wish.tasks)

    @activity.defn(name="closure.suspend")
    async def suspend(self, step: RunStep) -> Stand:
        with typed():
            async with pulse():
                return await self._cases.tasks.suspend(step)

    @activity.defn(name="closure.validate")
    async def validate(self, step: RunStep) -> Stand:
        with typed():
            async with pulse():
                return await self._cases.validating.validate(step)

    @activity.defn(name="closure.ask")
    async def ask(self, step: RunStep) -> Stand:
        with typed():
            async with pulse():
                return await self._cases.validating.ask(step)

    @activity.defn(name="closure.close")
    async def close(self, step: RunStep) -> Stand:
        with typed():
            async with pulse():
                return await self._cases.closing.close(step)

    @activity.defn(name="closure.notify")
    async def notify(self, step: RunStep) -> Stand:
        with typed():
            return await self._announced(step.tenant, await self._cases.closing.notify(step))

    @activity.defn(name="closure.end")
    async def end(self, wish: Ending) -> Stand:
        with typed():
            async with pulse():
                ended = await self._cases.compensating.end(wish.step, wish.state, wish.why)
                return await self._announced(wish.step.tenant, ended)

    async def _announced(self, tenant: UUID, stand: Stand) -> Stand:
        if stand.over:
            await self._cases.announcing.ended(tenant, stand.run)
        return stand
