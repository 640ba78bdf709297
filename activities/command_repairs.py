"""What a decision that waited for another person does to its command: each answers with what the database holds."""

from dataclasses import dataclass

from temporalio import activity

from activities.refusals import typed
from application.commands.repairing import Repairing, RepairStand, RepairStep


@dataclass(frozen=True)
class LettingGo:
    step: RepairStep
    why: str


class CommandRepairActivities:
    def __init__(self, repairing: Repairing) -> None:
        self._repairing = repairing

    @activity.defn(name="command-repair.stand")
    async def stand(self, step: RepairStep) -> RepairStand:
        with typed():
            return await self._repairing.stand(step)

    @activity.defn(name="command-repair.answer")
    async def answer(self, step: RepairStep) -> RepairStand:
        with typed():
            return await self._repairing.answer(step)

    @activity.defn(name="command-repair.let-go")
    async def let_go(self, wish: LettingGo) -> RepairStand:
        with typed():
            return await self._repairing.give_up(wish.step, wish.why)
