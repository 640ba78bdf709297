"""A rollout whose process was ended from outside is found, and what it exposed goes back."""

import asyncio
import re

import structlog

from application.closing import taken_back
from application.ports.processes import Processes
from application.ports.recovery import OpenRollout, OpenRollouts
from application.ports.store import Transaction
from application.progression import Step, locked, move
from application.rounds import again_and_again, attended
from domain.rollouts import EXPOSED, Rollout, State, Transition

PROCESS_LOST = "process_lost"

_AT_ONCE = 8
_COUNTED = re.compile(r"(\d+):")

log = structlog.get_logger()


class Recovery:
    """Terminated, timed out, failed or lost with the server that ran it: the database still says that it is open.

    A process ends only after its rollout has, so one that has ended and left the rollout open was stopped midway.
    Temporal lists which ones run, a hundred in an answer; each that is not listed is asked about by itself.
    """

    def __init__(self, store: OpenRollouts, processes: Processes, *, pause: float = 15.0) -> None:
        """`pause` in seconds between two looks; what is exposed is found at the next one."""
        self._store = store
        self._processes = processes
        self._pause = pause
        self._taken = 0

    async def run(self) -> None:
        """Until cancelled; an outage of the database or of Temporal only delays it."""
        await again_and_again("recovery", self.look, self._pause)

    async def look(self) -> int:
        """One round; how many were taken back or are being taken back. One that fails holds no other up."""
        gate, self._taken = asyncio.Semaphore(_AT_ONCE), 0
        found = await self._store.open_rollouts()
        listed = await self._processes.running([each.id for each in found])
        await asyncio.gather(*(self._tried(each, gate) for each in found if each.id not in listed))
        return self._taken

    async def _tried(self, each: OpenRollout, gate: asyncio.Semaphore) -> None:
        async with gate:
            await attended(self._recovered(each), what="recovery", id=str(each.id))

    async def _recovered(self, each: OpenRollout) -> None:
        if await self._processes.alive(each.id):
            return
        async with self._store.transaction(each.tenant) as tx:
            rollout = await locked(tx, each.id)
            if rollout.terminal:
                return
            timeline = await tx.rollouts.timeline(each.id)
            approval = await tx.approvals.get(rollout.change)
            requester = await tx.people.actor(rollout.requester)
            if rollout.state not in EXPOSED:
                await _cancelled(tx, rollout, steps_of(timeline))
        log.warning("recovery.process_lost", rollout=str(each.id), state=rollout.state.value)
        if rollout.state in EXPOSED and approval is not None:
            handle = requester.handle if requester else ""
            await self._processes.take_back(rollout, approval, handle, steps=steps_of(timeline), cause=PROCESS_LOST)
        else:
            await self._processes.closed(rollout.change)
        self._taken += 1


async def _cancelled(tx: Transaction, rollout: Rollout, steps: int) -> None:
    """Nobody was served anything: it ends where it stands, and its target is free."""
    step = Step(rollout.id, rollout.tenant, f"{steps + 1}:recover", tx.now)
    await taken_back(tx, await move(tx, rollout, step, State.CANCELLED, PROCESS_LOST))


def steps_of(timeline: list[Transition]) -> int:
    """How many steps the lost process had counted at least: the next counts on, so that no two have one name."""
    counted = [_COUNTED.match(line.step) for line in timeline]
    return max((int(found[1]) for found in counted if found), default=0)
