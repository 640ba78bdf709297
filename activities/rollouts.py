"""What a rollout does to the world: admit, expose, check, move; each named step once."""

from dataclasses import dataclass

from temporalio import activity

from activities.pulsing import pulse
from activities.refusals import typed
from application.admission import Admission, Admitting
from application.controls import Control, Controlling
from application.gating import CheckAnswer, CheckWish, Gating
from application.progression import Progression, Step
from domain.rollouts import State


@dataclass(frozen=True)
class Exposure:
    step: Step
    stage: int


@dataclass(frozen=True)
class Move:
    step: Step
    state: State
    cause: str


class RolloutActivities:
    def __init__(
        self, progression: Progression, gating: Gating, controlling: Controlling, admitting: Admitting
    ) -> None:
        self._progression = progression
        self._gating = gating
        self._controlling = controlling
        self._admitting = admitting

    @activity.defn(name="rollout.settle")
    async def settle(self, wish: Move) -> State:
        with typed():
            return await self._progression.settle(wish.step, wish.state, wish.cause)

    @activity.defn(name="rollout.admit")
    async def admit(self, step: Step) -> Admission:
        with typed():
            return await self._admitting.admit(step)

    @activity.defn(name="rollout.expose")
    async def expose(self, wish: Exposure) -> int:
        """Many tenants in one transaction take longer than a worker may be silent."""
        with typed():
            async with pulse():
                return await self._progression.expose(wish.step, wish.stage, activity.heartbeat)

    @activity.defn(name="rollout.check")
    async def check(self, wish: CheckWish) -> CheckAnswer:
        with typed():
            return await self._gating.check(wish)

    @activity.defn(name="rollout.frozen")
    async def frozen(self, step: Step) -> bool:
        with typed():
            return await self._gating.frozen(step)

    @activity.defn(name="rollout.move")
    async def move(self, wish: Move) -> State:
        with typed():
            return await self._progression.move(wish.step, wish.state, wish.cause)

    @activity.defn(name="rollout.control")
    async def control(self, control: Control) -> State:
        with typed():
            return await self._controlling.apply(control)
