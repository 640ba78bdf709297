"""A module that a person had told anew, and that stays silent, waits for a person again."""

from datetime import datetime
from typing import Final
from uuid import UUID

from application.fences.asking import keep, outstanding
from application.ports.records import AuditFilter
from application.ports.store import Transaction
from domain.audit import Action
from domain.fences import Fence

_MOST: Final = 100


async def lapse(tx: Transaction, run: UUID) -> None:
    """Fences of this close that are silent for as long as one that is told by turns become overdue."""
    for known in await outstanding(tx, run):
        if known.lapsed(await _told_at(tx, known), tx.now) == known:
            continue
        await tx.fences.module(known.module, lock=True)
        fence = await tx.fences.get(known.id)
        if fence is not None and (after := fence.lapsed(await _told_at(tx, fence), tx.now)) != fence:
            await tx.fences.save(after)
            await keep(tx, Action.FENCE_OVERDUE, after)


async def _told_at(tx: Transaction, fence: Fence) -> datetime:
    """The last time, as the trail has it."""
    query = AuditFilter(action=Action.FENCE_ASKED.value, resource_type="module_fence", resource=str(fence.id))
    return max((each.recorded_at for each in await tx.audit.page(query, None, _MOST)), default=fence.asked_at)
