"""What an approval does to the world: count, remind, expire."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from temporalio import activity

from activities.refusals import typed
from application.balloting import Balloting, Cast, Counted


@dataclass(frozen=True)
class OfApproval:
    """`occasion` names a reminder, `assertion` proves an act, `level` is escalated; each where it applies."""

    tenant: UUID
    approval: UUID
    at: datetime
    occasion: str = ""
    assertion: str = ""
    level: int = 0


class ApprovalActivities:
    def __init__(self, balloting: Balloting) -> None:
        self._balloting = balloting

    @activity.defn(name="approval.cast")
    async def cast(self, vote: Cast) -> Counted:
        with typed():
            return await self._balloting.cast(vote)

    @activity.defn(name="approval.withdraw_vote")
    async def withdraw_vote(self, wish: OfApproval) -> Counted:
        with typed():
            return await self._balloting.withdraw_vote(wish.tenant, wish.approval, wish.assertion)

    @activity.defn(name="approval.state")
    async def state(self, wish: OfApproval) -> Counted:
        with typed():
            return await self._balloting.state(wish.tenant, wish.approval)

    @activity.defn(name="approval.remind")
    async def remind(self, wish: OfApproval) -> None:
        with typed():
            await self._balloting.remind(wish.tenant, wish.approval, wish.occasion)

    @activity.defn(name="approval.escalate")
    async def escalate(self, wish: OfApproval) -> Counted:
        with typed():
            return await self._balloting.escalate(wish.tenant, wish.approval, wish.level)

    @activity.defn(name="approval.expire")
    async def expire(self, wish: OfApproval) -> Counted:
        with typed():
            return await self._balloting.expire(wish.tenant, wish.approval, wish.at)
