"""Break-glass: a change goes on without its approval, at once, and whoever did it owes a review."""

from uuid import UUID

from application.bypassing import Emergency, bypass, check_emergency
from application.changes import existing_change
from application.ports.processes import Processes
from application.ports.store import Store
from application.submission import Submission, Submitted
from domain.approvals import NothingToBypass, Standing
from domain.changes import ChangeStatus
from domain.errors import Unavailable
from domain.people import Actor
from domain.rollouts import TO_START, WAITING, Rollout

_PASSABLE = {Standing.PENDING, Standing.APPROVED}
"""An approval, too: it was of the plan as it stood, with its moment, its turn and its gates."""


class Emergencies:
    def __init__(self, store: Store, processes: Processes, submission: Submission) -> None:
        self._store = store
        self._processes = processes
        self._submission = submission

    async def break_glass(
        self, actor: Actor, change_id: UUID, emergency: Emergency, *, expected: int | None = None
    ) -> Submitted:
        """A draft is submitted past its approval; what waits for approval, its moment or its turn waits no longer.

        Raises what `check_emergency` and a submission do, and NothingToBypass. Sent again, it is done once; Unavailable
        when it is done and its process could not be told: sent again, that is told.
        """
        rollout = await self._bypassed(actor, change_id, emergency)
        if rollout is None:
            return await self._submission.submit(actor, change_id, expected=expected, emergency=emergency)
        await self._tell(rollout)
        return await self._submission.submitted(actor, change_id)

    async def _tell(self, rollout: Rollout) -> None:
        try:
            await self._processes.closed(rollout.change)
            await self._processes.urgent(rollout.id)
        except Unavailable:
            if rollout.state in WAITING:
                raise
            # what still awaits its approval is told later, by the loop that finds who has not heard

    async def _bypassed(self, actor: Actor, change_id: UUID, emergency: Emergency) -> Rollout | None:
        """What was to wait; None for a draft, which has no approval yet to go past."""
        async with self._store.transaction(actor.tenant) as tx:
            if actor.request is not None and await tx.reviews.get(actor.request) is not None:
                return await tx.rollouts.get(change_id)
            await check_emergency(tx, actor, emergency)
            change = await existing_change(tx, change_id)
            if change.status is ChangeStatus.DRAFT:
                return None
            rollout = await tx.rollouts.get(change_id, lock=True)
            approval = await tx.approvals.get(change_id, lock=True)
            waits = rollout is not None and rollout.state in TO_START
            if rollout is None or approval is None or not waits or approval.standing not in _PASSABLE:
                raise NothingToBypass(status=rollout.state.value if rollout else change.status.value)
            await tx.rollouts.save(emergency.on(rollout))
            await bypass(tx, actor, change, approval, emergency)
            return rollout
