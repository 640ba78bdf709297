"""What the handler of a module returns is its word: the fence is settled by it as by an acknowledgement."""

from typing import Any, Final

from pydantic import BaseModel

from application.commands.handling import Order, handles
from application.commands.replies import PATIENT
from application.fences.settling import Heard, Settling
from application.ports.store import Store
from domain.canonical import Json
from domain.commands import CommandState
from domain.commands.outcomes import BusinessRule, HandlerKind, Permanent
from domain.errors import Invalid
from domain.fences import EpochUnknown, Fence
from domain.fences.telling import ANSWERED, fence_of, word_of
from domain.people import Actor

_BEHIND: Final = "it answers with an older epoch than it was told"


class FenceAnswer(BaseModel):
    command: str
    state: CommandState
    result: Any = None


class FenceAnswers:
    """In the name of the account that speaks for the module; said again, it changes nothing."""

    def __init__(self, store: Store, heard: Heard) -> None:
        self._store = store
        self._settling = Settling(store, heard)

    @handles(ANSWERED, FenceAnswer, HandlerKind.EXTERNAL, policy=PATIENT)
    async def answered(self, order: Order, told: FenceAnswer) -> Json:
        """Where the fence stands now. What is no acknowledgement of its epoch leaves it outstanding."""
        speaker, fence = await self._of(order, told)
        if told.state is not CommandState.COMPLETED:
            return _said(await self._settling.heard(speaker, fence))
        try:
            after = await self._settling.acknowledge(speaker, fence.id, word_of(told.result))
        except Invalid as refusal:
            faults = [{"path": each.path, "message": each.message} for each in refusal.faults]
            raise BusinessRule("no-acknowledgement", "it returned no acknowledgement", {"faults": faults}) from None
        except EpochUnknown as refusal:
            raise BusinessRule(refusal.kind, str(refusal), {**refusal.facts}) from None
        if after.id == fence.id and after.outstanding:
            raise BusinessRule("epoch-behind", _BEHIND, {"epoch": after.epoch})
        return _said(after)

    async def _of(self, order: Order, told: FenceAnswer) -> tuple[Actor, Fence]:
        async with self._store.transaction(order.tenant) as tx:
            id_ = fence_of(told.command)
            fence = await tx.fences.get(id_) if id_ else None
            module = await tx.fences.module(fence.module) if fence else None
            if fence is None or module is None:
                raise Permanent("no-fence", "there is no fence that it was sent for", {"command": told.command})
            (speaker,) = await tx.people.by_ids([module.speaker])
            return speaker.actor, fence


def _said(fence: Fence) -> Json:
    return {"fence": str(fence.id), "state": fence.state.value}
