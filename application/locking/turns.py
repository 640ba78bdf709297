"""Who waits for a target or for a freeze to end hears when that is over, and who must give way hears that."""

import time
from collections.abc import Callable
from uuid import UUID

from application.changes import existing_change
from application.locking.waiting import kept_back, queued
from application.ports.locks import Turn, TurnKind
from application.ports.processes import Processes
from application.ports.store import Store
from application.rounds import again_and_again, attended
from domain.rollouts import State

QUIET = 15.0
"""Seconds for which nothing is said again to who has just been told: it is on its way."""
PATIENCE = 2.0
"""Seconds until who could not go on is looked at again."""
MOST = 200
"""A round: the same process counts votes and checks gates."""


class Turns:
    def __init__(
        self, store: Store, processes: Processes, *, pause: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._processes = processes
        self._pause = pause
        self._clock = clock
        self._left: dict[UUID, float] = {}
        self._told = 0

    async def run(self) -> None:
        """Until cancelled; an outage of the database or of Temporal only delays it."""
        await again_and_again("turns", self.call, self._pause)

    async def call(self) -> int:
        """One round; how many were told. One that fails holds no other up."""
        now = self._clock()
        self._left = {rollout: until for rollout, until in self._left.items() if now < until}
        waiting = [each for each in await self._store.turns() if each.rollout not in self._left]
        self._told = 0
        for turn in waiting[:MOST]:
            await attended(self._called(turn), what=turn.kind.value, id=str(turn.rollout))
        return self._told

    async def _called(self, turn: Turn) -> None:
        if turn.kind is TurnKind.SUPERSEDED:
            await self._processes.superseded(turn.rollout)
        elif await self._may_go_on(turn):
            await self._processes.turn(turn.rollout)
        else:
            self._left[turn.rollout] = self._clock() + PATIENCE
            return
        self._left[turn.rollout] = self._clock() + QUIET
        self._told += 1

    async def _may_go_on(self, turn: Turn) -> bool:
        """Looked at without holding anything: it asks again where it counts."""
        async with self._store.transaction(turn.tenant) as tx:
            rollout = await tx.rollouts.get(turn.rollout)
            if rollout is None or rollout.state not in {State.QUEUED, State.BLOCKED}:
                return False
            change = await existing_change(tx, rollout.change)
            wait = await kept_back(tx, rollout, change)
            if wait is not None:
                return wait.state is not rollout.state
            if rollout.state is State.BLOCKED:
                return True
            approval = await tx.approvals.get(rollout.change)
            since = approval.closed_at if approval and approval.closed_at else rollout.created_at
            return await queued(tx, rollout, change, since) is None
